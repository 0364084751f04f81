from __future__ import annotations

import numpy as np
import py_sod_metrics as sod
import pytest

from bgflow.evaluate import stills
from bgflow.evaluate.footage import Sample
from bgflow.evaluate.verdict import Matted
from tests.evaluate.shapes import box


def test_iou_is_shared_pixels_over_all_pixels() -> None:
    assert stills.iou(box(0, 20) > 0, box(10, 30) > 0) == pytest.approx(10 / 30)


def test_iou_of_nothing_with_nothing_is_one() -> None:
    assert stills.iou(box(0, 0) > 0, box(0, 0) > 0) == 1


def test_mean_ap_counts_the_thresholds_that_each_iou_reaches() -> None:
    # 0.75 reaches 0.50, 0.55, 0.60, 0.65, 0.70 and 0.75, which are 6 of 10; 0.4 none; 1 all
    assert stills.mean_ap([0.75]) == pytest.approx(0.6)
    assert stills.mean_ap([0.75, 0.4, 1.0]) == pytest.approx((0.6 + 0 + 1) / 3)


def test_an_outline_within_the_bound_is_right_and_one_beyond_it_wrong() -> None:
    truth = box(40, 80, 20, 80, (100, 200)) > 0
    bound = int(np.ceil(stills.BOUND * np.hypot(100, 200)))
    assert bound == 2
    assert stills.boundary_f(box(42, 82, 20, 80, (100, 200)) > 0, truth) == 1
    assert stills.boundary_f(box(100, 140, 20, 80, (100, 200)) > 0, truth) == 0


def test_an_outline_is_scored_by_the_share_that_is_met() -> None:
    # Of a full-height bar's two vertical edges the result has one where it should be and one far off.
    truth, found = box(20, 100, 0, 100, (100, 200)) > 0, box(20, 150, 0, 100, (100, 200)) > 0
    assert stills.boundary_f(found, truth) == pytest.approx(0.5)


@pytest.mark.filterwarnings("ignore:This class will be removed")
def test_f_s_and_e_are_those_of_pysodmetrics_over_many_pictures() -> None:
    rng = np.random.default_rng(3)
    ours, (f, s, e) = stills.Saliency(), (sod.Fmeasure(), sod.Smeasure(), sod.Emeasure())
    for n in range(4):
        truth = box(5 + n, 40 + 3 * n) > 0
        alpha = np.clip(truth * 0.7 + rng.random(truth.shape) * 0.4, 0, 1).astype(np.float32)
        ours.add(alpha, truth)
        for theirs in (f, s, e):
            theirs.step(alpha, truth, normalize=False)
    told = ours.figures()
    assert told["f_max"] == pytest.approx(f.get_results()["fm"]["curve"].max(), abs=2e-3)
    assert told["f_adaptive"] == pytest.approx(f.get_results()["fm"]["adp"], abs=1e-6)
    assert told["s"] == pytest.approx(s.get_results()["sm"])
    assert told["e"] == pytest.approx(e.get_results()["em"]["curve"].mean())


def test_adaptive_f_of_a_hard_mask_is_reckoned_by_hand() -> None:
    ours = stills.Saliency()
    ours.add(box(0, 20), box(10, 30) > 0)  # precision and recall are a half, so F is a half whatever beta
    assert ours.figures()["f_adaptive"] == pytest.approx(0.5, abs=1e-6)


def test_a_perfect_matte_scores_one_everywhere_and_has_no_error() -> None:
    verdict, truth = Matted(video=False), box(10, 30)
    verdict.add(Sample("a", np.zeros((32, 64, 3), np.uint8), truth), truth.copy())
    told = verdict.figures()
    assert [told[n] for n in ("iou", "map", "f_max", "boundary_f")] == pytest.approx([1, 1, 1, 1], abs=1e-6)
    assert [told[n] for n in ("mae", "sad", "mse", "gradient", "connectivity")] == [0, 0, 0, 0, 0]


def test_a_picture_without_a_subject_counts_only_as_empty() -> None:
    verdict = Matted(video=False)
    verdict.add(Sample("a", np.zeros((32, 64, 3), np.uint8), box(0, 0)), box(0, 16, 0, 32))
    assert verdict.figures() == {"empty": 25.0}


def test_pooled_f_counts_the_pixels_of_all_pictures_and_of_the_empty_one_too() -> None:
    verdict, none = Matted(video=False), box(0, 0)
    for truth, found in ((box(10, 30), box(10, 25)), (box(10, 20), box(10, 20)), (none, box(0, 5))):
        verdict.add(Sample("a", np.zeros((32, 64, 3), np.uint8), truth), found)
    # in columns of 24 rows: 15 + 10 are right, 5 are missed, 5 are called subject where nobody is
    assert verdict.figures()["f_pixels"] == pytest.approx(2 * 25 / (2 * 25 + 5 + 5))
