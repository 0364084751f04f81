from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bgflow.errors import UsageError
from bgflow.evaluate.layouts import PLATE_FRAMES, read_data
from bgflow.evaluate.scenes import COMMON, SCENES
from tests.evaluate.shapes import box, photo, save, write_pairs


def test_pairs_are_matched_by_name_and_read_in_natural_order(tmp_path: Path) -> None:
    write_pairs(tmp_path, 11)
    layout, (footage,) = read_data(str(tmp_path), "auto", 0)
    samples = list(footage.read())
    assert (layout, footage.kind, footage.length) == ("pairs", "stills", 11)
    assert [s.name for s in samples] == [f"p{n}" for n in range(11)]
    assert all(np.array_equal(s.truth, box(8 + n, 40 + n)) for n, s in enumerate(samples))


def test_limit_takes_the_first_pictures(tmp_path: Path) -> None:
    assert [s.name for s in read_data(str(write_pairs(tmp_path)), "pairs", 2)[1][0].read()] == ["p0", "p1"]


def test_a_smaller_mask_of_the_same_shape_is_enlarged(tmp_path: Path) -> None:
    write_pairs(tmp_path, 1)
    save(tmp_path / "masks" / "p0.png", box(8, 40)[::2, ::2])
    sample = next(iter(read_data(str(tmp_path), "pairs", 0)[1][0].read()))
    assert sample.truth is not None
    assert sample.truth.shape == (32, 64)
    assert np.abs(sample.truth - box(8, 40)).mean() < 0.03


def test_a_mask_of_another_shape_is_refused_with_both_sizes(tmp_path: Path) -> None:
    write_pairs(tmp_path, 2)
    save(tmp_path / "masks" / "p1.png", np.zeros((64, 64), np.uint8))
    with pytest.raises(UsageError, match=r"masks/p1\.png: is 64x64, but p1\.png is 64x32; a truth has its picture's"):
        read_data(str(tmp_path), "pairs", 0)


def test_a_picture_without_a_mask_is_refused_and_what_is_near_named(tmp_path: Path) -> None:
    write_pairs(tmp_path, 2)
    (tmp_path / "masks" / "p1.png").rename(tmp_path / "masks" / "p1x.png")
    with pytest.raises(UsageError, match=r"images/p1\.png: has no partner in .*masks .*did you mean 'p1x\.png'\?"):
        read_data(str(tmp_path), "pairs", 0)


def test_sixteen_bit_masks_keep_their_levels(tmp_path: Path) -> None:
    from PIL import Image

    write_pairs(tmp_path, 1)
    Image.fromarray(np.full((32, 64), 13107, np.uint16)).save(tmp_path / "masks" / "p0.png")
    sample = next(iter(read_data(str(tmp_path), "pairs", 0)[1][0].read()))
    assert sample.truth is not None
    assert sample.truth[0, 0] == pytest.approx(0.2)


def test_a_plate_is_seen_for_a_while_and_judged_once_as_empty(tmp_path: Path) -> None:
    save(tmp_path / "set1" / "bkg.png", photo(box(0, 0)))
    save(tmp_path / "set1" / "0.png", photo(box(8, 40)))
    save(tmp_path / "set1" / "0_mask.png", box(8, 40))
    layout, (footage,) = read_data(str(tmp_path), "auto", 0)
    samples = list(footage.read())
    assert (layout, footage.name, footage.length) == ("webcam_plate", "set1", PLATE_FRAMES + 1)
    judged = [s for s in samples if s.truth is not None]
    assert [(s.name, bool(s.truth is not None and s.truth.any())) for s in judged] == [("empty", False), ("0", True)]
    assert footage.plate is not None
    assert np.array_equal(footage.plate(), photo(box(0, 0)))


@pytest.mark.parametrize("tree", [("{}/frames", "{}/masks"), ("JPEGImages/480p/{}", "Annotations/480p/{}")])
def test_davis_is_found_in_both_of_its_trees(tmp_path: Path, tree: tuple[str, str]) -> None:
    for clip in ("bear", "cows"):
        for n in range(2):
            save(tmp_path / tree[0].format(clip) / f"{n:05d}.png", photo(box(8, 40)))
            save(tmp_path / tree[1].format(clip) / f"{n:05d}.png", box(8, 40))
    layout, footage = read_data(str(tmp_path), "auto", 0)
    assert layout == "davis"
    assert [(f.name, f.kind, f.length) for f in footage] == [("bear", "video", 2), ("cows", "video", 2)]


def test_every_synthetic_scene_has_the_length_it_says_and_somebody_who_comes_in() -> None:
    for footage in read_data("", "synth", 3)[1]:
        samples = list(footage.read())
        assert len(samples) == footage.length == COMMON["enter"] + 3
        truths = [s.truth for s in samples if s.truth is not None]
        assert len(truths) == len(samples)
        assert not any(t.any() for t in truths[: COMMON["enter"]])


def test_the_same_scene_is_the_same_each_time() -> None:
    footage = read_data("", "synth", 2, ["noise"])[1][0]
    first, second = (list(footage.read())[-1] for _ in range(2))
    assert np.array_equal(first.image, second.image)


def test_scene_classes_are_those_that_the_issue_of_quality_names() -> None:
    assert set(SCENES) == {"clean", "noise", "shadow", "exposure", "shake", "hair", "several", "static"}
