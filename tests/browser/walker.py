"""Somebody who starts bgflow's commands, uses their pages in a browser, and keeps what there is to see."""

from __future__ import annotations

import asyncio
import contextlib
import io
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
from PIL import Image

from tests.browser.chromium import ARTIFACTS, shown, until
from tests.browser.room import Clip, H, Picture, W
from tests.browser.studio import Studio
from tests.looking import Look, looking

ROOT = Path(__file__).resolve().parents[2]
LONG = 180.0  # seconds to wait for what a busy machine does slowly
HERE = ("--no-open", "--port", "0", "--set", "camera.ice_host=127.0.0.1")


@contextlib.contextmanager
def bgflow(*args: object, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A command that serves a page, and the page's address; it has ended well when this is left."""
    command = [sys.executable, "-m", "bgflow", *map(str, args)]
    env = {**os.environ, "PYTHONUNBUFFERED": "1", **environment}
    process = subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True)
    said: list[str] = []
    reader = threading.Thread(target=lambda: said.extend(iter(process.stderr.readline, "")))  # type: ignore[union-attr]
    reader.start()

    def address() -> str:
        assert process.poll() is None, "".join(said)
        return next((found[1] for line in said if (found := re.search(r"\bopen (http\S+)", line))), "")

    try:
        yield process, until(address, "the page", LONG)
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, "".join(said)
    finally:
        process.kill()
        process.wait()
        reader.join()
    assert "Traceback" not in "".join(said), "".join(said)


class Walker(Studio):
    """Somebody at the studio's page, who also keeps what they see."""

    def __init__(self, driver: Any, url: str):
        super().__init__(driver, None, url)  # type: ignore[arg-type]  # the run is another process's
        self.open()
        self.start_camera()

    def look(self, *outputs: str) -> Look:
        """These outputs of one frame, as the server gives them."""

        async def ask() -> Look:
            async with looking(self.url) as looker:
                return await looker.look(show=list(outputs), width=W)

        return asyncio.run(ask())

    def take_plate(self, clip: Clip) -> None:
        """Have a plate of the empty room, once more if somebody was in the picture."""

        def taken() -> bool:
            plate = self.look("plate.plate").pictures.get("plate.plate")
            return plate is not None and float(np.abs(sized(plate).astype(int) - clip.room).mean((1, 2)).max()) < 12

        def somebody() -> bool:
            picture = sized(self.look("camera.image").pictures["camera.image"])
            return bool(clip.mattes[clip.nearest(picture)].any())

        with contextlib.suppress(AssertionError):
            until(taken, "the plate", 15)
            return
        until(somebody, "somebody", LONG)
        until(lambda: not somebody(), "nobody", LONG)
        self.open_stage("plate")
        self.click("#act-plate-take")
        until(taken, "the second plate", LONG)

    def video(self) -> Picture:
        """The picture that the page shows."""
        return sized(shown(self.driver))

    def point(self, x: float, y: float) -> None:
        """Click a place of the picture, in parts of its width and height."""
        from selenium.webdriver.common.action_chains import ActionChains

        video = self.find("#result")
        w, h = video.size["width"], video.size["height"]
        ActionChains(self.driver).move_to_element_with_offset(video, (x - 0.5) * w, (y - 0.5) * h).click().perform()


def sets(*values: str) -> list[str]:
    """Options of the command line."""
    return [word for value in values for word in ("--set", value)]


def keep(driver: Any, name: str) -> None:
    """Save a screenshot for people to look at, small enough for a page."""
    driver.execute_script("scrollTo(0, 0)")
    picture = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
    picture.save(ARTIFACTS / f"walkthrough-{name}.jpg", quality=82, optimize=True)


def note(text: str) -> None:
    """Add a line to what is told beside the screenshots."""
    with (ARTIFACTS / "walkthrough.txt").open("a") as file:
        file.write(text)


def sized(picture: Picture) -> Picture:
    """A picture as large as the clip's: browsers send a smaller one when they must."""
    return np.asarray(Image.fromarray(picture).resize((W, H), Image.Resampling.BILINEAR))
