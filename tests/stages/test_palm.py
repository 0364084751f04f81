"""Palms: against MediaPipe's own hands on photos, and how boxes become palms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bgflow.errors import ModelError
from bgflow.media.pictures import read
from bgflow.models import find
from bgflow.stages.palm import SIDE, Detect, _compiled, centres, found
from bgflow.testing import opened, run_stage
from tests.hands import held_up

# The middle between wrist and middle knuckle that mediapipe 0.10.21's Hands (model 0, static pictures) finds.
HANDS = {
    "105": [(0.333, 0.338)],
    "130": [(0.624, 0.603)],
    "143": [(0.538, 0.526), (0.437, 0.44)],
    "175": [(0.483, 0.652)],
    "188": [(0.613, 0.576)],
    "206": [(0.613, 0.394)],
    "225": [(0.608, 0.689), (0.395, 0.664)],
    "263": [(0.635, 0.832), (0.804, 0.828)],
    "52": [(0.278, 0.745)],
    "59": [(0.538, 0.716)],
    "84": [(0.704, 0.405)],
}
CLOSE = 0.03  # of the picture's longer side


@pytest.fixture(scope="module")
def model() -> None:
    try:
        find("palm")
    except ModelError as e:
        pytest.skip(str(e))


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("name", HANDS)
def test_palms_are_where_mediapipes_hands_are(name: str, data: Path) -> None:
    image = read(data / "human40" / "images" / f"{name}.jpg")
    h, w = image.shape[:2]
    palms = run_stage(Detect(most=8), image=image)
    palms = palms[palms[:, 2] > 0]
    for x, y in HANDS[name]:
        distance = np.hypot((palms[:, 0] - x) * w, (palms[:, 1] - y) * h) / max(h, w)
        assert distance.min() < CLOSE


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(("h", "w"), [(360, 640), (640, 360), (480, 480), (359, 641)])
@pytest.mark.parametrize(("x", "y"), [(0.3, 0.4), (0.7, 0.6)])
def test_a_palm_is_found_at_its_place_in_pictures_of_any_shape(h: int, w: int, x: float, y: float) -> None:
    palms = run_stage(Detect(), image=held_up(h, w, x, y, 150))
    assert palms[0, 2] > 0.6
    assert np.hypot((palms[0, 0] - x) * w, (palms[0, 1] - y) * h) < 0.06 * max(h, w)


@pytest.mark.usefixtures("model")
def test_rows_without_a_palm_are_zero_and_nothing_of_the_frame_before_stays() -> None:
    with opened(Detect(most=3)) as it:
        assert it(image=held_up(360, 640, 0.5, 0.5, 140))[0, 2] > 0
        empty = it(image=np.full((360, 640, 3), (90, 110, 130), np.uint8))
    np.testing.assert_array_equal(empty, np.zeros((3, 3), np.float32))


@pytest.mark.usefixtures("model")
def test_a_process_loads_a_model_once() -> None:
    _compiled.cache_clear()
    for _ in range(2):
        with opened(Detect(threads=1)):
            pass
    assert (_compiled.cache_info().misses, _compiled.cache_info().hits) == (1, 1)


def boxes(*palms: tuple[int, float, float, float]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Answers of the network: (box, centre x in pixels, score before the sigmoid, side in pixels) of each."""
    out, scores = np.zeros((2016, 18), np.float32), np.full(2016, -99, np.float32)
    for n, x, score, side in palms:
        out[n, 0], out[n, 2:4], scores[n] = x - centres()[n, 0] * SIDE, side, score
        out[n, 4:] = np.tile([x - centres()[n, 0] * SIDE, 0], 7)
    return out, scores


def test_boxes_lie_on_two_grids_in_the_order_of_the_network() -> None:
    middle = centres()
    assert middle.shape == (2016, 2)
    assert middle[[0, 1, 2, 48, 1152, 1158, 2015]].tolist() == pytest.approx(
        np.array([(0.5, 0.5)] * 2 + [(1.5, 0.5), (0.5, 1.5)] + [(1, 1), (3, 1), (23, 23)]) / 24
    )


def test_boxes_that_overlap_are_one_palm_at_their_weighted_mean() -> None:
    [(score, points)] = found(*boxes((4, 40, 2.0, 50), (5, 44, 0.0, 50)), 0.4)
    high, low = 1 / (1 + np.exp(-2.0)), 0.5
    assert score == pytest.approx(high)
    assert points[0, 0] * SIDE == pytest.approx((40 * high + 44 * low) / (high + low), abs=1e-3)


def test_boxes_apart_are_two_palms_the_surest_first() -> None:
    palms = found(*boxes((4, 30, 1.0, 30), (40, 150, 2.0, 30)), 0.5)
    assert [round(float(points[0, 0]) * SIDE) for _, points in palms] == [150, 30]


def test_a_box_that_is_not_sure_enough_is_no_palm() -> None:
    assert found(*boxes((4, 30, -0.1, 30)), 0.5) == []
