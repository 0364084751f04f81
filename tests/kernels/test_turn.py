"""Rows resampled by turning; that the sums are those of Pillow is tested in test_tensor.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bgflow.kernel import Kernel
from bgflow.kernels import turn
from tests.kernels.test_tensor import SCALARS, Rng, weights


def turned(rng: Rng, m: int, n: int) -> list[Any]:
    return [rng.random((m, n), np.float32), np.zeros((-(-m // 8), n, 8), np.float32), m, n]


def along(rng: Rng, n: int) -> list[Any]:
    first, weight, taps = weights(47, n)
    src = rng.random((2, 47, 24), np.float32) * np.float32(300)
    return [src, first, weight, np.zeros((2, n, 24), np.float32), 47, n, taps]


def scaled(rng: Rng, shape: tuple[int, ...]) -> list[Any]:
    src = rng.random((2, 13, 3, 8), np.float32) * np.float32(300) - np.float32(20)
    return [src, np.zeros(shape, np.float32), *SCALARS]


CASES: list[tuple[Kernel, Callable[[Rng], list[Any]]]] = [
    (turn.to_planes, lambda rng: scaled(rng, (3, 11, 13))),
    (turn.to_pixels, lambda rng: scaled(rng, (11, 13, 3))),
]
for size in [(17, 33), (8, 40), (3, 5)]:
    CASES.append((turn.turn, lambda rng, size=size: turned(rng, *size)))
for n in (13, 60):
    CASES.append((turn.along, lambda rng, n=n: along(rng, n)))


@pytest.mark.parametrize("m", [1, 8, 9, 47])
def test_eight_rows_lie_side_by_side_and_the_last_repeats(m: int) -> None:
    src = np.random.default_rng(1).random((m, 5), np.float32)
    out = np.zeros((-(-m // 8), 5, 8), np.float32)
    turn.turn(src, out, m, 5)
    rows = np.pad(src, ((0, -m % 8), (0, 0)), "edge")
    np.testing.assert_array_equal(out, rows.reshape(-1, 8, 5).transpose(0, 2, 1))
