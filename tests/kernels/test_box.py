"""Box means, against their definition in double precision."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import box
from tests.kernels import hostcuda

Make = Callable[[np.random.Generator], list[Any]]
Way = Callable[[], AbstractContextManager[None]]
H, W = 33, 47


def real(rng: np.random.Generator, *shape: int) -> np.ndarray[Any, Any]:
    return rng.random(shape, np.float32)


def empty(*shape: int) -> np.ndarray[Any, Any]:
    return np.zeros(shape, np.float32)


def columns(r: int, step: int) -> Make:
    blocks = -(-W // step)
    return lambda rng: [real(rng, 2, H, W), empty(2, H, W), r, H, W, 2 * blocks, blocks, step]


CASES: list[tuple[Kernel, Make]] = [
    (box.sum_columns, columns(3, 16)),
    (box.sum_columns, columns(50, 1)),
    (box.mean_rows, lambda rng: [real(rng, 2 * H, W), empty(2 * H, W), 4, H, 2 * H, W, -(-2 * H // 4)]),
    (box.mean_rows, lambda rng: [real(rng, 2 * H, W), empty(2 * H, W), 60, H, 2 * H, W, -(-2 * H // 4)]),
    (box.mean_along, lambda rng: [real(rng, 2, H, W), empty(2, H, W), 1, 0, 3, H, W]),
    (box.mean_along, lambda rng: [real(rng, 2, H, W), empty(2, H, W), 0, 1, 60, H, W]),
    (box.mean_near, lambda rng: [real(rng, 2, H, W), empty(2, H, W), 2, H, W]),
]  # fmt: skip


def box_means(a: np.ndarray[Any, Any], r: int) -> np.ndarray[Any, Any]:
    """The definition: the mean of the window, cut at the border."""
    h, w = a.shape[-2:]
    out = np.empty(a.shape)
    for y in range(h):
        for x in range(w):
            part = a[..., max(y - r, 0) : y + r + 1, max(x - r, 0) : x + r + 1]
            out[..., y, x] = part.mean((-2, -1), dtype=np.float64)
    return out


@pytest.mark.parametrize("way", hostcuda.ways())
@settings(max_examples=30, deadline=None)
@given(h=st.integers(1, 20), w=st.integers(1, 20), p=st.integers(1, 3), r=st.integers(1, 30), seed=st.integers(0, 99))
def test_box_is_the_mean_of_the_window_cut_at_the_border(way: Way, h: int, w: int, p: int, r: int, seed: int) -> None:
    source = np.random.default_rng(seed).random((p, h, w), np.float32)
    out = np.empty_like(source)
    with way():
        box.mean(source, out, r, np.empty_like(source))
    np.testing.assert_allclose(out, box_means(source, r), atol=1e-5)


@pytest.mark.parametrize("way", hostcuda.ways())
def test_box_may_write_over_its_source(way: Way) -> None:
    source = np.random.default_rng(1).random((2, 30, 40), np.float32)
    want = box_means(source, 3)
    with way():
        box.mean(source, source, 3, np.empty_like(source))
    np.testing.assert_allclose(source, want, atol=1e-5)
