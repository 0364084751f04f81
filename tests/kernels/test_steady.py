"""Sums from which a camera's movement is found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import steady

H, W = 33, 47
Picture = np.ndarray[Any, Any]
STILL = (1, 0, 0, 0, 1, 0)


def colours(rng: np.random.Generator) -> Picture:
    return rng.integers(0, 256, (H, W, 3), np.uint8)


def levels(rng: np.random.Generator, h: int = H, w: int = W) -> Picture:
    return rng.normal(120, 20, (h, w)).astype(np.float32)


def bytes_of(rng: np.random.Generator, h: int = H, w: int = W) -> Picture:
    return rng.integers(0, 256, (h, w), np.uint8)


def empty(*shape: int) -> Picture:
    return np.zeros(shape, np.float32)


CASES: list[tuple[Kernel, Callable[[np.random.Generator], list[Any]]]] = [
    (steady.brightness, lambda r: [colours(r), empty(8, 11), 4]),
    (steady.brightness, lambda r: [colours(r), empty(H, W), 1]),
    (steady.smooth, lambda r: [levels(r), empty(H, W), H, W]),
    (steady.detail, lambda r: [levels(r), bytes_of(r), H, W]),
    (steady.trust, lambda r: [r.random((H, W), np.float32), bytes_of(r)]),
    (steady.search, lambda r: [bytes_of(r), bytes_of(r), bytes_of(r), empty(5, 7), 5, 7, H, W]),
    (steady.search, lambda r: [bytes_of(r, 2, 3), bytes_of(r, 2, 3), bytes_of(r, 2, 3), empty(5, 9), 5, 9, 2, 3]),
    (
        steady.fit_cells,
        lambda r: [levels(r), levels(r), bytes_of(r), empty(3, 3, 13), 1.01, -0.02, 1.3, 0, 1, -0.6, 0.9, 2, 12, H, W],
    ),
]


@given(dx=st.integers(-5, 5), dy=st.integers(-3, 3), seed=st.integers(0, 99))
def test_the_true_shift_fits_best(dx: int, dy: int, seed: int) -> None:
    wide = bytes_of(np.random.default_rng(seed), 40, 60)
    reference, image = wide[5:25, 10:50].copy(), wide[5 - dy : 25 - dy, 10 - dx : 50 - dx].copy()
    costs = empty(7, 11)
    steady.search(image, reference, np.full_like(image, 255), costs, 7, 11, 20, 40)
    assert divmod(int(costs.argmin()), 11) == (dy + 3, dx + 5)
    assert costs.min() == 0


def test_what_is_not_trusted_hardly_counts_in_the_search() -> None:
    rng = np.random.default_rng(1)
    wide = bytes_of(rng, 40, 60)
    reference, image = wide[5:25, 10:50].copy(), wide[4:24, 8:48].copy()
    trust = np.full_like(image, 255)
    image[:, 10:] = reference[:, 10:]  # three quarters of the picture that stand still
    costs = empty(7, 11)
    steady.search(image, reference, trust, costs, 7, 11, 20, 40)
    assert divmod(int(costs.argmin()), 11) == (3, 5)
    trust[:, 8:] = steady.DOUBT
    steady.search(image, reference, trust, costs, 7, 11, 20, 40)
    assert divmod(int(costs.argmin()), 11) == (4, 7)


@pytest.mark.parametrize("seed", range(3))
def test_the_sums_are_those_of_the_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, q, trust = levels(rng, 16, 16), levels(rng, 16, 16), bytes_of(rng, 16, 16)
    cells = empty(1, 1, steady.SUMS)
    steady.fit_cells(q, p, trust, cells, *STILL, 1.1, 3, 10, 16, 16)
    gy, gx = (g[1:-1, 1:-1] for g in np.gradient(p.astype(float)))
    a, b, t = (of[1:-1, 1:-1].astype(float) for of in (p - 128, q - 128, trust / 255))
    r = b - 1.1 * a - 3
    most = t * (gx**2 + gy**2 >= 1)
    m = most * (100 / (100 + r**2)) ** 2
    want = [
        (m * v).sum() for v in (gx * gx, gx * gy, gy * gy, gx * r, gy * r, a, b, a * a, a * b, gx, gy, np.ones_like(m))
    ]
    np.testing.assert_allclose(cells[0, 0], [*want, most.sum()], rtol=1e-3, atol=0.02)


def test_a_plain_picture_has_no_detail_and_no_slope() -> None:
    plain, byte, cells = np.full((H, W), 90, np.float32), np.zeros((H, W), np.uint8), empty(3, 3, 13)
    steady.detail(plain, byte, H, W)
    assert (byte == 128).all()
    steady.fit_cells(plain, plain, byte, cells, *STILL, 1, 0, 6, H, W)
    assert not cells.any()
