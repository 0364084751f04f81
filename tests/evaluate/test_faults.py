"""What `bgflow eval` says of a request that cannot be, and of data that are damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.commandline import bgflow
from tests.evaluate.shapes import box, photo, save, write_pairs


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["mog.mask"], "bgflow eval needs --data DIR; only --layout synth needs none"),
        (["mog.mask", "--data", "TMP/dta"], "--data TMP/dta: there is no such folder; did you mean 'data'?"),
        (
            ["mog.mask", "--data", "TMP/data", "--layout", "pair"],
            "--layout pair: there is no such layout; did you mean 'pairs'?",
        ),
        (
            ["mog.mask", "--data", "TMP/empty", "--layout", "pairs"],
            "TMP/empty: holds no pairs; a folder of pictures (images, image, imgs, img …) and one of truths "
            "(masks, mask, truth, gt …) were wanted, the folders with pictures in them are: none",
        ),
        (
            ["mog.mask", "--data", "TMP/empty"],
            "TMP/empty: is laid out in no known way; name it with --layout: webcam_plate, cdnet, davis, pairs, synth",
        ),
        (
            ["mog.mask", "--layout", "synth", "--only", "shaddow"],
            "--only shaddow: the data has no such clip; did you mean 'shadow'?",
        ),
        (["mogg.mask", "--data", "TMP/data"], "no stage is called 'mogg.mask'; did you mean 'mog.mask'?"),
        (
            ["preprocess.rgb", "--data", "TMP/data"],
            "preprocess.rgb: is a stage that makes no alpha; give one that does, or a graph",
        ),
        (
            ["mog.mask", "--data", "TMP/data", "--json", "TMP/no/out.json"],
            "--json TMP/no/out.json: there is no folder 'TMP/no'; make it first",
        ),
    ],
)
def test_a_wrong_request_is_answered_in_one_whole_line_and_ends_with_two(
    args: list[str], said: str, tmp_path: Path
) -> None:
    write_pairs(tmp_path / "data")
    (tmp_path / "empty").mkdir()
    told = bgflow("eval", *(a.replace("TMP", str(tmp_path)) for a in args))
    assert (told.code, told.err) == (2, said.replace("TMP", str(tmp_path)) + "\n")


def test_sizes_that_differ_end_with_two(red: Path, tmp_path: Path) -> None:
    data = write_pairs(tmp_path / "data", 1)
    save(data / "masks" / "p0.png", np.zeros((64, 64), np.uint8))
    told = bgflow("eval", red, "--data", data)
    assert told.code == 2
    assert (
        told.err
        == f"{data}/masks/p0.png: is 64x64, but p0.png is 64x32; a truth has its picture's size, or its shape\n"
    )


def test_labels_of_another_size_than_their_picture_end_with_two(red: Path, tmp_path: Path) -> None:
    video = tmp_path / "d" / "base" / "road"
    save(video / "input" / "in000001.png", photo(box(8, 40)))
    save(video / "groundtruth" / "gt000001.png", (box(8, 24) * 255).astype(np.uint8))
    save(video / "ROI.bmp", np.full((16, 32), 255, np.uint8))
    told = bgflow("eval", red, "--data", tmp_path / "d")
    said = f"{video}/ROI.bmp: is 32x16, but in000001.png is 64x32; labels have their picture's size\n"
    assert (told.code, told.err) == (2, said)


@pytest.mark.parametrize("damaged", ["images/p1.jpg", "masks/p1.jpg"])
def test_a_picture_that_breaks_off_ends_with_two_and_is_named(red: Path, tmp_path: Path, damaged: str) -> None:
    rng, data = np.random.default_rng(0), tmp_path / "d"
    for n in range(2):
        for folder in ("images", "masks"):
            save(data / folder / f"p{n}.jpg", rng.integers(0, 256, (64, 64, 3), np.uint8))
    file = data / damaged
    file.write_bytes(file.read_bytes()[:-900])
    told = bgflow("eval", red, "--data", data)
    assert told.code == 2
    assert told.err.startswith(f"{file}: ")
    assert told.err.count("\n") == 1


def test_a_graph_without_a_matte_ends_with_two(tmp_path: Path) -> None:
    graph = tmp_path / "plain.yaml"
    graph.write_text(
        "graph: plain\nstages:\n  camera: {use: synth.source}\n  end: {use: null.sink, in: camera.image}\n"
    )
    told = bgflow("eval", graph, "--data", write_pairs(tmp_path / "d"))
    assert (told.code, told.err) == (
        2,
        f"{graph}: no stage makes a matte; eval judges f32[h,w] alpha outputs\n",
    )


def test_robustness_without_a_subject_ends_with_two(red: Path, tmp_path: Path) -> None:
    save(tmp_path / "d" / "images" / "p.png", photo(box(0, 0)))
    save(tmp_path / "d" / "masks" / "p.png", box(0, 0))
    told = bgflow("eval", red, "--data", tmp_path / "d", "--robustness")
    said = "--robustness needs a subject in the pictures, and nobody is in these; judge more or others\n"
    assert (told.code, told.err) == (2, said)
