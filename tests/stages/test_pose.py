"""Palms from a pose: against MediaPipe's own pose on photos, and how the person is followed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgflow.errors import ModelError
from bgflow.media.pictures import read
from bgflow.models import find
from bgflow.models.calibration import pictures
from bgflow.stages.pose import POINTS, Palms, Region, refined
from bgflow.testing import opened, run_stage

# Elbows and wrists that mediapipe 0.10.21's Pose (static pictures) finds and is sure to be visible.
BODIES: dict[str, list[tuple[int, float, float]]] = {
    "124": [(13, 0.57, 0.412), (14, 0.446, 0.416), (15, 0.574, 0.456), (16, 0.43, 0.458)],
    "143": [(13, 0.587, 0.405), (14, 0.272, 0.415), (15, 0.552, 0.509), (16, 0.409, 0.433)],
    "175": [(13, 0.661, 0.502), (14, 0.5, 0.51), (15, 0.678, 0.628), (16, 0.489, 0.622)],
    "212": [(13, 0.556, 0.438)],
    "225": [(13, 0.515, 0.662), (14, 0.26, 0.741), (15, 0.489, 0.667), (16, 0.385, 0.682)],
    "59": [(13, 0.871, 1.056), (14, 0.309, 1.197), (15, 0.648, 0.831), (16, 0.514, 0.825)],
    "84": [(13, 0.858, 0.785), (15, 0.71, 0.462)],
    "130": [(13, 0.689, 0.487), (14, 0.223, 0.554), (15, 0.628, 0.586), (16, 0.249, 0.717)],
}
CLOSE = 0.03  # of the picture's longer side


@pytest.fixture(scope="module")
def models() -> None:
    for name in ("pose_detection", "pose_landmark"):
        try:
            find(name)
        except ModelError as e:
            pytest.skip(str(e))


def person() -> Any:
    """A rendered one."""
    return next(pictures(1))


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("name", BODIES)
def test_wrists_and_elbows_are_where_mediapipes_pose_has_them(name: str, data: Path) -> None:
    image = read(data / "human40" / "images" / f"{name}.jpg")
    h, w = image.shape[:2]
    body = run_stage(Palms(), image=image)["landmarks"]
    for point, x, y in BODIES[name]:
        assert body[point, 2] > 0.4
        assert np.hypot((body[point, 0] - x) * w, (body[point, 1] - y) * h) < CLOSE * max(h, w)


@pytest.mark.usefixtures("models")
def test_a_palm_is_half_as_far_beyond_the_wrist_as_the_elbow_is_before_it() -> None:
    found = run_stage(Palms(), image=person())
    body, palms = found["landmarks"], found["palms"]
    expected = [1.5 * body[wrist, :2] - 0.5 * body[elbow, :2] for elbow, wrist in ((13, 15), (14, 16))]
    assert palms.shape == (2, 3)
    assert palms[0, 2] >= palms[1, 2] > 0.5
    for palm in palms[:, :2]:
        assert min(np.abs(palm - it).max() for it in expected) < 1e-6


@pytest.mark.usefixtures("models")
def test_an_arm_that_is_less_visible_than_wanted_has_no_palm() -> None:
    with opened(Palms(visibility=1.0)) as it:
        assert not it(image=person())["palms"].any()


@pytest.mark.usefixtures("models")
def test_who_was_found_is_followed_and_not_looked_for_again() -> None:
    image = person()
    with opened(Palms()) as it:
        for shift in range(0, 60, 6):
            body = it(image=np.roll(image, shift, 1))["landmarks"]
        assert it.ctx.facts == {"looked": 1}
        alone = run_stage(Palms(), image=np.roll(image, 54, 1))["landmarks"]
    assert np.median(np.abs(body - alone)[:, :2]) < 0.02


@pytest.mark.usefixtures("models")
def test_who_has_gone_is_looked_for_and_found_again() -> None:
    image = person()
    wall = np.full_like(image, 120)
    with opened(Palms()) as it:
        seen = [bool(it(image=frame)["palms"].any()) for frame in (image, image, wall, wall, wall, image, image)]
        assert it.ctx.facts == {"looked": 4}  # at first, on two walls, and when the person is back
    assert seen == [True, True, False, False, False, True, True]


@pytest.mark.usefixtures("models")
def test_a_picture_of_another_size_is_looked_at_anew() -> None:
    image = person()
    with opened(Palms()) as it:
        it(image=image)
        half = it(image=np.ascontiguousarray(image[::2, ::2]))["landmarks"]
        assert it.ctx.facts == {"looked": 2}
    assert half[:, 2].max() > 0.9


@pytest.mark.usefixtures("models")
def test_nobody_gives_rows_of_zeros() -> None:
    found = run_stage(Palms(), image=np.full((90, 160, 3), 100, np.uint8))
    np.testing.assert_array_equal(found["palms"], np.zeros((2, 3), np.float32))
    np.testing.assert_array_equal(found["landmarks"], np.zeros((POINTS, 3), np.float32))


@given(st.floats(10, 600), st.floats(10, 400), st.floats(5, 300), st.floats(-3.1, 3.1))
def test_a_region_has_its_person_upright_and_in_the_middle(x: float, y: float, reach: float, angle: float) -> None:
    rim = np.array([x + reach * math.sin(angle), y - reach * math.cos(angle)])
    region = Region.around(np.array([x, y]), rim)
    assert region.side == pytest.approx(2.5 * reach)
    placed = region.out(np.array([(0.5, 0.5), (0.5, 0.5 - 1 / 2.5)], np.float32))
    np.testing.assert_allclose(placed, [(x, y), rim], atol=1e-2)


def test_a_point_moves_to_the_middle_of_what_its_map_shows_around_it() -> None:
    maps = np.full((64, 64, 3), -150, np.float32)
    maps[20, 31:33, 0] = 4.0  # around the first point, two cells to the right
    maps[50, 50, 1] = 4.0  # far from the second
    maps[20, 30, 2] = -0.5  # not likely enough
    points = np.array([(30.4 / 64, 20.4 / 64)] * 3, np.float32)
    moved = refined(points, maps) * 64
    np.testing.assert_allclose(moved, [(31.5, 20), (30.4, 20.4), (30.4, 20.4)], atol=1e-4)


def test_a_point_outside_of_its_map_stays() -> None:
    points = np.array([(-0.2, 0.5), (1.3, 0.5)], np.float32)
    np.testing.assert_array_equal(refined(points, np.full((64, 64, 2), 4, np.float32)), points)
