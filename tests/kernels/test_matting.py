"""Alpha is solved where it is in doubt, for no more pixels than allowed."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernels import matting
from tests.kernels.test_blur import disc, scratch, u8

Picture = np.ndarray[Any, Any]
M, N = 9, 12  # cells of a picture of 33 by 47


def real(rng: np.random.Generator, *shape: int) -> Picture:
    return rng.random(shape, np.float32)


def counts(rng: np.random.Generator) -> Picture:
    made = np.zeros((M, 64), np.int32)
    for row in made:
        np.add.at(row, rng.integers(0, 64, N), 1)
    return made


def cells(rng: np.random.Generator) -> Picture:
    return np.append(rng.permutation(M * N)[:20], [-1, -1]).astype(np.int32)


def samples(rng: np.random.Generator) -> Picture:
    made = rng.uniform(0, 255, (22, 8, 8)).astype(np.float32)
    made[..., 3::4] = rng.integers(-1, 9, (22, 8, 2))
    made[4, :, 3] = -1
    return made


def split(rng: np.random.Generator) -> Picture:
    """Shares of subject of which many are sure."""
    return np.clip(rng.uniform(-0.7, 1.7, (M, N)), 0, 1).astype(np.float32)


def plan(rng: np.random.Generator) -> Picture:
    made = np.zeros((M, 3), np.int32)
    made[:, 0], made[:, 1], made[:, 2] = 30, 1, np.arange(M) * N
    return made


CASES: list[tuple[Any, Any]] = [
    (
        matting.survey,
        lambda r: [u8(r, 33, 47, 3), real(r, 33, 47), np.zeros((M, N, 3), np.float32), real(r, M, N), 33, 47],
    ),
    (matting.certain, lambda r: [split(r), np.zeros((M, N), np.float32)]),
    (matting.settle, lambda r: [split(r), np.floor(real(r, M, N) * 2), split(r)]),
    (matting.count, lambda r: [real(r, M, N), np.zeros((M, 64), np.int32), N]),
    (matting.ration, lambda r: [counts(r), np.zeros((M, 3), np.int32), 20, M, 1]),
    (matting.ration, lambda r: [counts(r), np.zeros((M, 3), np.int32), 2000, M, 1]),
    (matting.enlist, lambda r: [real(r, M, N), plan(r), np.full(M * N, -1, np.int32), N]),
    (
        matting.shoot,
        lambda r: [cells(r), u8(r, M, N, 3).astype(np.float32), split(r), np.zeros((22, 8, 8), np.float32), 6, M, N],
    ),
    (
        matting.solve,
        lambda r: [
            u8(r, 33, 47, 3), real(r, 33, 47), cells(r), real(r, M, N) * np.float32(0.9) + np.float32(0.05),
            samples(r), real(r, 33, 47), 16, 33, 47, N,
        ],
    ),
]  # fmt: skip


def solved(image: Picture, alpha: Picture, band: float = 6, budget: int = 10**6) -> Picture:
    out = np.empty_like(alpha)
    matting.refine(image, alpha, out, band, budget, scratch())
    return out


def scene(soft: float) -> tuple[Picture, Picture]:
    """An orange disc on blue, and its alpha."""
    alpha = disc(160, 200, soft)
    a = alpha[..., None].astype(float)
    return np.rint(a * (230, 140, 40) + (1 - a) * (30, 60, 160)).astype(np.uint8), alpha


def test_a_blurred_matte_becomes_the_true_one_where_the_colours_tell() -> None:
    image, truth = scene(3.0)
    coarse = disc(160, 200, 14.0)
    found = solved(image, coarse, band=8)
    assert np.abs(found - truth).mean() < 0.35 * np.abs(coarse - truth).mean()


def test_where_subject_and_background_are_alike_the_coarse_matte_stays() -> None:
    coarse = disc(160, 200, 6.0)
    found = solved(np.full((160, 200, 3), 120, np.uint8), coarse)
    assert np.abs(found - coarse).max() <= 0.06


@settings(deadline=None, max_examples=25)
@given(st.integers(16, 4000), st.integers(0, 99), st.integers(1, 70), st.integers(1, 70))
def test_no_more_pixels_change_than_the_budget_allows(budget: int, seed: int, h: int, w: int) -> None:
    rng = np.random.default_rng(seed)
    image, alpha = u8(rng, h, w, 3), rng.random((h, w), np.float32)
    alpha[: h // 3], alpha[-(h // 3) :] = 0, 1
    found = solved(image, alpha, budget=budget)
    assert (found != alpha).sum() <= max(budget, 16)
    assert found.min() >= 0
    assert found.max() <= 1


def test_with_a_small_budget_the_most_doubtful_are_solved() -> None:
    image, _ = scene(3.0)
    coarse = disc(160, 200, 14.0)
    few, all_of_them = (solved(image, coarse, band=8, budget=n) != coarse for n in (800, 10**6))
    assert 0 < few.sum() <= 800 < all_of_them.sum()
    doubt = np.abs(coarse - 0.5)
    assert doubt[few].mean() < doubt[all_of_them].mean()


def test_far_from_an_edge_every_bit_stays() -> None:
    image, coarse = u8(np.random.default_rng(1), 160, 200, 3), disc(160, 200, 2.0)
    found = solved(image, coarse, band=8)
    far = np.abs(np.hypot(*(np.mgrid[:160, :200] - np.array([88, 100])[:, None, None])) - 48) > 24
    np.testing.assert_array_equal(found[far], coarse[far])


def test_a_subject_smaller_than_the_band_keeps_its_own_colour_as_a_sample() -> None:
    small = disc(160, 200, 3.0, radius=0.06)
    a = small[..., None].astype(float)
    image = np.rint(a * (230, 140, 40) + (1 - a) * (30, 60, 160)).astype(np.uint8)
    coarse = disc(160, 200, 8.0, radius=0.06)
    found = solved(image, coarse, band=16)
    assert np.abs(found - small).mean() < 0.6 * np.abs(coarse - small).mean()
