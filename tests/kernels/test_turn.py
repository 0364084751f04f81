"""Rows resampled by turning; that the sums are those of Pillow is tested in test_tensor.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bgflow.kernel import Kernel
from bgflow.kernels import turn
from tests.kernels.test_tensor import SCALARS, Rng, weights


def resampled(rng: Rng, h: int, w: int, m: int, n: int) -> list[Any]:
    down, weigh_down, i = weights(h, m)
    right, weigh_right, j = weights(w, n)
    bands = -(-m // 8)
    src, out = rng.integers(0, 256, (h, w * 3), np.uint8), np.zeros((bands, n, 24), np.float32)
    return [src, down, weigh_down, right, weigh_right, out, bands, h, w, m, i, n, j]


def scaled(rng: Rng, shape: tuple[int, ...]) -> list[Any]:
    src = rng.random((2, 13, 3, 8), np.float32) * np.float32(300) - np.float32(20)
    return [src, np.zeros(shape, np.float32), *SCALARS]


CASES: list[tuple[Kernel, Callable[[Rng], list[Any]]]] = [
    (turn.to_planes, lambda rng: scaled(rng, (3, 11, 13))),
    (turn.to_pixels, lambda rng: scaled(rng, (11, 13, 3))),
]
for size in [(33, 47, 9, 13), (5, 7, 8, 10), (3, 180, 17, 4), (1, 1, 1, 2)]:
    CASES.append((turn.resample, lambda rng, size=size: resampled(rng, *size)))


@pytest.mark.parametrize("m", [1, 8, 9, 47])
def test_a_picture_of_the_same_size_lies_in_bands_of_eight_rows_and_the_last_row_repeats(m: int) -> None:
    values = resampled(np.random.default_rng(1), m, 5, m, 5)
    src, out = values[0], values[5]
    turn.resample(*values)
    rows = np.pad(src.reshape(m, 5, 3), ((0, -m % 8), (0, 0), (0, 0)), "edge")
    want = rows.reshape(-1, 8, 5, 3).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(out.reshape(want.shape), want, atol=1e-3)
