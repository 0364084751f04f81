"""Start headless Chromium with a clip as its camera, and write such clips."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import numpy as np
import pytest
from PIL import Image

from bgflow.kernels import yuv

T = TypeVar("T")
BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--mute-audio",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-renderer-backgrounding",
    "--disable-background-timer-throttling",
    "--allow-loopback-in-peer-connection",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]
ARTIFACTS = Path(__file__).resolve().parents[2] / "artifacts"


def needed() -> None:
    """Skip the test where there is no Chromium."""
    if not (BROWSER and DRIVER):
        absent("no chromium and chromedriver on the PATH; Debian has them as chromium and chromium-driver")


def absent(text: str) -> NoReturn:
    """Skip a test for what is missing, or fail it where nothing may be missing (BGFLOW_REQUIRE_BROWSER=1)."""
    if os.environ.get("BGFLOW_REQUIRE_BROWSER") == "1":
        pytest.fail(text)
    pytest.skip(text)


@contextlib.contextmanager
def chromium(clip: Path, width: int = 1280, height: int = 900, dark: bool = False) -> Iterator[Any]:
    """A browser of its own, with an empty profile, whose camera plays `clip` over and over."""
    from selenium import webdriver

    needed()
    with tempfile.TemporaryDirectory(prefix="bgflow-chromium-", ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = BROWSER or ""
        for flag in (*FLAGS, f"--user-data-dir={profile}", f"--use-file-for-fake-video-capture={clip}"):
            options.add_argument(flag)
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        try:
            window(driver, width, height, dark)
            yield driver
        finally:
            driver.quit()


def window(driver: Any, width: int, height: int, dark: bool) -> None:
    """Show the page as a phone or a desktop of this size would, in light or dark."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


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


def write_clip(path: Path, images: Iterator[np.ndarray[Any, Any]], fps: int = 30) -> Path:
    """RGB pictures of one even size as Y4M (BT.601, limited range), which Chromium plays as a camera."""
    with path.open("wb") as file:
        for n, image in enumerate(images):
            h, w, _ = image.shape
            if not n:
                file.write(f"YUV4MPEG2 W{w} H{h} F{fps}:1 Ip A1:1 C420\n".encode())
            y, u, v = (np.empty(s, np.uint8) for s in ((h, w), (h // 2, w // 2), (h // 2, w // 2)))
            yuv.rgb_to_i420(image, y, u, v, "bt601")
            file.write(b"FRAME\n" + y.tobytes() + u.tobytes() + v.tobytes())
    return path
