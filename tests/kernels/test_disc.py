"""Discs, their rings, stamps of text, and how much of a disc is covered."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernels import disc
from tests.kernels import hostcuda

Way = Callable[[], AbstractContextManager[None]]
H, W = 33, 47
GREY, RED, WHITE = 100, (255, 0, 0), (255, 255, 255)


def picture(r: np.random.Generator, h: int = H, w: int = W) -> np.ndarray[Any, Any]:
    return r.integers(0, 256, (h, w, 3), np.uint8)


def drawn(r: np.random.Generator, filled: float) -> list[Any]:
    turn = 2 * math.pi * filled
    end = -math.cos(turn), math.sin(turn)
    return [picture(r), 15.3, 21.9, 12.5, 200, 30, 60, 0.4, 3.0, *end, int(filled > 0.5), 255, 250, 240]


def counted(r: np.random.Generator) -> list[Any]:
    places = np.array([[10, 20, 8], [30, 46, 9], [0, 0, 3.3]], np.float32)
    return [r.random((H, W), np.float32), places, np.zeros((3, 24, 2), np.float32), H, W, 24]


CASES: list[tuple[Any, Any]] = [
    (disc.draw, lambda r: drawn(r, 0.3)),
    (disc.draw, lambda r: drawn(r, 0.8)),
    (disc.stamp, lambda r: [picture(r), r.integers(0, 256, (H, W, 2), np.uint8), 255, 128, 0]),
    (disc.count, counted),
]


def grey(h: int = 60, w: int = 60) -> np.ndarray[Any, Any]:
    return np.full((h, w, 3), GREY, np.uint8)


@pytest.mark.parametrize("way", hostcuda.ways())
@settings(max_examples=40, deadline=None)
@given(y=st.floats(-20, 70), x=st.floats(-20, 70), r=st.floats(1, 25), opacity=st.floats(0, 1))
def test_a_disc_changes_only_what_lies_in_it_and_blends_there(
    way: Way, y: float, x: float, r: float, opacity: float
) -> None:
    image = grey()
    with way():
        disc.disc(image, y, x, r, RED, opacity)
    rows, columns = np.mgrid[:60, :60]
    distance = np.hypot(rows - y, columns - x)
    assert (image[distance > r + 0.6] == GREY).all()
    within = image[distance < r - 0.6]
    want = np.round(GREY + (np.array(RED) - GREY) * opacity)
    assert (np.abs(within.astype(int) - want) <= 1).all()


@pytest.mark.parametrize("filled", [0.0, 0.1, 0.25, 0.5, 0.6, 0.75, 0.99, 1.0])
def test_the_ring_fills_clockwise_from_the_top(filled: float) -> None:
    image = grey(81, 81)
    disc.disc(image, 40, 40, 30, RED, 0.0, filled, 4, WHITE)
    for degrees in range(2, 359, 7):
        turn = degrees / 360
        if abs(turn - filled) < 0.01:
            continue
        y, x = 40 - 28 * math.cos(2 * math.pi * turn), 40 + 28 * math.sin(2 * math.pi * turn)
        assert (image[round(y), round(x)] == (255 if turn < filled else GREY)).all(), degrees


@pytest.mark.parametrize(("top", "left"), [(5, 5), (-3, -4), (55, 50), (70, 0)])
def test_text_is_cut_off_at_the_border(top: int, left: int) -> None:
    image, mask = grey(), np.zeros((10, 20, 2), np.uint8)
    mask[..., 0] = 255
    disc.text(image, top, left, mask, RED)
    want = grey(100, 100)
    want[max(top, 0) : top + 10, max(left, 0) : left + 20] = RED
    np.testing.assert_array_equal(image, want[:60, :60])


def test_the_outline_of_text_is_black_and_what_it_leaves_free_stays() -> None:
    image, mask = grey(10, 10), np.zeros((10, 10, 2), np.uint8)
    mask[2:5, :, 1] = 255
    disc.text(image, 0, 0, mask, RED)
    assert (image[2:5] == 0).all()
    assert (image[:2] == GREY).all()


@pytest.mark.parametrize("way", hostcuda.ways())
@settings(max_examples=40, deadline=None)
@given(edge=st.integers(0, 60), y=st.floats(10, 50), x=st.floats(10, 50), r=st.floats(6, 20))
def test_the_covered_share_is_that_of_the_disc_right_of_an_edge(
    way: Way, edge: int, y: float, x: float, r: float
) -> None:
    alpha = np.zeros((60, 60), np.float32)
    alpha[:, edge:] = 1
    places = np.array([[y, x, r]], np.float32)
    with way():
        [share] = disc.covered(alpha, places, np.empty((1, disc.GRID, 2), np.float32))
    rows, columns = np.mgrid[:60, :60]
    inside = np.hypot(rows - y, columns - x) <= r
    assert abs(share - alpha[inside].mean()) < 0.12
