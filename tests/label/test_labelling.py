"""The greedy person of `bgflow.bench.labelling`, whose clicks are counted."""

from __future__ import annotations

import numpy as np

from bgflow.bench.labelling import clicks, iou, points
from tests.label.sets import disc

TRUTH = disc() > 0


def test_a_mask_that_is_right_needs_no_click() -> None:
    assert clicks(TRUTH, TRUTH, 0.98) == 0


def test_a_speck_and_a_hole_are_one_click_each() -> None:
    mask = TRUTH.copy()
    mask[2:12, 2:12] = True
    mask[45:55, 60:70] = False
    assert clicks(mask, TRUTH, 0.999) == 2


def test_a_bulge_is_dabbed_until_it_is_gone() -> None:
    mask = TRUTH.copy()
    mask[40:60, 90:118] = True
    assert 1 <= clicks(mask, TRUTH, 0.98) <= 6


def test_a_square_takes_four_points_and_nobody_none() -> None:
    square = np.zeros((90, 120), bool)
    square[20:60, 30:80] = True
    assert points(square, 0.98) == 4
    assert points(np.zeros_like(square), 0.98) == 0
    assert iou(np.zeros_like(square), np.zeros_like(square)) == 1
