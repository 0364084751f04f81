"""CDnet's measures on a video of two frames whose counts are reckoned by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bgflow.errors import UsageError
from bgflow.evaluate.cdnet import MOVING, OUTSIDE, SHADOW, STATIC, UNKNOWN, Counts
from bgflow.evaluate.layouts import read_data
from bgflow.evaluate.verdict import Labelled
from tests.evaluate.shapes import save

TRUTH = np.array([[STATIC, STATIC, SHADOW, SHADOW, OUTSIDE, UNKNOWN, MOVING, MOVING, MOVING, STATIC]], np.uint8)
FOUND = np.array([[0, 1, 0, 1, 1, 1, 1, 1, 0, 0]], bool)
# static and shadow are background: columns 0, 1, 2, 3, 9; of them 1 and 3 are found, the latter on a shadow;
# of the moving 6, 7, 8 the last is missed; outside and unknown do not count


def test_each_label_counts_as_the_official_tool_has_it() -> None:
    assert Counts.of(FOUND, TRUTH) == Counts(tp=2, fp=2, fn=1, tn=3, shadow=1)


def test_the_seven_measures_are_those_reckoned_by_hand() -> None:
    assert Counts(tp=2, fp=2, fn=1, tn=3).figures() == pytest.approx(
        {
            "recall": 2 / 3,
            "specificity": 3 / 5,
            "fpr": 2 / 5,
            "fnr": 1 / 3,
            "pwc": 100 * 3 / 8,
            "precision": 2 / 4,
            "f": 2 * (2 / 3) * (1 / 2) / (2 / 3 + 1 / 2),
        }
    )


def test_a_measure_that_divides_by_nothing_is_zero() -> None:
    assert Counts(tn=5).figures()["f"] == 0


def test_a_video_is_measured_by_the_pixels_of_all_its_frames_and_not_by_the_mean_of_frames(tmp_path: Path) -> None:
    _video(tmp_path / "baseline" / "road", frames=4, roi=np.full((1, 10), 255, np.uint8), span="3 4")
    verdict = Labelled()
    for sample in read_data(str(tmp_path), "cdnet", 0)[1][0].read():
        if sample.truth is not None:
            verdict.add(sample, (FOUND if sample.name == "in000003" else np.zeros_like(FOUND)).astype(np.float32))
    # frame 3: tp 2, fp 2, fn 1, tn 3; frame 4, where nothing is found: fn 3, tn 5
    assert verdict.figures() == pytest.approx(Counts(tp=2, fp=2, fn=4, tn=8).figures())


def test_frames_outside_the_temporal_region_are_seen_or_left_out_but_not_judged(tmp_path: Path) -> None:
    _video(tmp_path / "baseline" / "road", frames=6, roi=None, span="3 4")
    samples = list(read_data(str(tmp_path), "cdnet", 0)[1][0].read())
    assert [(s.name, s.truth is not None) for s in samples] == [
        ("in000001", False),
        ("in000002", False),
        ("in000003", True),
        ("in000004", True),
    ]


def test_what_is_outside_the_region_of_interest_does_not_count(tmp_path: Path) -> None:
    roi = np.full((1, 10), 255, np.uint8)
    roi[0, :2] = 0
    _video(tmp_path / "baseline" / "road", frames=1, roi=roi, span="1 1")
    sample = next(iter(read_data(str(tmp_path), "cdnet", 0)[1][0].read()))
    assert sample.truth is not None
    assert Counts.of(FOUND, sample.truth) == Counts(tp=2, fp=1, fn=1, tn=2, shadow=1)


@pytest.mark.parametrize("top", [".", "baseline", "baseline/road"])
def test_any_level_of_the_official_tree_may_be_given(tmp_path: Path, top: str) -> None:
    _video(tmp_path / "dataset" / "baseline" / "road", frames=2, roi=None, span="1 2")
    _video(tmp_path / "dataset" / "baseline" / "park", frames=2, roi=None, span="1 2")
    found = read_data(str(tmp_path / "dataset" / top), "auto", 0)
    assert found[0] == "cdnet"
    assert sorted(f.name for f in found[1]) == (["road"] if top.endswith("road") else ["park", "road"])


def test_a_label_that_cdnet_does_not_have_is_refused(tmp_path: Path) -> None:
    _video(tmp_path / "baseline" / "road", frames=1, roi=None, span="1 1")
    save(tmp_path / "baseline/road/groundtruth/gt000001.png", np.full((1, 10), 7, np.uint8))
    with pytest.raises(OSError, match=r"gt000001\.png: has the label 7; CDnet's are 0, 50, 85, 170, 255"):
        list(read_data(str(tmp_path), "cdnet", 0)[1][0].read())


def test_a_temporal_region_that_is_no_two_numbers_is_refused(tmp_path: Path) -> None:
    _video(tmp_path / "baseline" / "road", frames=1, roi=None, span="all")
    with pytest.raises(UsageError, match=r"temporalROI\.txt: is 'all'; two frame numbers were wanted"):
        read_data(str(tmp_path), "cdnet", 0)


def _video(folder: Path, frames: int, roi: np.ndarray | None, span: str) -> None:
    for n in range(1, frames + 1):
        save(folder / "input" / f"in{n:06d}.png", np.zeros((1, 10, 3), np.uint8))
        save(folder / "groundtruth" / f"gt{n:06d}.png", TRUTH)
    if roi is not None:
        save(folder / "ROI.bmp", roi)
    (folder / "temporalROI.txt").write_text(span)
