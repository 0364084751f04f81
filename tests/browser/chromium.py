"""What the tests of the page look at in headless Chromium; `bgflow.bench.browser` starts it."""

from __future__ import annotations

import base64
import io
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import numpy as np
import pytest
from PIL import Image

from bgflow.bench.browser import missing

T = TypeVar("T")
ARTIFACTS = Path(__file__).resolve().parents[2] / "artifacts"


def needed() -> None:
    """Skip the test where there is no Chromium."""
    if why := missing():
        absent(why)


def absent(text: str) -> NoReturn:
    """Skip a test for what is missing, or fail it where nothing may be missing (BGFLOW_REQUIRE_BROWSER=1)."""
    if os.environ.get("BGFLOW_REQUIRE_BROWSER") == "1":
        pytest.fail(text)
    pytest.skip(text)


def until(true: Callable[[], T], what: str, seconds: float = 40) -> T:
    """Wait for `true()` to be so and return it; says what it waited for when it is not."""
    end = time.monotonic() + seconds
    while True:
        if found := true():
            return found
        assert time.monotonic() < end, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.05)


def shown(driver: Any, video: str = "result") -> np.ndarray[Any, Any]:
    """The picture that a video element shows now, read back through a canvas, without loss."""
    data = driver.execute_script(
        """
        const video = document.getElementById(arguments[0]);
        const canvas = document.createElement("canvas");
        [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
        canvas.getContext("2d").drawImage(video, 0, 0);
        return canvas.toDataURL("image/png");
        """,
        video,
    )
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data.partition(",")[2]))).convert("RGB"))


def received(driver: Any) -> int:
    """How many frames the browser has decoded for the result."""
    script = "return document.getElementById('result').getVideoPlaybackQuality().totalVideoFrames"
    return int(driver.execute_script(script))


def keep(driver: Any, name: str) -> None:
    """Save a screenshot for people to look at."""
    ARTIFACTS.mkdir(exist_ok=True)
    driver.save_screenshot(str(ARTIFACTS / f"{name}.png"))
