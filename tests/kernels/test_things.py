"""Things that are voted for are told apart, and each has its own backing."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import things
from tests.kernels import hostcuda
from tests.kernels.test_box import empty, real
from tests.kernels.test_guided import Memory

M, N = 5, 6
CELL = 64  # pixels

CASES: list[tuple[Kernel, Callable[[np.random.Generator], list[Any]]]] = [
    (
        things.follow,
        lambda rng: [12 * real(rng, 2, M, N), empty(M, N), np.zeros(M * N, np.int32), M, N, M * N, 1],
    ),
    (
        things.back,
        lambda rng: [
            rng.integers(-1, 9, (1, 1 + M * N), np.int32),
            rng.integers(0, 99, (2, 1 + M * N), np.int32),
            empty(M, N),
            16.0,
            N,
        ],
    ),
]


@pytest.mark.parametrize("way", hostcuda.ways())
def test_things_are_told_apart_and_each_has_its_own_backing(way: Any) -> None:
    counted, backing = np.zeros((2, 3, 6), np.float32), empty(3, 6)
    counted[things.VOTED, :, :2], counted[things.FOUND, 0, :2] = 60, 60
    counted[things.VOTED, 1, 4:] = 60
    with way():
        things.back_up(counted, backing, CELL, Memory())
    np.testing.assert_allclose(backing[:, :2], 1 / 3, atol=0.01)
    assert (backing[:, 2:] == 0).all()


@pytest.mark.skipif(not hostcuda.has_gxx(), reason="needs g++")
@settings(max_examples=20, deadline=None)
@given(m=st.integers(1, 40), n=st.integers(1, 60), seed=st.integers(0, 999), busy=st.floats(0.05, 0.9))
def test_a_gpu_follows_things_as_a_cpu_does(m: int, n: int, seed: int, busy: float) -> None:
    rng = np.random.default_rng(seed)
    counted = CELL * real(rng, 2, m, n)
    counted[things.VOTED] *= rng.random((m, n)) < busy
    counted[things.FOUND] = counted[things.VOTED] * real(rng, m, n)
    found = []
    for way in hostcuda.ways():
        backing = empty(m, n)
        with way.values[0]():
            things.back_up(counted, backing, CELL, Memory())
        found.append(backing)
    np.testing.assert_allclose(found[1], found[0], atol=1e-3)
