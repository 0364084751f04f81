"""Chroma keying."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import chroma

H, W = 33, 47
M, N = 9, 12  # cells
GREEN = (0, 177, 64)
Picture = np.ndarray[Any, Any]


def picture(rng: np.random.Generator) -> Picture:
    """Any colours on the left, mixtures with the key on the right."""
    image = rng.integers(0, 256, (H, W, 3), np.uint8)
    share = rng.random((H, W // 2, 1))
    image[:, W - W // 2 :] = image[:, W - W // 2 :] * share + np.array(GREEN) * (1 - share)
    return image


def keyed(image: Picture, **settings: float) -> tuple[Picture, Picture]:
    alpha, clean = np.full(image.shape[:2], np.nan, np.float32), np.zeros_like(image)
    given = {"tolerance": 0.05, "edge": 16.0, "spill": 0.0} | settings
    chroma.key(image, alpha, clean, GREEN, scratch=lambda name, shape, dtype: np.empty(shape, dtype), **given)
    return alpha, clean


def planes(rng: np.random.Generator, n: int) -> Picture:
    return (rng.random((n, M, N)) * 255).astype(np.float32)


def nearby(rng: np.random.Generator) -> Picture:
    """Colours of subject and screen, and cells of all three kinds."""
    made = planes(rng, 7)
    made[3:6] = np.array(GREEN)[:, None, None] + made[3:6] / 9
    made[6] = rng.integers(0, 3, (M, N))
    return made


def surveyed(rng: np.random.Generator) -> Picture:
    """What `survey` finds in a picture of large patches."""
    cells = np.zeros((9, M, N), np.float32)
    patches = np.repeat(np.repeat(picture(rng), 8, 0), 8, 1)[:H, :W]
    patches[:, : W // 2] = GREEN
    chroma.survey(np.ascontiguousarray(patches), cells, *GREEN, 0.05, H, W)
    return cells


CASES: list[tuple[Kernel, Callable[[np.random.Generator], list[Any]]]] = [
    (chroma.survey, lambda r: [picture(r), np.zeros((9, M, N), np.float32), *GREEN, 0.3, H, W]),
    (chroma.pool, lambda r: [planes(r, 8), planes(r, 8), 0.1, 0]),
    (chroma.pool, lambda r: [planes(r, 8), planes(r, 8), 1.0, 1]),
    (
        chroma.settle,
        lambda r: [
            surveyed(r), planes(r, 8), planes(r, 1) - 100, np.zeros((7, M, N), np.float32), *GREEN, M, N,
        ],
    ),
    (
        chroma.unmix,
        lambda r: [
            picture(r), nearby(r), np.zeros((H, W), np.float32), np.zeros((H, W, 3), np.uint8), 0.5, M, N,
        ],
    ),
    (chroma.border, lambda r: [picture(r), np.zeros((101, 3), np.uint8), 101, H, W]),
]  # fmt: skip


def ramp(subject: tuple[int, int, int], screen: Picture | None = None) -> tuple[Picture, Picture, Picture]:
    """A subject on the left, a soft edge, and the screen on the right: the picture, alpha, and the subject alone."""
    alpha = np.tile(np.clip((28 - np.arange(48)) / 8, 0, 1).astype(np.float32), (40, 1))
    own = np.full((40, 48, 3), subject, np.uint8)
    behind = np.full((40, 48, 3), GREEN, np.uint8) if screen is None else screen
    mixed = alpha[..., None] * own + (1 - alpha[..., None]) * behind
    return (mixed + 0.5).astype(np.uint8), alpha, own


@given(subject=st.tuples(st.integers(40, 255), st.integers(0, 130), st.integers(40, 255)))
def test_a_soft_edge_is_unmixed_exactly_whatever_the_subjects_colour(subject: tuple[int, int, int]) -> None:
    mixed, truth, own = ramp(subject)
    alpha, clean = keyed(mixed)
    assert np.abs(alpha - truth).max() < 0.04
    assert np.abs(clean.astype(int) - own)[truth > 0.3].max() <= 9


def test_over_an_uneven_screen_the_edge_is_as_exact() -> None:
    lit = np.linspace(1.2, 0.6, 40)[:, None, None]
    screen = (np.array(GREEN) * lit * np.ones((1, 48, 1))).astype(np.uint8)
    mixed, truth, own = ramp((180, 120, 100), screen)
    alpha, clean = keyed(mixed)
    assert np.abs(alpha - truth).max() < 0.05
    assert np.abs(clean.astype(int) - own)[truth > 0.3].max() <= 20


def test_a_subject_with_a_hue_of_the_screens_is_opaque_where_it_is_even() -> None:
    image = np.full((40, 48, 3), GREEN, np.uint8)
    image[8:32, 8:40] = (40, 94, 76)
    alpha = keyed(image)[0]
    assert alpha[12:28, 12:36].min() == 1
    assert alpha[:4].max() == 0


def test_a_shadow_on_the_screen_is_screen() -> None:
    image = np.full((40, 48, 3), GREEN, np.uint8)
    image[8:32, 8:40] = (0, 106, 38)
    assert keyed(image)[0][12:28, 12:36].max() == 0


def test_where_there_is_no_screen_nothing_changes() -> None:
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    image[..., 1] //= 4
    alpha, clean = keyed(image)
    assert alpha.min() == 1
    np.testing.assert_array_equal(clean, image)


def test_spill_removal_greys_what_is_left_of_the_screens_light() -> None:
    image = np.full((20, 20, 3), (100, 130, 110), np.uint8)
    assert np.ptp(keyed(image, spill=1)[1]) < np.ptp(image) / 2
    np.testing.assert_array_equal(keyed(image, spill=0)[1], image)


@pytest.mark.parametrize(("h", "w"), [(1, 1), (3, 5), (47, 33)])
def test_pictures_of_any_size_are_keyed(h: int, w: int) -> None:
    alpha, _ = keyed(np.full((h, w, 3), GREEN, np.uint8))
    assert (alpha == 0).all()


def test_the_border_is_seen_on_three_sides_and_not_below() -> None:
    image = np.zeros((40, 60, 3), np.uint8)
    image[:, 0], image[:, -1], image[0], image[-1, 1:-1] = 50, 150, 100, 255
    seen = np.zeros((chroma.BORDER, 3), np.uint8)
    chroma.border(image, seen, chroma.BORDER, 40, 60)
    assert set(np.unique(seen)) == {50, 100, 150}
