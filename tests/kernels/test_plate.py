"""The clean plate's rings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import plate

H, W, N = 33, 47, 5
M, K = 9, 12  # cells
Picture = np.ndarray[Any, Any]


def colours(rng: np.random.Generator, *shape: int) -> Picture:
    return rng.integers(0, 256, shape, np.uint8)


def rings(rng: np.random.Generator) -> Picture:
    """Samples around one colour, and others."""
    near = 100 + rng.integers(-6, 7, (N, H, W, 3))
    return np.where(rng.random((N, H, W, 1)) < 0.7, near, colours(rng, N, H, W, 3)).astype(np.uint8)


def scarce(rng: np.random.Generator) -> Picture:
    """Some cells are busy."""
    return (rng.random((M, K)) < 0.1).astype(np.uint8)


def empty(*shape: int) -> Picture:
    return np.zeros(shape, np.float32)


CASES: list[tuple[Kernel, Callable[[np.random.Generator], list[Any]]]] = [
    (plate.begin, lambda r: [colours(r, H, W, 3), rings(r), colours(r, H, W), colours(r, H, W, 3)]),
    (
        plate.moved,
        lambda r: [
            colours(r, H, W, 3), colours(r, H, W, 3), r.random((H, W), np.float32) / 9, scarce(r), empty(M, K), 20.0,
            H, W,
        ],
    ),
    (plate.count_busy, lambda r: [scarce(r), r.random((M, K), np.float32), empty(M, 2), K]),
    (
        plate.enter,
        lambda r: [
            colours(r, H, W, 3), scarce(r), rings(r), r.integers(0, 2 * N, (H, W), np.uint8), colours(r, H, W, 3),
            1, N, H, W, M, K,
        ],
    ),
    (
        plate.settle,
        lambda r: [
            rings(r), r.integers(0, 2 * N, (H, W), np.uint8), colours(r, H, W, 3), empty(H, W), empty(H, W), 7.0, N,
        ],
    ),
    (plate.grade, lambda r: [r.random((H, W), np.float32), r.random((H, W), np.float32), empty(H, 2), W]),
]  # fmt: skip


def settled(samples: Picture, reach: float = 8) -> tuple[Picture, Picture, Picture]:
    """Plate, spread and support of samples u8[n,h,w,3], all of them entered."""
    n, h, w = samples.shape[:3]
    made = np.zeros((h, w, 3), np.uint8), empty(h, w), empty(h, w)
    plate.settle(samples, np.full((h, w), n, np.uint8), *made, reach, n)
    return made


@given(seed=st.integers(0, 2**31), value=st.integers(20, 200), strangers=st.integers(0, 5))
def test_the_plate_is_the_mean_of_the_majority_whoever_else_was_there(seed: int, value: int, strangers: int) -> None:
    rng = np.random.default_rng(seed)
    samples = (value + rng.integers(-3, 4, (12, 4, 5, 3))).astype(np.uint8)
    want = samples[strangers:].astype(float).mean(axis=0)
    samples[:strangers] = value + 40 + 2 * rng.integers(0, 7, (strangers, 4, 5, 3))
    made, spread, support = settled(samples)
    assert np.abs(made - want).max() <= 0.51
    assert (support == np.float32(1 - strangers / 12)).all()
    np.testing.assert_allclose(spread, np.sqrt(samples[strangers:].var(axis=0).mean(axis=-1)), atol=0.01)


def test_a_pixel_that_was_never_at_rest_shows_the_first_picture_without_support() -> None:
    rng = np.random.default_rng(0)
    image, ring, count, last = colours(rng, 4, 5, 3), rings(rng)[:, :4, :5].copy(), colours(rng, 4, 5), empty(4, 5, 3)
    plate.begin(image, ring, count, last.astype(np.uint8))
    made = np.zeros_like(image), empty(4, 5), empty(4, 5)
    plate.settle(ring, count, *made, 8, N)
    np.testing.assert_array_equal(made[0], image)
    assert not made[2].any()


def test_only_cells_at_rest_enter_and_none_of_a_picture_that_is_not_taken() -> None:
    busy = np.zeros((5, 5), np.uint8)
    busy[2, 2] = 1
    for take, entered in ((1, 18 * 18 - 12 * 12), (0, 0)):
        count, ring = np.zeros((18, 18), np.uint8), np.zeros((N, 18, 18, 3), np.uint8)
        image = np.full((18, 18, 3), 7, np.uint8)
        plate.enter(image, busy, ring, count, image.copy(), take, N, 18, 18, 5, 5)
        assert count.sum() == entered
        assert (ring[0, ..., 0] == 7).sum() == entered


def test_the_newest_samples_replace_the_oldest() -> None:
    count, ring = np.zeros((1, 1), np.uint8), np.zeros((3, 1, 1, 3), np.uint8)
    for value in range(300):
        image = np.full((1, 1, 3), value % 256, np.uint8)
        plate.enter(image, np.zeros((1, 1), np.uint8), ring, count, image.copy(), 1, 3, 1, 1, 1, 1)
    assert sorted(ring[:, 0, 0, 0]) == [(297 + k) % 256 for k in range(3)]


def test_noise_is_no_motion_and_a_subject_is_never_at_rest() -> None:
    rng = np.random.default_rng(0)
    last = np.full((20, 30, 3), 100, np.uint8)
    image = (last + rng.normal(0, 3, last.shape)).astype(np.uint8)
    image[8:12, 5:15] = 130
    alpha, busy, change = empty(20, 30), np.zeros((5, 8), np.uint8), empty(5, 8)
    alpha[:, 25:] = 1
    plate.moved(image, last, alpha, busy, change, 6, 20, 30)
    want = np.zeros((5, 8), np.uint8)
    want[2, 1:4], want[:, 6:] = 1, 1
    np.testing.assert_array_equal(busy, want)


@pytest.mark.parametrize("level", [2.0, 6.0, 12.0])
def test_rings_measure_the_noise_and_average_it_away(level: float) -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(60, 190, (40, 60, 3)).astype(np.uint8)
    rings = plate.Rings(40, 60, 24, lambda name, shape, dtype: np.empty(shape, dtype))
    rings.begin(truth)
    for _ in range(30):
        rings.look((truth + rng.normal(0, level, truth.shape)).astype(np.uint8), None, 6)
    made, spread = np.zeros_like(truth), empty(40, 60)
    rings.settle(0, 40, made, spread, 10)
    assert rings.noise == pytest.approx(level, rel=0.25)
    assert np.abs(made.astype(float) - truth).mean() < 0.35 * level + 0.5
    assert np.median(spread) == pytest.approx(level, rel=0.25)
