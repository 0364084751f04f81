"""Turned squares of a picture, as networks want them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import crop

Rng = np.random.Generator


def picture(h: int, w: int) -> Any:
    return np.random.default_rng(h * w).integers(0, 256, (h, w, 3), np.uint8)


def taken(image: Any, n: int, *where: float, low: float = 0.0, black: bool = False) -> Any:
    out = np.full((n, n, 3), np.nan, np.float32)
    crop.square(image, out, *where, low=low, black=black)
    return out


def case(black: int) -> Callable[[Rng], list[Any]]:
    def make(r: Rng) -> list[Any]:
        out = np.zeros((24, 40, 3), np.float32)
        return [picture(33, 47), out, 0.7, -0.5, 9.0, 0.5, 0.9, -3.25, 33, 47, 1 / 128, -1.0, black]

    return make


CASES: list[tuple[Kernel, Callable[[Rng], list[Any]]]] = [(crop.sample, case(0)), (crop.sample, case(1))]


def test_a_square_as_large_as_its_result_is_the_picture_itself() -> None:
    image = picture(20, 30)
    np.testing.assert_allclose(taken(image, 8, 10, 9, 8), image[5:13, 6:14] / 255, atol=1e-6)


@pytest.mark.parametrize(("turns", "expected"), [(1, np.rot90), (2, lambda a: np.rot90(a, 2))])
def test_a_turned_square_shows_what_is_up_there_above(turns: int, expected: Callable[[Any], Any]) -> None:
    image = picture(20, 20)
    found = taken(image, 8, 10, 10, 8, turns * math.pi / 2)
    around = expected(image[5:16, 5:16])  # a pixel shows its first corner, which is another one after a turn
    best = min(np.abs(found - around[y : y + 8, x : x + 8] / 255).max() for y in range(4) for x in range(4))
    assert best < 1e-3


@given(st.floats(-20, 50), st.floats(-20, 50), st.floats(1, 60), st.floats(-4, 4))
def test_levels_lie_between_the_lowest_and_one(x: float, y: float, side: float, angle: float) -> None:
    found = taken(picture(24, 31), 6, x, y, side, angle, low=-1.0)
    assert found.min() >= -1
    assert found.max() <= 1 + 1e-6


def test_outside_of_the_picture_is_black_or_its_border() -> None:
    image = np.full((10, 10, 3), 255, np.uint8)
    assert taken(image, 4, -20, 5, 8).min() == pytest.approx(1)
    assert taken(image, 4, -20, 5, 8, low=-1.0, black=True).max() == -1


def test_a_corner_of_a_pixel_is_where_the_square_has_it() -> None:
    ramp = np.repeat(np.arange(0, 240, 4, dtype=np.uint8)[None, :, None], 3, 2).repeat(60, 0)
    found = taken(ramp, 10, 30, 30, 40)[5, :, 0] * 255
    np.testing.assert_allclose(found, np.arange(10, 50, 4) * 4, atol=0.51)
