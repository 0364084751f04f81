"""What the tests of the studio's page drive: a run with a setting of every kind, and the page as a person uses it."""

from __future__ import annotations

import base64
import contextlib
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from bgflow import In, Out, Param, Run, Stage
from bgflow.action import action
from bgflow.bench.browser import chromium, write_clip
from bgflow.stages.synth import Source
from bgflow.testing import opened
from tests.browser.chromium import needed, received, until
from tests.peers import running

H, W = 180, 320
GREEN, DUSK = (0, 177, 64), "gallery:dusk"
ENTER, SPACE, TAB, HOME, END, LEFT, RIGHT, DOWN = (
    "\ue007",
    " ",
    "\ue004",
    "\ue011",
    "\ue010",
    "\ue012",
    "\ue014",
    "\ue015",
)
GRAPH = """
graph: knobs
description: a green screen, and a setting of every kind
stages:
  camera: {{use: webrtc.source, set: {{port: {port}, ice_host: 127.0.0.1, width: 320, height: 180}}}}
  key: {{use: key.chroma, in: camera.image}}
  knobs: {{use: toy.knobs, in: {{image: camera.image}}, every: 2, thread: knobs}}
  replace: {{use: compose.replace, in: {{image: key.image, alpha: key.alpha}}, set: {{background: gallery:dusk}}}}
  beside: {{use: toy.beside, in: {{image: replace.out, other: knobs.out}}}}
  out: {{use: webrtc.sink, in: beside.out, set: {{codec: VP8}}}}
"""


class Knobs(Stage, use="toy.knobs"):
    """A setting and an action of every kind, as `toy.knobs`; the picture goes through."""

    image = In("u8[h,w,3] rgb")
    out = Out("u8[h,w,3] rgb", description="the same picture")

    amount: float = Param(2.5, ge=0, le=10, hot=True, unit="%", description="of the height: see `count`")
    ratio: float = Param(0.5, gt=0, lt=1, hot=True)
    tiny: float = Param(1e-3, ge=1e-6, le=1, hot=True)
    count: int = Param(3, ge=1, le=8, hot=True, unit="px")
    open_ended: int = Param(500, ge=1, hot=True, unit="frames")
    large: int = Param(320, ge=32, le=2048, hot=True, slow=True)
    light: bool = Param(True, hot=True)
    fit: Literal["cover", "contain", "tile"] = Param("cover", hot=True)
    level: Literal[0, 127, 255] = Param(127, hot=True)
    mood: Literal["calm", "glad", "cross", "tired", "awake"] = Param("calm", hot=True)
    colour: str = Param("#2040ff", hot=True, pattern=r"^#[0-9a-f]{6}$")
    place: str = Param("0.25 0 0.75 1", hot=True)
    word: str = Param("auto", hot=True)
    limit: float | None = Param(None, ge=0, le=5, hot=True)
    low: int = Param(1, ge=0, le=9, hot=True)
    points: list[int] = Param([1, 2], hot=True)

    def problems(self) -> Iterable[tuple[str, str]]:
        if self.low > self.count:
            yield "low", f"low is {self.low}, but must not be above count, which is {self.count}"

    def process(self, image: Any) -> Any:
        return image

    @action
    def flash(self) -> str:
        """Tell everybody a line."""
        return "flashed"

    @action
    def mix(self, times: int, soft: bool = False) -> str:
        """Take two parameters."""
        if times > 5:
            raise ValueError(f"times is {times}, but 5 is the most")
        return f"mixed {times} times, {'softly' if soft else 'hard'}"

    @action
    def count_down(self) -> None:
        """Begin a countdown."""
        self.ctx.tell("Picture in 3", 30, "countdown")


class Beside(Stage, use="toy.beside"):
    """Passes its picture on, and needs another."""

    image = In("u8[h,w,3] rgb")
    other = In("u8[h,w,3] rgb", hold=True, optional=True)
    out = Out("u8[h,w,3] rgb")

    def process(self, image: Any, other: Any) -> Any:
        return image


def green_screen(path: Path) -> Path:
    """A clip of somebody before green, for the camera."""
    with opened(Source(width=W, height=H, speed=0, count=1)) as it:
        _, frame = next(it.frames(1))
        alpha = frame["alpha"][..., None]
        image = (frame["foreground"] * alpha + np.array(GREEN) * (1 - alpha)).round().astype(np.uint8)
    return write_clip(path, iter([image] * 30))


