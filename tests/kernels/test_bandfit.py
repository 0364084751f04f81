"""Regression in the band of a matte's edge; `test_guided.py` compares what comes of it with the published equations."""

import numpy as np
import pytest

from bgflow.kernel import Kernel
from bgflow.kernels import bandfit, runs
from tests.kernels.test_box import box_means, empty, real
from tests.kernels.test_runs import M, Make, N, P, Q, kinds

WIDE = Q * runs.TILE + 2 * bandfit.FAR

CASES: list[tuple[Kernel, Make]] = [
    *[
        (bandfit.regress, lambda rng, r=r: [
            kinds(rng), real(rng, M, 4, WIDE), empty(P, bandfit.SUMS + 4, bandfit.SPAN), empty(M, 4, WIDE),
            0.05, 1.5, r, M, N, P, Q,
        ])
        for r in (1, 4)
    ],
    *[
        (bandfit.smooth, lambda rng, r=r: [
            kinds(rng), real(rng, M, 4, WIDE), empty(P, WIDE), empty(M, 4, WIDE), r, M, N, P, Q,
        ])
        for r in (1, 4)
    ],
]  # fmt: skip


@pytest.mark.parametrize("r", [1, 2, 3, 4])
def test_a_run_longer_than_the_work_is_done_in_parts(r: int) -> None:
    m, n = 9, 3 * bandfit.RUN // 2
    p, q = 2, n // runs.TILE
    source, out = np.zeros((m, 4, n + 2 * bandfit.FAR), np.float32), empty(m, 4, n + 2 * bandfit.FAR)
    inside = np.s_[:, :, bandfit.FAR : bandfit.FAR + n]
    source[inside] = real(np.random.default_rng(0), m, 4, n)
    work = empty(p, bandfit.SUMS + 4, bandfit.SPAN)
    bandfit.regress(np.full((p, q), runs.EDGE, np.uint8), source, work, out, 1e6, 1.0, r, m, n, p, q)
    # so large an eps leaves a = 0 and b the mean of the matte
    np.testing.assert_allclose(out[inside][:, 3], box_means(source[inside][:, 3], r), atol=1e-5)


@pytest.mark.parametrize("r", [1, 2, 3, 4])
def test_smooth_is_the_mean_of_the_window_cut_at_the_border(r: int) -> None:
    source = np.zeros((M, 4, WIDE), np.float32)
    source[:, :, bandfit.FAR : bandfit.FAR + N] = real(np.random.default_rng(0), M, 4, N)
    out = empty(M, 4, WIDE)
    bandfit.smooth(np.full((P, Q), runs.EDGE, np.uint8), source, empty(P, WIDE), out, r, M, N, P, Q)
    for c in range(4):
        want = box_means(source[:, c, bandfit.FAR : bandfit.FAR + N], r)
        np.testing.assert_allclose(out[:, c, bandfit.FAR : bandfit.FAR + N], want, atol=1e-5)
