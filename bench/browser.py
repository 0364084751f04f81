"""Headless Chromium with a clip as its camera, as the live suite and the tests of the page drive it.

Needs selenium, and chromium and chromedriver on the PATH (Debian: chromium, chromium-driver).
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bgflow.kernels import yuv

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


def missing() -> str:
    """What there would have to be before a browser can be driven; '' when all is there."""
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "selenium is not installed; pip install selenium"
    if not (BROWSER and DRIVER):
        return "no chromium and chromedriver on the PATH; Debian has them as chromium and chromium-driver"
    return ""


@contextlib.contextmanager
def chromium(clip: Path, width: int = 1280, height: int = 900, dark: bool = False) -> Iterator[Any]:
    """A browser of its own, with an empty profile, whose camera plays `clip` over and over."""
    from selenium import webdriver

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


def write_clip(path: Path, images: Iterable[np.ndarray[Any, Any]], fps: int = 30) -> Path:
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