class Studio:
    """One page of one run."""

    def __init__(self, driver: Any, run: Run, url: str):
        self.driver, self.run, self.url = driver, run, url

    def open(self, query: str = "") -> None:
        """Load the page and wait until its parts are there."""
        self.driver.get(self.url + query)
        until(lambda: self.find("#settings").is_displayed(), "the settings")

    def start_camera(self) -> None:
        self.click("#start")
        until(lambda: received(self.driver) >= 5, "pictures")

    def find(self, css: str) -> Any:
        return self.driver.find_element("css selector", css)

    def all(self, css: str) -> list[Any]:
        return list(self.driver.find_elements("css selector", css))

    def text(self, css: str) -> str:
        """An element's text, shown or not."""
        return str(self.find(css).get_attribute("textContent"))

    def click(self, css: str) -> None:
        """Click what is seen there; a control that is drawn by what follows it is clicked where that is."""
        found = self.find(css)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", found)
        found.click()

    def js(self, script: str, *values: Any) -> Any:
        return self.driver.execute_script(script, *values)

    def open_stage(self, name: str) -> None:
        """Open the group of a stage's settings."""
        if not self.find(f'#groups [data-stage="{name}"]').get_attribute("open"):
            self.click(f'#groups [data-stage="{name}"] summary')

    def setting(self, target: str, what: str = "") -> str:
        """Where a setting is, or a part of it."""
        return f'[data-target="{target}"] {what}'.strip()

    def enter(self, css: str, text: str) -> None:
        """Write over what a field holds, as a person does."""
        found = self.find(css)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'}); arguments[0].select()", found)
        found.send_keys(text, ENTER)

    def slide(self, css: str, *keys: str) -> None:
        """Move a slider by keys."""
        self.find(css).send_keys(*keys)

    def told(self, target: str) -> str:
        return self.text(self.setting(target, ".told"))

    def holds(self, target: str, value: Any) -> None:
        """Wait until the run has a value, and the page tells from which frame."""
        until(lambda: self.value(target) == value, f"{target} = {value!r}, not {self.value(target)!r}", 15)
        until(
            lambda: self.told(target).startswith("holds from frame"), f"the frame of {target}: {self.told(target)}", 15
        )

    def value(self, target: str) -> Any:
        """What the run itself has."""
        return self.run.controls.value(target)

    def clipboard(self, allowed: bool) -> None:
        """Let the page use the clipboard, or not."""
        for name in ("clipboard-read", "clipboard-write"):
            permission = {"name": name, "allowWithoutSanitization": False, "allowWithoutGesture": False}
            values = {"permission": permission, "setting": "granted" if allowed else "denied"}
            self.driver.execute_cdp_cmd("Browser.setPermission", values)

    def view(self, name: str) -> None:
        """Choose what the picture shows: result, wipe or output."""
        self.click(f'#view [value="{name}"]')

    def output(self, key: str) -> None:
        """Look at one output."""
        self.view("output")
        self.js("const it = document.getElementById('output'); it.value = arguments[0]", key)
        self.js("document.getElementById('output').dispatchEvent(new Event('change', {bubbles: true}))")

    def caption(self, n: int = 0) -> str:
        return str(self.all(".pane figcaption")[n].get_attribute("textContent"))

    def pane(self, n: int = 0) -> np.ndarray[Any, Any]:
        """The picture that a canvas shows, without loss."""
        data = self.js("return document.querySelectorAll('.pane canvas')[arguments[0]].toDataURL('image/png')", n)
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(data.partition(",")[2]))).convert("RGB")).astype(int)


@contextlib.contextmanager
def studio(
    folder: Path, graph: str = GRAPH, camera: bool = True, width: int = 1440, height: int = 900
) -> Iterator[Studio]:
    """A run of the graph and a browser that shows its page."""
    needed()
    clip = green_screen(folder / "camera.y4m")
    with running(folder, graph.format(port=0)) as (run, url), chromium(clip, 1440, 900) as driver:
        page = Studio(driver, run, url)
        page.open()
        if camera:
            page.start_camera()
        yield page
