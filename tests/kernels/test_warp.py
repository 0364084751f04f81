"""Pictures, labels and mattes at another place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import warp

H, W = 33, 147
Picture = np.ndarray[Any, Any]
STILL: warp.Map = (1, 0, 0, 0, 1, 0)
TURN: warp.Map = (1.01, -0.02, 3.3, 0.03, 0.98, -2.2)


def colours(rng: np.random.Generator, h: int = H, w: int = W) -> Picture:
    return rng.integers(0, 256, (h, w, 3), np.uint8)


def real(rng: np.random.Generator, h: int = H, w: int = W) -> Picture:
    return rng.random((h, w), np.float32)


def label(rng: np.random.Generator) -> Picture:
    return colours(rng)[..., 0].copy()


def shifted(dx: float, dy: float) -> warp.Map:
    return (1, 0, dx, 0, 1, dy)


CASES: list[tuple[Kernel, Callable[[np.random.Generator], list[Any]]]] = [
    (warp.shift_picture, lambda r: [colours(r), colours(r), 3, 64, 3.3, -2.2, H, W]),
    (warp.shift_picture, lambda r: [colours(r), colours(r), W, 1, -3.5, 0.25, H, W]),
    (warp.move_picture, lambda r: [colours(r), colours(r), *TURN, H, W]),
    (warp.reveal, lambda r: [colours(r), colours(r), 3, 64, *TURN, H, W]),
    (warp.reveal, lambda r: [colours(r), colours(r), W, 1, *shifted(-4, 3), H, W]),
    (warp.move_matte, lambda r: [real(r), real(r), *TURN, H, W]),
    (warp.move_label, lambda r: [label(r), label(r), *TURN, H, W]),
]


@given(
    h=st.integers(1, 20), w=st.integers(1, 140), dx=st.integers(-150, 150), dy=st.integers(-25, 25),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_a_shift_by_whole_pixels_is_exact_and_the_rest_comes_from_beyond(
    h: int, w: int, dx: int, dy: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    image, beyond, out = (colours(rng, h, w) for _ in range(3))
    warp.picture(image, beyond, out, shifted(dx, dy))
    y, x = np.mgrid[:h, :w] + np.array([dy, dx])[:, None, None]
    there = (y >= 0) & (y < h) & (x >= 0) & (x < w)
    want = np.where(there[..., None], image[np.clip(y, 0, h - 1), np.clip(x, 0, w - 1)], beyond)
    np.testing.assert_array_equal(out, want)


@given(h=st.integers(1, 20), w=st.integers(1, 140), seed=st.integers(0, 99))
def test_the_map_that_moves_nothing_changes_nothing(h: int, w: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    image, matte = colours(rng, h, w), real(rng, h, w)
    moved, faded, named = np.zeros_like(image), np.zeros_like(matte), np.zeros((h, w), np.uint8)
    warp.picture(image, np.zeros_like(image), moved, STILL)
    warp.matte(matte, faded, STILL)
    warp.label(image[..., 0].copy(), named, STILL)
    np.testing.assert_array_equal(moved, image)
    np.testing.assert_array_equal(faded, matte)
    np.testing.assert_array_equal(named, image[..., 0])


@given(dx=st.floats(-9, 9), dy=st.floats(-9, 9))
def test_a_shift_and_a_turn_by_nothing_with_the_same_shift_give_the_same_picture(dx: float, dy: float) -> None:
    rng = np.random.default_rng(0)
    image, beyond, straight, bent = (colours(rng) for _ in range(4))
    warp.picture(image, beyond, straight, shifted(dx, dy))
    warp.picture(image, beyond, bent, (1, 1e-12, dx, 0, 1, dy))
    assert np.mean(straight != bent) < 0.1  # a place may be rounded the other way
    assert np.abs(straight.astype(int) - bent).max() <= 1


@pytest.mark.parametrize("where", [shifted(2.25, -1.5), TURN])
def test_a_plane_of_brightness_stays_a_plane(where: warp.Map) -> None:
    y, x = np.mgrid[:H, :W]
    plane = 20 + x + 2 * y
    image = np.repeat(plane[..., None], 3, -1).astype(np.uint8)
    beyond, out = np.zeros_like(image), np.zeros_like(image)
    warp.picture(image, beyond, out, where)
    a, b, c, d, e, f = where
    u, v = a * (x + 0.5) + b * (y + 0.5) + c - 0.5, d * (x + 0.5) + e * (y + 0.5) + f - 0.5
    inside = (u >= 0) & (u <= W - 1) & (v >= 0) & (v <= H - 1)
    assert np.abs(out[..., 0] - (20 + u + 2 * v))[inside].max() < 0.52
    assert (out[(u < -0.51) | (v < -0.51)] == 0).all()


def test_the_border_of_a_label_goes_on_beyond_it() -> None:
    source = np.zeros((20, 30), np.uint8)
    source[-1] = 255
    out = np.zeros_like(source)
    warp.label(source, out, shifted(0, 5))
    assert (out[-6:] == 255).all()
    assert (out[:-6] == 0).all()
