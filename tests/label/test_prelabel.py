"""What masks start from, and what is done where plate or network are not there."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bgflow import models
from bgflow.errors import ModelError
from bgflow.label.pictureset import PictureSet
from bgflow.label.prelabel import Mode, Prelabels
from tests.browser.chromium import until
from tests.commandline import bgflow
from tests.label.sets import H, W, disc, picture_set

ROOT = Path(__file__).resolve().parents[2]
Mask = np.ndarray[Any, Any]


def made(folder: Path, mode: Mode = "plate") -> dict[str, Mask | None]:
    """The pre-labels of a folder by name."""
    pictures = PictureSet(folder)
    with Prelabels(pictures, mode) as prelabels:
        entries = [it for it in pictures.look() if not it.fault]
        until(lambda: all(map(prelabels.ready, entries)), "the pre-labels", 120)
        return {it.name: prelabels.get(it) for it in entries}


def iou(label: Mask | None, truth: Mask) -> float:
    assert label is not None
    mask, wanted = label > 127, truth > 127
    return float((mask & wanted).sum() / (mask | wanted).sum())


def needs_network() -> None:
    try:
        models.find("u2netp")
    except ModelError as e:
        pytest.skip(str(e))


def test_a_plate_finds_whoever_is_not_on_it_as_0_and_255(tmp_path: Path) -> None:
    for label in made(picture_set(tmp_path)).values():
        assert iou(label, disc()) > 0.9
        assert set(np.unique(label)) == {0, 255}


def test_the_order_of_pictures_does_not_matter(tmp_path: Path) -> None:
    folder = picture_set(tmp_path, "0.png", "1.png")
    Image.fromarray(np.asarray(Image.open(folder / "0.png"))[:, ::-1]).save(folder / "0.png")
    alone = picture_set(tmp_path / "alone", "1.png")
    assert np.array_equal(made(folder)["1.png"], made(alone)["1.png"])


def test_a_picture_of_another_size_than_the_plate_gets_no_pre_label_and_the_others_do(tmp_path: Path) -> None:
    folder = picture_set(tmp_path, "0.png", "1.png")
    Image.new("RGB", (W // 2, H // 2)).save(folder / "0.png")
    found = made(folder)
    assert found["0.png"] is None
    assert iou(found["1.png"], disc()) > 0.9


def test_without_the_networks_weights_the_plate_serves_alone_and_the_note_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BGFLOW_MODELS", str(tmp_path / "no models"))
    prelabels = Prelabels(PictureSet(picture_set(tmp_path / "set3")), "auto")
    assert prelabels.how == "plate"
    assert "bgflow models pull u2netp" in prelabels.note
    told = bgflow("label", tmp_path / "set3", "--no-browser", "--port", 0, "--prelabel", "net")
    assert told.code == 2
    assert "bgflow models pull u2netp" in told.err
    assert told.err.count("\n") == 1


def test_a_damaged_plate_is_told_and_the_network_serves_alone(tmp_path: Path) -> None:
    needs_network()
    folder = picture_set(tmp_path)
    (folder / "bkg.png").write_bytes(b"broken")
    prelabels = Prelabels(PictureSet(folder), "auto")
    assert prelabels.how == "network"
    assert prelabels.note == f"{folder / 'bkg.png'}: is no picture that can be read"


@pytest.mark.slow
def test_plate_and_network_together_are_nearly_a_persons_mask_on_webcam_pictures(data: Path, tmp_path: Path) -> None:
    needs_network()
    sets = sorted((data / "webcam_plate").glob("set*"))
    if not sets:
        pytest.skip("no webcam_plate in ../shared/data")
    for name in ("bkg.png", "0.png", "1.png"):
        (tmp_path / name).write_bytes((sets[0] / name).read_bytes())
    for name, label in made(tmp_path, "auto").items():
        truth = np.asarray(Image.open(sets[0] / f"{Path(name).stem}_mask.png").convert("L"))
        assert iou(label, truth) > 0.93


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_says_what_to_open_and_ends_well(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "bgflow", "label", str(picture_set(tmp_path)), "--port", "0", "--no-browser"]
    process = subprocess.Popen(
        [*command, "--prelabel", "none"],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    with contextlib.ExitStack() as end:
        end.callback(process.kill)
        first, second = process.stderr.readline(), process.stderr.readline()
        assert first == "3 pictures, pre-labels from nothing\n"
        assert re.fullmatch(r"open http://127\.0\.0\.1:\d+/ \(Ctrl-C ends\)\n", second)
        process.send_signal(number)
        assert process.wait(20) == 0
        assert process.stderr.read() == ""
