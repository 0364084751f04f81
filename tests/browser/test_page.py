"""The whole thing: a real browser's camera, the shipped graphs as a user starts them, and what the browser shows."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bgflow.bench.browser import chromium, window, write_clip
from bgflow.errors import ModelError
from bgflow.media.background import render
from bgflow.models import find
from bgflow.stages.synth import Source
from bgflow.testing import opened
from tests.browser.chromium import absent, keep, needed, received, shown, until

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]
H, W = 360, 640
MARGIN = 24  # pixels around the subject's outline that belong to neither region
COLD_SECONDS = 120  # a machine's very first run compiles every kernel
CLOSE = 12.0  # mean difference (of 255) that two lossy encodings may make
WINDOWS = [
    ("phone-light", 390, 844, False),
    ("phone-dark", 390, 844, True),
    ("desktop-light", 1440, 900, False),
    ("desktop-dark", 1440, 900, True),
]
CONTROLS = "[...document.querySelectorAll('button, select, input, summary, a')].filter((it) => it.checkVisibility())"
NAMELESS = f"""
    const label = (it) => document.getElementById(it.getAttribute("aria-labelledby")) ?? it.labels?.[0];
    return {CONTROLS}.filter((it) => !(it.ariaLabel || it.textContent.trim() || label(it)?.textContent.trim()))
        .map((it) => it.outerHTML)
"""
TOO_SMALL = f"""
    return {CONTROLS}.filter((it) => !["a", "summary"].includes(it.localName) && !it.classList.contains("hidden"))
        .filter((it) => it.getBoundingClientRect().height < 28).map((it) => it.outerHTML)
"""


class Scene:
    """The clip that plays as the camera: somebody who stands still, and where exactly that is."""

    def __init__(self, folder: Path):
        with opened(Source(width=W, height=H, speed=0, count=1)) as it:
            _, frame = next(it.frames(1))
            self.image, alpha = frame["image"].copy(), frame["alpha"].copy()
        self.clip = write_clip(folder / "camera.y4m", iter([self.image] * 30))
        self.subject = ~_grown(alpha < 1)
        self.background = ~_grown(alpha > 0)


def _grown(region: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The region and MARGIN pixels around it."""
    for axis in (0, 1):
        out = region.copy()
        for n in range(1, MARGIN + 1):
            for step in (n, -n):
                moved = np.roll(region, step, axis)
                edge: list[Any] = [slice(None), slice(None)]
                edge[axis] = slice(0, step) if step > 0 else slice(step, None)
                moved[tuple(edge)] = False
                out |= moved
        region = out
    return region


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    needed()
    try:
        find("u2netp")
    except ModelError as e:
        absent(str(e))
    return Scene(tmp_path_factory.mktemp("clip"))


@contextlib.contextmanager
def started(graph: str) -> Iterator[str]:
    """`bgflow run` in a process of its own; gives the page's address, and asserts that Ctrl-C ends it well."""
    command = [sys.executable, "-m", "bgflow", "run", f"graphs/{graph}.yaml"]
    command += ["--set", "camera.port=0", "--set", "camera.ice_host=127.0.0.1"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    said: list[str] = []
    reader = threading.Thread(target=lambda: said.extend(iter(process.stderr.readline, "")))  # type: ignore[union-attr]
    reader.start()
    try:

        def address() -> str:
            assert process.poll() is None, "".join(said)
            found = re.search(r"open (http://\S+)", "".join(said))
            return found[1] if found else ""

        yield until(address, "the page's address", COLD_SECONDS)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) in (0, 130), "".join(said)
        assert "Traceback" not in "".join(said), "".join(said)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        reader.join()


def open_page(driver: Any, url: str) -> None:
    """Open the page and wait until it knows the server."""
    driver.get(url)
    until(lambda: driver.find_element("id", "viewers").text not in ("", "–"), "the page's first figures")


def start_camera(driver: Any, frames: int = 100) -> None:
    """Press the button and wait for that many processed frames."""
    driver.find_element("id", "start").click()
    until(lambda: received(driver) >= frames, f"{frames} processed frames", COLD_SECONDS)


def difference(seen: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any], region: np.ndarray[Any, Any]) -> float:
    """Mean absolute difference in a region."""
    return float(np.abs(seen.astype(int) - wanted.astype(int))[region].mean())


def choose(driver: Any, value: str) -> None:
    """Choose a background on the page, as a keyboard or a mouse does."""
    driver.find_element("css selector", f'input[name="background"][value="{value}"]').click()


def test_the_background_is_replaced_and_the_subject_stays(scene: Scene) -> None:
    with started("webrtc_replace") as url, chromium(scene.clip) as driver:
        open_page(driver, url)
        start_camera(driver)
        wall = render("studio", H, W)
        until(lambda: difference(shown(driver), wall, scene.background) <= CLOSE, "the chosen background")
        seen = shown(driver)
        assert seen.shape == (H, W, 3)
        assert difference(seen, wall, scene.background) <= CLOSE
        assert difference(seen, scene.image, scene.subject) <= CLOSE
        until(lambda: "ms" in driver.find_element("id", "latency").text, "a latency")

        choose(driver, "#8ec5ff")
        sky = np.broadcast_to(np.array([0x8E, 0xC5, 0xFF], np.uint8), (H, W, 3))
        until(lambda: difference(shown(driver), sky, scene.background) <= CLOSE, "the background chosen on the page")
        assert difference(shown(driver), scene.image, scene.subject) <= CLOSE


def test_one_viewer_leaves_and_the_other_goes_on(scene: Scene) -> None:
    with started("webrtc_blur") as url, chromium(scene.clip) as stays:
        open_page(stays, url)
        start_camera(stays, 10)
        with chromium(scene.clip, 390, 844, dark=True) as leaves:
            open_page(leaves, url + "?view")
            until(lambda: received(leaves) >= 10, "frames for the second viewer")
            assert not leaves.find_element("id", "camera").is_displayed()
            until(lambda: stays.find_element("id", "viewers").text == "2", "two viewers")
            keep(leaves, "phone-dark-view")
            leaves.get("about:blank")
        until(lambda: stays.find_element("id", "viewers").text == "1", "one viewer left")
        before = received(stays)
        until(lambda: received(stays) >= before + 20, "more frames for the one who stayed")


def test_the_page_fits_a_phone_and_a_desktop_and_every_control_has_a_name(scene: Scene) -> None:
    with started("webrtc_replace") as url, chromium(scene.clip) as driver:
        open_page(driver, url)
        start_camera(driver, 10)
        until(lambda: "Mbit/s" in driver.find_element("id", "size-parts").text, "all figures")
        for name, width, height, dark in WINDOWS:
            window(driver, width, height, dark)
            keep(driver, name)
            assert driver.execute_script("return document.documentElement.scrollWidth <= innerWidth"), name
            assert driver.execute_script(NAMELESS) == [], name
            assert driver.execute_script(TOO_SMALL) == [], name
