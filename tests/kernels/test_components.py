"""Components of a matte on a coarse grid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import components
from tests.kernels.test_box import empty, real

Make = Callable[[np.random.Generator], list[Any]]
Array = np.ndarray[Any, Any]
H, W, K = 33, 47, 4
M, N = 9, 12


def blobs(rng: np.random.Generator, m: int = M, n: int = N) -> Array:
    """Some hard blobs and something faint."""
    return np.where(real(rng, m, n) < 0.35, np.float32(0.9), np.float32(0.2))


def labelled(rng: np.random.Generator) -> list[Any]:
    return [
        blobs(rng),
        np.zeros((M, N), np.int32),
        np.zeros((1, M * N), np.int32),
        np.zeros((1, 1), np.int32),
        0.5,
        M,
        N,
    ]


CASES: list[tuple[Kernel, Make]] = [
    (components.measure, lambda rng: [real(rng, H, W), empty(M, N), empty(M, N), K, H, W]),
    (
        components.glance,
        lambda rng: [rng.integers(0, 256, (H, W, 3), np.uint8), np.zeros((M, N, 3), np.uint8), K, H, W],
    ),
    (components.label, labelled),
    (components.keep, lambda rng: [real(rng, H, W), rng.integers(0, 2, (M, N), np.uint8), empty(H, W), K, W]),
    (
        components.identify,
        lambda rng: [real(rng, H, W), rng.integers(0, 9, (M, N), np.uint8), np.zeros((H, W), np.uint8), 0.5, K, W],
    ),
]


def labels(peak: Array) -> tuple[Array, int]:
    out, found = np.zeros(peak.shape, np.int32), np.zeros((1, 1), np.int32)
    components.label(peak, out, np.zeros((1, peak.size), np.int32), found, 0.5, *peak.shape)
    return out, int(found[0, 0])


@settings(max_examples=60, deadline=None)
@given(m=st.integers(1, 30), n=st.integers(1, 30), seed=st.integers(0, 999))
def test_components_are_those_of_opencv(m: int, n: int, seed: int) -> None:
    cv2 = pytest.importorskip("cv2")
    peak = blobs(np.random.default_rng(seed), m, n)
    strong = peak >= 0.5
    count, theirs = cv2.connectedComponents(strong.astype(np.uint8), connectivity=8)
    ours, found = labels(peak)
    assert found == count - 1
    pairs = set(zip(ours[strong].tolist(), theirs[strong].tolist(), strict=True))
    assert len(pairs) == found


@settings(max_examples=40, deadline=None)
@given(m=st.integers(1, 20), n=st.integers(1, 20), seed=st.integers(0, 999))
def test_what_is_faint_belongs_to_the_nearest_component(m: int, n: int, seed: int) -> None:
    peak = blobs(np.random.default_rng(seed), m, n)
    ours, found = labels(peak)
    if not found:
        assert not ours.any()
        return
    at = np.argwhere(peak >= 0.5)
    for y, x in np.argwhere(peak < 0.5):
        steps = np.abs(at - (y, x)).max(1)
        nearest = {int(ours[j, i]) for j, i in at[steps == steps.min()]}
        assert int(ours[y, x]) in nearest


def test_a_hard_edge_is_kept_or_dropped_as_a_whole() -> None:
    alpha = np.zeros((40, 60), np.float32)
    alpha[3:37, 5:22] = 1
    alpha[3:37, 38:55] = 1
    kept, out = np.zeros((10, 15), np.uint8), np.empty_like(alpha)
    kept[:, :8] = 1
    components.keep(alpha, kept, out, 4, 60)
    assert np.array_equal(out[:, :30], alpha[:, :30])
    assert not out[:, 32:].any()


@pytest.mark.parametrize(("h", "k"), [(1, 1), (180, 1), (181, 2), (720, 4), (1080, 6)])
def test_the_grid_has_at_most_180_rows(h: int, k: int) -> None:
    assert components.cell(h) == k
    assert -(-h // k) <= components.CELLS
