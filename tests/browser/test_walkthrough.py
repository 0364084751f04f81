"""From the first picture to a network of one's own, as a person goes that way: every program, in a real browser.

A rendered person stands in a rendered room, so that each picture's true matte is known. The screenshots go to
`artifacts/walkthrough-*.jpg`; docs/gallery.md shows them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from bgflow.bench.browser import chromium
from bgflow.errors import ModelError
from bgflow.media.pictures import read
from bgflow.models import find
from tests.browser.chromium import ARTIFACTS, absent, needed, until
from tests.browser.room import AWAY, Clip, Held, Picture, W, film, iou
from tests.browser.walker import HERE, LONG, ROOT, Walker, bgflow, keep, note, sets, sized
from tests.label.pointer import Pointer

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1200)]
ENTER = "\ue007"
WINDOW = 1280, 720
BKG, SAV, EXT = (0.85, 0.45), (0.15, 0.45), (0.85, 0.15)  # Bkg and Sav in the camera's picture; Ext in the mirror's
CAPTURE = ("capture.countdown=3", "capture.seconds=1", "capture.delay=1.5")
PLATE = ("plate.countdown=3", "plate.seconds=1.5")
CONSENT = "rendered: nobody is in them"
LEFT = -135  # pixels: where somebody leaves room for a copy
THERE = range(125, 195)  # frames of the clip in which somebody is


@pytest.fixture(scope="module", autouse=True)
def ready() -> None:
    """Skip where something is missing, before clips are made."""
    needed()
    pytest.importorskip("torch")
    for model in ("u2netp", "palm"):
        try:
            find(model)
        except ModelError as e:
            absent(str(e))


@pytest.fixture(scope="module")
def posing() -> Clip:
    """Somebody holds a hand in Bkg, leaves, comes back, and holds one in Sav for three pictures."""
    walk = [(5.9, -40), (6.9, AWAY), (10.2, AWAY), (11.2, -40), (14, -40), (15, 60), (18, 60), (19, -60)]
    hands = [Held(4, 5.8, BKG), *(Held(t, t + 1.9, SAV) for t in (11.4, 15.2, 19))]
    return film(23, walk, hands)


@pytest.fixture(scope="module")
def playing() -> Clip:
    """The room; then somebody comes, moves about at the left, and leaves."""
    return film(22, [(10, AWAY), (11, LEFT), (14.5, LEFT), (16.5, 0), (18.5, LEFT), (20, LEFT), (21, AWAY)], begin=300)


def test_from_the_first_picture_to_a_network_of_ones_own(posing: Clip, playing: Clip, tmp_path: Path) -> None:
    ARTIFACTS.mkdir(exist_ok=True)
    (ARTIFACTS / "walkthrough.txt").unlink(missing_ok=True)
    captured = capture(posing, tmp_path)
    label(captured, posing)
    store = {"BGFLOW_MODELS": str(tmp_path / "models")}
    train(captured, tmp_path / "training", store)
    clip = playing.write(tmp_path / "playing.y4m")
    with chromium(clip, *WINDOW) as driver:
        try_out(driver, playing, store)
        duplicate(driver, playing)


def capture(clip: Clip, folder: Path) -> Path:
    """Take the background and three pictures with a hand in the air; returns the set."""
    settings = sets(*CAPTURE, f"capture.path={folder}/images", f"capture.consent={CONSENT}")
    with (
        bgflow("studio", "graphs/airbuttons_capture.yaml", *HERE, *settings) as (process, url),
        chromium(clip.write(folder / "posing.y4m"), *WINDOW) as driver,
    ):
        page = Walker(driver, url)
        until(lambda: page.text("#countdown").startswith("Background in"), "the hand in Bkg", LONG)
        keep(driver, "1-background")
        until(lambda: list(folder.glob("images/*/0.png")), "the first picture", LONG)
        until(lambda: page.text("#countdown").startswith("Picture in 2"), "the hand in Sav", LONG)
        keep(driver, "2-pictures")
        captured = until(lambda: list(folder.glob("images/*/2.png")), "three pictures", LONG)[0].parent
        page.point(*EXT)
        assert process.wait(60) == 0
    assert json.loads((captured / "manifest.json").read_text())["consent"] == CONSENT
    assert np.abs(sized(read(captured / "bkg.png")).astype(int) - clip.room).mean() < 6  # neither hand nor person
    return captured


def label(folder: Path, clip: Clip) -> None:
    """Label three pictures: one as it is offered, one with an outline of one's own, one with a touch of the brush."""
    size = read(folder / "0.png").shape[:2]
    with (
        bgflow("label", folder, "--port", 0, "--no-browser") as (_, url),
        chromium(Path("/dev/null"), *WINDOW) as driver,
    ):
        page = Pointer(driver, url, size)
        page.state("Pre-labelled")
        page.key(ENTER)
        until(lambda: page.text("name") == "1.png", "the second picture")
        page.state("Pre-labelled")
        page.press("clear")
        page.kept()
        corners = outline(truth(clip, folder / "1.png"))
        page.click(*corners[: len(corners) * 3 // 4])
        keep(driver, "3-label")
        page.click(*corners[len(corners) * 3 // 4 :])
        page.key(ENTER)
        page.kept()
        page.key(ENTER)
        until(lambda: page.text("name") == "2.png", "the third picture")
        page.state("Pre-labelled")
        page.press("brush")
        y, x = (int(v.mean()) for v in np.nonzero(truth(clip, folder / "2.png")))
        page.click((x, y))
        page.kept()
        page.press("save")
        page.state("Saved")
        assert page.text("done") == "3 of 3 done"
    for n in range(3):
        found = read(folder / f"{n}_mask.png")[..., 1] > 0
        assert iou(found, truth(clip, folder / f"{n}.png")) > 0.9, n


def train(captured: Path, out: Path, store: Mapping[str, str]) -> None:
    """Train for a minute on that set, with rendered scenes between; the curve is kept as a picture."""
    command = [sys.executable, "-m", "bgflow", "train", "plate", "--sets", captured, "--synth", "--minutes", "1"]
    done = subprocess.run(
        [*map(str, command), "--name", "office", "--out", str(out)],
        cwd=ROOT, env={**os.environ, **store}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "office: IoU" in done.stdout
    note(done.stdout)
    with chromium(Path("/dev/null"), 620, 410) as driver:
        driver.get((out / "curve.svg").as_uri())
        keep(driver, "4-train")


def try_out(driver: Any, clip: Clip, store: Mapping[str, str]) -> None:
    """Run the trained network live: what it finds is worth more than what is found without looking."""
    with bgflow("studio", "graphs/plate_test.yaml", *HERE, *sets(*PLATE, "net.model=office"), **store) as (_, url):
        page = Walker(driver, url)
        page.take_plate(clip)
        page.output("edge.alpha")
        page.js("const it = document.getElementById('beside'); if (!it.checked) it.click()")
        found: dict[int, Picture] = {}

        def seen() -> bool:
            look = page.look("camera.image", "edge.alpha")
            n = clip.nearest(sized(look.pictures["camera.image"]))
            if n in THERE and "edge.alpha" in look.pictures:
                if not found:
                    keep(driver, "5-live")
                found[n] = sized(look.pictures["edge.alpha"]) > 127
            return len(found) >= len(THERE) // 2

        until(seen, "half of the clip's pictures of somebody", LONG)
    true = [clip.mattes[n] > 0.5 for n in found]
    usual = np.mean(true, 0) > 0.5  # the best mask that does not look at the picture
    network = np.mean([iou(it, matte) for it, matte in zip(found.values(), true, strict=True)])
    blind = np.mean([iou(usual, matte) for matte in true])
    note(f"live: IoU {network:.3f} in the browser; the best mask that does not look at the picture has {blind:.3f}\n")
    assert network > blind


def duplicate(driver: Any, clip: Clip) -> None:
    """Switch the mirrored copy off and on again: it is in the video, or the room is where it was."""
    with bgflow("studio", "graphs/duplicate_self.yaml", *HERE, *sets(*PLATE)) as (_, url):
        page = Walker(driver, url)
        page.take_plate(clip)
        until(lambda: copied(page, clip) == 1, "the copy", LONG)
        keep(driver, "6-duplicate")
        page.open_stage("twin")
        page.click("#set-twin-active")
        until(lambda: page.told("twin.active").startswith("holds from frame"), "the switch")
        until(lambda: copied(page, clip) == -1, "the room instead of the copy", LONG)
        keep(driver, "7-alone")
        page.click("#act-twin-toggle")
        until(lambda: copied(page, clip) == 1, "the copy again", LONG)


def copied(page: Walker, clip: Clip) -> int:
    """1 when the video shows a mirrored copy where it should be, -1 when it shows the room there, 0 when neither."""
    video = page.video()[:, ::-1].astype(int)  # the graph shows a mirror
    n = clip.nearest(video, slice(0, W // 2))
    apart = np.abs(video - clip.pictures[n])[:, : W // 2].mean()  # buttons make 4 of it
    if n not in THERE or apart > 10:  # or they stand too near to the middle to tell who is who
        return 0
    place = (clip.mattes[n][:, ::-1] > 0.9) & (clip.mattes[n] < 0.1)
    copy, room = (np.abs(video - it)[place].mean() for it in (clip.pictures[n][:, ::-1].astype(int), clip.room))
    return int(3 * copy < room) - int(3 * room < copy)


def truth(clip: Clip, file: Path) -> Picture:
    """The true mask of a picture that was taken, of its size."""
    picture = read(file)
    h, w = picture.shape[:2]
    matte: Picture = cv2.resize(clip.mattes[clip.nearest(sized(picture))], (w, h))
    return matte > 0.5


def outline(mask: Picture) -> list[tuple[float, float]]:
    """The corners of a polygon around the largest piece (Douglas and Peucker, 1973)."""
    pieces, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return [(x + 0.5, y + 0.5) for x, y in cv2.approxPolyDP(max(pieces, key=cv2.contourArea), 1.5, True)[:, 0]]
