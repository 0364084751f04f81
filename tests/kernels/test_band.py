"""The band of a matte, whose edges alone are filtered, against the guided filter everywhere."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import band, bandfit, guided, runs
from tests.kernels.test_bandfit import WIDE
from tests.kernels.test_box import empty, real
from tests.kernels.test_guided import Memory, levels
from tests.kernels.test_runs import H, K, M, Make, P, Q, W, kinds

Plane = np.ndarray[Any, Any]


def predicted(k: int) -> Make:
    m, n = -(-H // k), -(-W // k)
    p, q = -(-m // runs.TILE), -(-n // runs.TILE)
    wide = q * runs.TILE + 2 * bandfit.FAR
    return lambda rng: [
        rng.choice(np.array([1, 2, 3, 3, 3], np.uint8), (p, q)), levels(rng), real(rng, H, W), real(rng, m, 4, wide),
        empty(p, wide), empty(p, 4, (q * runs.TILE + 1) * k), empty(H, W), 1.5, k, m, H, W, q,
    ]  # fmt: skip


CASES: list[tuple[Kernel, Make]] = [
    (band.shrink, lambda rng: [
        kinds(rng), levels(rng).reshape(H, 3 * W), real(rng, H, W), np.zeros((P, 3 * W), np.int32), empty(P, W),
        empty(M, 4, WIDE), K, M, P, Q, H, W,
    ]),
    *[(band.predict, predicted(k)) for k in (1, 2, 3, 4, 5)],
]  # fmt: skip


def everywhere(image: Plane, alpha: Plane, r: int, eps: float, k: int, slope: float) -> Plane:
    """The same filter without a band."""
    out, memory = np.empty_like(alpha), Memory()
    guided._apply(image, guided._model(image, alpha, r, eps, k, memory), out, slope, k)
    return out


def in_band(image: Plane, alpha: Plane, r: int, eps: float, k: int, slope: float) -> Plane:
    out = np.empty_like(alpha)
    band.refine(image, alpha, out, r, eps, k, Memory(), slope)
    return out


def ball(h: int, w: int, soft: float) -> Plane:
    y, x = np.mgrid[:h, :w]
    return np.clip((h / 3 - np.hypot(y - h / 2, x - w / 2)) / soft + 0.5, 0, 1).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(
    h=st.integers(1, 70), w=st.integers(1, 70), r=st.integers(1, bandfit.FAR), k=st.integers(1, 6),
    slope=st.sampled_from([1.0, 1.1, 2.0]), seed=st.integers(0, 99),
)  # fmt: skip
def test_a_matte_that_is_all_edge_is_filtered_as_everywhere(
    h: int, w: int, r: int, k: int, slope: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    image, alpha = levels(rng, h, w), real(rng, h, w)
    alpha[:: max(h // 8, 1), :: max(w // 8, 1)] = 0.5
    np.testing.assert_allclose(
        in_band(image, alpha, r, 1e-2, k, slope), everywhere(image, alpha, r, 1e-2, k, slope), atol=1e-3
    )


@pytest.mark.parametrize(("r", "k"), [(1, 1), (2, 2), (2, 4), (3, 4), (4, 6)])
def test_an_edge_comes_out_as_it_does_everywhere(r: int, k: int) -> None:
    image, alpha = levels(np.random.default_rng(0), 300, 420), ball(300, 420, 12)
    got, want = in_band(image, alpha, r, 1e-4, k, 1.1), everywhere(image, alpha, r, 1e-4, k, 1.1)
    assert np.abs(got - want).max() < 0.01
    assert np.abs(got - alpha).max() > 0.05


def test_far_from_an_edge_the_matte_stays_bit_for_bit() -> None:
    image, alpha = levels(np.random.default_rng(0), 300, 420), ball(300, 420, 12)
    got = in_band(image, alpha, 2, 1e-4, 2, 1.0)
    y, x = np.mgrid[:300, :420]
    far = np.abs(np.hypot(y - 150, x - 210) - 100) > 80
    np.testing.assert_array_equal(got[far], alpha[far])


def test_what_the_slope_makes_0_or_1_does_not_widen_the_band() -> None:
    rng = np.random.default_rng(0)
    image, alpha = levels(rng, 300, 420), ball(300, 420, 12)
    noisy = np.clip(alpha + rng.uniform(-0.1, 0.1, alpha.shape), 0, 1).astype(np.float32)
    memory = Memory()
    for matte in (alpha, noisy):
        out = np.empty_like(matte)
        band.refine(image, matte, out, 2, 1e-4, 2, memory, 2.0)
        assert (memory.arrays["near 19x27"] == runs.EDGE).mean() < 0.6
        assert set(np.unique(out[:40, :40])) == {0}
