"""How the answers of MediaPipe's detectors become things, and their networks at other sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bgflow.detector import Detector, Found, centres, found, surest
from bgflow.errors import ModelError
from bgflow.models import find
from tests.hands import PALM, hand

SIDE, STEPS = 192, ((8, 2), (16, 6))
MIDDLES = centres(SIDE, STEPS)


def answers(*palms: tuple[int, float, float, float], least: float) -> list[Found]:
    """What (box, centre x in pixels, score before the sigmoid, side in pixels) of each mean."""
    out, scores = np.zeros((2016, 18), np.float32), np.full(2016, -99, np.float32)
    for n, x, score, side in palms:
        out[n, 0], out[n, 2:4], scores[n] = x - MIDDLES[n, 0] * SIDE, side, score
        out[n, 4:] = np.tile([x - MIDDLES[n, 0] * SIDE, 0], 7)
    return found(out, scores, MIDDLES, SIDE, least)


def test_boxes_lie_on_two_grids_in_the_order_of_the_network() -> None:
    assert MIDDLES.shape == (2016, 2)
    assert MIDDLES[[0, 1, 2, 48, 1152, 1158, 2015]].tolist() == pytest.approx(
        np.array([(0.5, 0.5)] * 2 + [(1.5, 0.5), (0.5, 1.5)] + [(1, 1), (3, 1), (23, 23)]) / 24
    )


def test_boxes_that_overlap_are_one_thing_at_their_weighted_mean() -> None:
    [(score, points)] = answers((4, 40, 2.0, 50), (5, 44, 0.0, 50), least=0.4)
    high, low = 1 / (1 + np.exp(-2.0)), 0.5
    assert score == pytest.approx(high)
    assert points[0, 0] * SIDE == pytest.approx((40 * high + 44 * low) / (high + low), abs=1e-3)


def test_boxes_apart_are_two_things_the_surest_first() -> None:
    things = answers((4, 30, 1.0, 30), (40, 150, 2.0, 30), least=0.5)
    assert [round(float(points[0, 0]) * SIDE) for _, points in things] == [150, 30]


def test_a_box_that_is_not_sure_enough_is_nothing() -> None:
    assert answers((4, 30, -0.1, 30), least=0.5) == []


def test_rows_are_the_surest_first_and_those_without_anything_zero() -> None:
    out = np.full((3, 3), 7, np.float32)
    surest([(0.1, 0.2, 0.5), (0.3, 0.4, 0.75)], out)
    np.testing.assert_array_equal(out, np.array([(0.3, 0.4, 0.75), (0.1, 0.2, 0.5), (0, 0, 0)], np.float32))
    surest([(0.1, 0.2, s / 8) for s in range(1, 6)], out)
    assert out[:, 2].tolist() == [5 / 8, 4 / 8, 3 / 8]


@pytest.mark.parametrize("side", [96, 128, 160, 192])
def test_a_network_made_smaller_finds_the_same_hand_at_the_same_place(side: int) -> None:
    try:
        path = find("palm").path
    except ModelError as e:
        pytest.skip(str(e))
    net = Detector(path, side, STEPS, 1)
    assert len(centres(side, STEPS)) == 2 * (side // 8) ** 2 + 6 * (side // 16) ** 2
    part: np.ndarray[Any, Any] = hand(72)
    net.input[:] = np.array((90, 110, 130), np.float32) / 255
    net.input[10:82, 14:86] = part / np.float32(255)
    score, points = net(0.5)[0]
    assert score > 0.6
    x, y = (points[0] + points[2]) * (side / 2)
    assert np.hypot(x - (14 + 72 * PALM[0]), y - (10 + 72 * PALM[1])) < 8
