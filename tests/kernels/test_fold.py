"""Planes reduced a whole number of times, and enlarged again."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import fold

Make = Callable[[np.random.Generator], list[Any]]
Plane = np.ndarray[Any, Any]
H, W = 33, 47


def real(rng: np.random.Generator, *shape: int) -> Plane:
    return rng.random(shape, np.float32)


def empty(*shape: int) -> Plane:
    return np.zeros(shape, np.float32)


CASES: list[tuple[Kernel, Make]] = [
    (fold.shrink, lambda rng: [real(rng, H, W), empty(16, 16), 3, H, W]),
    (fold.shrink, lambda rng: [real(rng, H, W), empty(40, 48), 1, H, W]),
    *(
        (fold.enlarge_span, lambda rng, k=k, span=span: [
            real(rng, 40, 48), empty(H, W), k, span, -(-49 // span), 40, 48, W
        ])
        for k in (1, 2, 3, 4, 5) for span in (1, 7, 49)
    ),
]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(h=st.integers(1, 60), w=st.integers(1, 60), k=st.integers(1, 7), more=st.integers(0, 9), seed=st.integers(0, 99))
def test_enlarging_is_interpolation_between_the_middles_of_cells(h: int, w: int, k: int, more: int, seed: int) -> None:
    m, n = -(-h // k) + more, -(-w // k) + more
    source, out = real(np.random.default_rng(seed), m, n), empty(h, w)
    fold.enlarge(source, out, k)
    down, right = (np.clip((np.arange(size) + 0.5) / k - 0.5, 0, None) for size in (h, w))
    rows = np.array([np.interp(right, np.arange(n), row) for row in source])
    want = np.array([np.interp(down, np.arange(m), column) for column in rows.T]).T
    np.testing.assert_allclose(out, want, atol=1e-5)
    assert source.min() <= out.min() <= out.max() <= source.max()


@pytest.mark.parametrize("k", [1, 2, 3, 4, 6])
def test_what_is_linear_comes_back_where_no_border_is_near(k: int) -> None:
    y, x = np.mgrid[:48, :72].astype(np.float32)
    plane = (y + 2 * x) / 200
    small, out = empty(48 // k, 72 // k), empty(48, 72)
    fold.shrink(plane, small, k, 48, 72)
    fold.enlarge(small, out, k)
    np.testing.assert_allclose(out[k:-k, k:-k], plane[k:-k, k:-k], atol=1e-5)


def test_a_cell_is_the_mean_of_what_there_is_of_it() -> None:
    plane, out = real(np.random.default_rng(0), 7, 5), empty(3, 4)
    fold.shrink(plane, out, 3, 7, 5)
    np.testing.assert_allclose(out[0, 0], plane[:3, :3].mean(), rtol=1e-6)
    np.testing.assert_allclose(out[2, 1], plane[6:, 3:].mean(), rtol=1e-6)
    np.testing.assert_array_equal(out[:, 2:], out[:, 1:2].repeat(2, 1))
