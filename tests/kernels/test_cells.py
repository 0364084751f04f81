"""Shrinking by columns of pixels, on a CPU, comes to what shrinking cell by cell does."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import blur, cells

Make = Callable[[np.random.Generator], list[Any]]
H, W, K, M, N = 33, 47, 4, 9, 12


def image(rng: np.random.Generator, h: int = H, w: int = W) -> np.ndarray[Any, Any]:
    return rng.integers(0, 256, (h, w, 3), np.uint8)


def empty(*shape: int) -> np.ndarray[Any, Any]:
    return np.zeros(shape, np.float32)


CASES: list[tuple[Kernel, Make]] = [
    (cells.weighted, lambda rng: [
        image(rng), rng.random((H, W), np.float32), empty(M, W, 4), empty(M, N, 4), K, H, W, N
    ]),
    (cells.plain, lambda rng: [
        image(rng).reshape(H, 3 * W), np.zeros((M, 3 * W), np.int32), empty(M, N, 4), K, H, N, 3 * W
    ]),
]  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(h=st.integers(1, 40), w=st.integers(1, 40), k=st.integers(1, 7), seed=st.integers(0, 99))
def test_columns_come_to_what_cells_do(h: int, w: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    picture, alpha = image(rng, h, w), rng.random((h, w), np.float32)
    m, n = -(-h // k), -(-w // k)
    got, want = empty(m, n, 4), empty(m, n, 4)
    cells.weighted(picture, alpha, empty(m, w, 4), got, k, h, w, n)
    blur.shrink_background(picture, alpha, want, k, h, w)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-3)
    cells.plain(picture.reshape(h, 3 * w), np.zeros((m, 3 * w), np.int32), got, k, h, n, 3 * w)
    blur.shrink_picture(picture, want, k, h, w)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-3)
