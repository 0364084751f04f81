"""The whole thing: a hand in front of a browser's camera presses the buttons, and the pictures lie on the disk."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bgflow.bench.browser import chromium, write_clip
from bgflow.errors import ModelError
from bgflow.media.pictures import read
from bgflow.models import find
from tests.browser.chromium import absent, keep, needed, received, until
from tests.hands import held_up

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]
H, W, FPS, HAND = 360, 640, 10, 110
LEAD = 4.0  # seconds before the first button, in which the browser and the first pictures come
BKG, SAV, EXT, AWAY = (0.85, 0.45), (0.15, 0.45), (0.15, 0.15), (0.5, 0.5)  # in the camera's picture: not mirrored
SHORT = ("capture.countdown=1", "capture.seconds=1", "capture.delay=0.5", "camera.port=0", "camera.ice_host=127.0.0.1")
# Where the hand is, and until when: None is nowhere. A hand that only passes over a button does nothing.
SCRIPT = [
    (LEAD, None),
    (LEAD + 1.5, BKG),
    (LEAD + 5.5, None),
    *[(LEAD + 5.5 + 3 * n + t, at) for n in range(3) for t, at in ((0.3, AWAY), (1.7, SAV), (3.0, None))],
    (LEAD + 16.5, EXT),
    (LEAD + 19, None),
]


def camera() -> Iterator[np.ndarray[Any, Any]]:
    """The clip, frame by frame."""
    n = 0
    noise = np.random.default_rng(5).integers(-3, 4, (FPS, H, W, 1))
    pictures = {at: held_up(H, W, *(at or (2.0, 2.0)), HAND).astype(int) for _, at in SCRIPT}
    for end, at in SCRIPT:
        while n / FPS < end:
            yield (pictures[at] + noise[n % FPS]).clip(0, 255).astype(np.uint8)
            n += 1


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needed()
    for model in ("u2netp", "palm"):
        try:
            find(model)
        except ModelError as e:
            absent(str(e))
    return write_clip(tmp_path_factory.mktemp("clip") / "camera.y4m", camera(), FPS)


def test_a_hand_takes_the_background_and_three_pictures_and_ends_the_run(clip: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bgflow", "run", "graphs/airbuttons_capture.yaml"]
    for value in (*SHORT, f"capture.path={tmp_path}/images"):
        command += ["--set", value]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    said: list[str] = []
    reader = threading.Thread(target=lambda: said.extend(iter(process.stderr.readline, "")))  # type: ignore[union-attr]
    reader.start()
    try:
        url = until(lambda: next((it.split()[-1] for it in said if " open http" in f" {it}"), ""), "the page", 120)
        with chromium(clip) as driver:
            driver.get(url)
            until(lambda: driver.find_element("id", "viewers").text not in ("", "–"), "the page's first figures")
            driver.find_element("id", "start").click()
            until(lambda: received(driver) >= 10, "pictures with buttons")
            until(lambda: (tmp_path / "images/set1/bkg.png").is_file(), "the background", 60)
            keep(driver, "airbuttons")
            assert process.wait(60) == 0, "".join(said)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        reader.join()
    assert "Traceback" not in "".join(said), "".join(said)
    folder = tmp_path / "images" / "set1"
    assert sorted(p.name for p in folder.iterdir()) == ["0.png", "1.png", "2.png", "bkg.png", "manifest.json"]
    wall = np.array((90, 110, 130))
    assert np.abs(read(folder / "bkg.png").astype(int) - wall).max() < 30  # neither hand nor button
    about = json.loads((folder / "manifest.json").read_text())
    for name, file in about["files"].items():
        assert file["sha256"] == hashlib.sha256((folder / name).read_bytes()).hexdigest()
