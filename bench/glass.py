"""Glass to glass in a browser: from a picture's capture to the screen, by the time code that is drawn in it.

The page is the one that users have. Beside it runs a script that reads the code out of what the page shows: in the own
picture it comes with the instant at which the camera captured it (`captureTime`), in the result with the instant at
which it was given to the screen (`presentationTime`, HTMLVideoElement.requestVideoFrameCallback). Both are of the same
clock, and between them lies all of it: the browser's encoder, the network, the server, the browser's jitter buffer,
decoder and compositor.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from bgflow.bench import timecode
from bgflow.bench.pictures import LEARNED
from bgflow.errors import BgflowError
from bgflow.stages.synth import Source
from bgflow.testing import opened

START_SECONDS = 60
LONGEST = timecode.CYCLE / 30 / 2 * 1e3  # ms after which a number may be that of a later picture
SCRIPT = (
    timecode.READ
    + f"""
window.glass = {{ own: [], result: [] }};
function watch(id, told) {{
  const video = document.getElementById(id);
  const canvas = new OffscreenCanvas({timecode.WIDTH}, {timecode.HEIGHT});
  const corner = canvas.getContext("2d", {{ willReadFrequently: true }});
  const area = [0, 0, {timecode.WIDTH}, {timecode.HEIGHT}];
  const look = (now, data) => {{
    corner.drawImage(video, ...area, ...area);
    window.glass[id].push([readCode(corner.getImageData(...area).data), told(data)]);
    video.requestVideoFrameCallback(look);
  }};
  video.requestVideoFrameCallback(look);
}}
watch("own", (data) => data.captureTime);
watch("result", (data) => data.presentationTime);
"""
)
TAKE = """
const taken = window.glass;
window.glass = { own: [], result: [] };
const { totalVideoFrames, droppedVideoFrames } = document.getElementById("result").getVideoPlaybackQuality();
return [taken.own, taken.result, totalVideoFrames, droppedVideoFrames];
"""


class Seen(NamedTuple):
    """What the browser has seen since the time before."""

    latencies: list[float]
    """Seconds."""
    unread: int
    """Pictures of the result whose code could not be read."""
    decoded: int
    """Pictures of the result, since the page was opened."""


def scene(width: int, height: int, count: int) -> Iterator[np.ndarray[Any, Any]]:
    """A person who moves before a noisy camera."""
    stage = Source(width=width, height=height, noise=2.0, edge=2.0)
    with opened(stage, wired={"image"}):
        for n in range(count):
            yield stage.render(LEARNED + n)["image"].copy()


def coded(width: int, height: int) -> Iterator[np.ndarray[Any, Any]]:
    """The same with the time code, as many pictures as there are codes."""
    for n, image in enumerate(scene(width, height, timecode.CYCLE)):
        timecode.draw(image, n)
        yield image


class Glass:
    """Opens a page, starts its camera and looks at it."""

    def __init__(self, driver: Any, url: str):
        """Raises BgflowError when no picture comes back."""
        self._driver = driver
        self._captured: dict[int, float] = {}
        driver.get(url)
        self._until(
            "return !document.getElementById('start').disabled && document.getElementById('viewers').textContent > ''"
        )
        driver.find_element("id", "start").click()
        self._until("return document.getElementById('result').getVideoPlaybackQuality().totalVideoFrames > 30")
        driver.execute_script(SCRIPT)

    def _until(self, script: str) -> None:
        end = time.monotonic() + START_SECONDS
        while not self._driver.execute_script(script):
            if time.monotonic() > end:
                said = self._driver.find_element("id", "state").text
                raise BgflowError(f"the browser shows no result after {START_SECONDS} s; its page says: {said}")
            time.sleep(0.1)

    def look(self) -> Seen:
        """What has been seen since the last call."""
        own, result, decoded, _ = self._driver.execute_script(TAKE)
        for code, captured in own:
            if code >= 0 and captured is not None:
                self._captured[code] = captured
        latencies = []
        for code, shown in result:
            if (captured := self._captured.get(code)) is not None and 0 <= shown - captured < LONGEST:
                latencies.append((shown - captured) / 1e3)
        return Seen(latencies, sum(code < 0 for code, _ in result), decoded)
