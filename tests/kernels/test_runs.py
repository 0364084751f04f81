"""Tiles are sorted by what the matte is in them, and the band is what lies within reach of an edge."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import runs
from tests.kernels.test_box import empty, real

Make = Callable[[np.random.Generator], list[Any]]
H, W = 33, 47
K = 2
M, N = -(-H // K), -(-W // K)
P, Q = -(-M // runs.TILE), -(-N // runs.TILE)


def kinds(rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Every kind of tile, most of them in the band."""
    found = rng.choice(np.array([1, 2, 3, 3, 3, 3], np.uint8), (P, Q))
    found[:2, :2] = 3
    return found


def soft(rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """A matte with flat parts."""
    alpha = real(rng, H, W)
    alpha[:20] = 0
    alpha[20:, 32:] = 1
    return alpha


CASES: list[tuple[Kernel, Make]] = [
    (runs.sort, lambda rng: [
        soft(rng), empty(P, W), empty(P, W), np.zeros((P, Q), np.uint8), 0.02, K * runs.TILE, H, W, Q,
    ]),
    (runs.spread, lambda rng: [kinds(rng), np.zeros((P, Q), np.uint8), 1, P, Q]),
]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(h=st.integers(1, 60), w=st.integers(1, 60), side=st.integers(1, 20), seed=st.integers(0, 99))
def test_a_tile_is_an_edge_where_the_matte_is_neither_low_nor_high(h: int, w: int, side: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    alpha = np.clip(real(rng, h, w) * 6 * rng.integers(0, 2, (h, w)) - 2, 0, 1).astype(np.float32)
    alpha[: h // 2] = rng.integers(0, 2)
    p, q = -(-h // side), -(-w // side)
    kind = np.zeros((p, q), np.uint8)
    runs.sort(alpha, empty(p, w), empty(p, w), kind, 0.1, side, h, w, q)
    for y in range(p):
        for x in range(q):
            part = alpha[y * side : y * side + side, x * side : x * side + side]
            assert kind[y, x] == (part > np.float32(0.1)).any() + 2 * (part < np.float32(0.9)).any()


@settings(max_examples=40, deadline=None)
@given(p=st.integers(1, 9), q=st.integers(1, 9), reach=st.integers(1, 3), seed=st.integers(0, 99))
def test_what_is_not_in_the_band_has_one_kind_of_tile_within_reach(p: int, q: int, reach: int, seed: int) -> None:
    kind = np.random.default_rng(seed).choice(np.array([1, 1, 1, 1, 2, 3], np.uint8), (p, q))
    near = np.zeros_like(kind)
    runs.spread(kind, near, reach, p, q)
    for y in range(p):
        for x in range(q):
            part = kind[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1]
            assert (near[y, x] == runs.EDGE) == (len(np.unique(part)) > 1 or part[0, 0] == runs.EDGE)
