"""Chroma keying."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import chroma, over

H, W = 33, 47
GREEN = (0, 177, 64)
Picture = np.ndarray[Any, Any]


def picture(rng: np.random.Generator) -> Picture:
    """Any colours on the left, mixtures with the key on the right."""
    image = rng.integers(0, 256, (H, W, 3), np.uint8)
    share = rng.random((H, W // 2, 1))
    image[:, W - W // 2 :] = image[:, W - W // 2 :] * share + np.array(GREEN) * (1 - share)
    return image


def keyed(image: Picture, tolerance: float = 0, softness: float = 1, spill: float = 1) -> tuple[Picture, Picture]:
    alpha, clean = np.full(image.shape[:2], np.nan, np.float32), np.zeros_like(image)
    chroma.key(image, alpha, clean, GREEN, tolerance, softness, spill)
    return alpha, clean


def unmixing(*numbers: float) -> Callable[[np.random.Generator], list[Any]]:
    return lambda r: [picture(r), np.zeros((H, W), np.float32), np.zeros((H, W, 3), np.uint8), *GREEN, *numbers]


CASES: list[tuple[Kernel, Callable[[np.random.Generator], list[Any]]]] = [
    (chroma.unmix, unmixing(0.1, 0.8, 1)),
    (chroma.unmix, unmixing(0, 1, 0.5)),
    (chroma.unmix, unmixing(0.9, 0.01, 0)),
    (chroma.border, lambda r: [picture(r), np.zeros((101, 3), np.uint8), 101, H, W]),
]


@given(grey=st.integers(0, 255), share=st.integers(0, 64))
def test_alpha_is_exact_where_a_grey_subject_is_mixed_with_the_key(grey: int, share: int) -> None:
    subject, alpha = np.full((1, 1, 3), grey, np.uint8), np.full((1, 1), share / 64, np.float32)
    mixed = np.empty_like(subject)
    over.colour(subject, alpha, GREEN, mixed)
    assert keyed(mixed)[0][0, 0] == pytest.approx(share / 64, abs=0.008)  # bytes are rounded


@given(grey=st.integers(0, 255), share=st.integers(16, 64))
def test_the_own_colour_of_a_grey_subject_comes_back(grey: int, share: int) -> None:
    subject, alpha = np.full((1, 1, 3), grey, np.uint8), np.full((1, 1), share / 64, np.float32)
    mixed = np.empty_like(subject)
    over.colour(subject, alpha, GREEN, mixed)
    assert np.abs(keyed(mixed)[1][0, 0].astype(int) - grey).max() <= 6


def test_the_key_is_transparent_and_a_subject_of_another_colour_opaque_and_unchanged() -> None:
    image = np.array([[GREEN, (214, 164, 130), (36, 84, 138), (20, 20, 20)]], np.uint8)
    alpha, clean = keyed(image, 0.1, 0.8)
    assert alpha.tolist() == [[0, 1, 1, 1]]
    np.testing.assert_array_equal(clean[0, 1:], image[0, 1:])


def test_an_uneven_screen_is_transparent_within_the_tolerance() -> None:
    screen = np.array([[[v * k for v in GREEN] for k in (0.91, 1.0, 1.2)]]).astype(np.uint8)
    assert keyed(screen, 0.1, 0.8)[0].max() == 0
    assert keyed(screen, 0.0, 0.8)[0].max() > 0


def test_without_spill_removal_the_picture_stays_as_it_is() -> None:
    image = picture(np.random.default_rng(0))
    np.testing.assert_array_equal(keyed(image, spill=0)[1], image)


def test_the_border_is_seen_on_three_sides_and_not_below() -> None:
    image = np.zeros((40, 60, 3), np.uint8)
    image[:, 0], image[:, -1], image[0], image[-1, 1:-1] = 50, 150, 100, 255
    seen = np.zeros((chroma.BORDER, 3), np.uint8)
    chroma.border(image, seen, chroma.BORDER, 40, 60)
    assert set(np.unique(seen)) == {50, 100, 150}
