"""A subject takes on mean and spread of its new place."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernels import grade
from tests.kernels.test_blur import scratch
from tests.kernels.test_over import matte, picture

Picture = np.ndarray[Any, Any]


def stats(rng: np.random.Generator) -> Picture:
    return rng.uniform(1, 100, 6).astype(np.float32)


def sums(rng: np.random.Generator) -> Picture:
    """What `tally` gives: squares are larger than the square of the mean."""
    made = rng.uniform(1, 90, (9, 7)).astype(np.float32)
    made[:, 4:] = made[:, 1:4] ** 2 / made[:, :1] + rng.uniform(0, 9, (9, 3)).astype(np.float32)
    return made


CASES: list[tuple[Any, Any]] = [
    (grade.tally, lambda r: [picture(r), matte(r), np.zeros((9, 7), np.float32), 0.0, 33, 47]),
    (grade.tally, lambda r: [picture(r), matte(r), np.zeros((9, 7), np.float32), 1.0, 33, 47]),
    (grade.settle, lambda r: [sums(r), stats(r), 0.3, 9, 1]),
    (grade.settle, lambda r: [np.zeros((9, 7), np.float32), stats(r), 0.3, 9, 1]),
    (grade.tone, lambda r: [picture(r), matte(r), stats(r), stats(r), 0.8]),
]


def matched(image: Picture, alpha: Picture, behind: Picture, strength: float = 1.0) -> Picture:
    out = image.copy()
    grade.match(out, alpha, behind, strength, 1.0, scratch())
    return out


def shades(rng: np.random.Generator, mean: tuple[int, int, int], spread: float, h: int = 64, w: int = 96) -> Picture:
    """A picture that varies around one colour."""
    grey = rng.normal(0, spread, (h, w, 1))
    return np.clip(np.rint(mean + grey + rng.normal(0, spread / 3, (h, w, 3))), 0, 255).astype(np.uint8)


def test_at_full_strength_mean_and_spread_are_the_new_places() -> None:
    rng = np.random.default_rng(0)
    image, behind = shades(rng, (160, 120, 100), 20), shades(rng, (90, 110, 140), 14)
    out = matched(image, np.ones(image.shape[:2], np.float32), behind)
    assert np.abs(out.mean((0, 1)) - behind.mean((0, 1))).max() < 2
    assert np.abs(out.std((0, 1)) - behind.std((0, 1))).max() < 2


def test_a_flat_background_leaves_half_of_the_subjects_contrast() -> None:
    image = shades(np.random.default_rng(1), (160, 120, 100), 20)
    out = matched(image, np.ones(image.shape[:2], np.float32), np.full_like(image, 128))
    assert out[..., 1].std() > 0.45 * image[..., 1].std()


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 99), st.floats(0, 1))
def test_what_is_no_subject_keeps_every_bit_and_strength_0_changes_nothing(h: int, w: int, seed: int, s: float) -> None:
    rng = np.random.default_rng(seed)
    image, behind = picture(rng, h, w), picture(rng, h, w)
    alpha = np.clip(rng.uniform(-0.5, 1.5, (h, w)), 0, 1).astype(np.float32)
    out = matched(image, alpha, behind, s)
    np.testing.assert_array_equal(out[alpha == 0], image[alpha == 0])
    np.testing.assert_array_equal(matched(image, alpha, behind, 0.0), image)


def test_a_passing_frame_moves_the_statistics_by_its_rate_only() -> None:
    rng = np.random.default_rng(2)
    image, alpha = shades(rng, (160, 120, 100), 20), np.ones((64, 96), np.float32)
    dark, bright, memory = shades(rng, (60, 60, 60), 20), shades(rng, (200, 200, 200), 20), scratch()
    levels = []
    for behind, rate in ((dark, 1.0), (bright, 0.1), (bright, 0.1)):
        out = image.copy()
        grade.match(out, alpha, behind, 1.0, rate, memory)
        levels.append(float(out.mean()))
    assert abs(levels[0] - 60) < 2
    assert abs(levels[1] - 74) < 3
    assert abs(levels[2] - 86.6) < 3


def test_without_a_subject_the_statistics_stay_what_they_were() -> None:
    kept = np.arange(6, dtype=np.float32)
    grade.settle(np.zeros((3, 7), np.float32), kept, 1.0, 3, 1)
    np.testing.assert_array_equal(kept, np.arange(6))
