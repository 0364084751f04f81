"""Copies of a subject: where they stand, what they cover, and that they take nothing from the subject itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import duplicate, over
from bgflow.kernels.duplicate import Place

H, W = 33, 147
Picture = np.ndarray[Any, Any]


def colours(rng: np.random.Generator, h: int = H, w: int = W) -> Picture:
    return rng.integers(0, 256, (h, w, 3), np.uint8)


def matte(rng: np.random.Generator, h: int = H, w: int = W) -> Picture:
    """Empty, full and soft places, about a third of each."""
    return np.clip(rng.uniform(-1, 2, (h, w)), 0, 1).astype(np.float32)


def layer(rng: np.random.Generator, h: int = H, w: int = W) -> Picture:
    out = np.empty((h, w, 4), np.uint8)
    over.premultiply(colours(rng, h, w), matte(rng, h, w), out)
    return out


CASES: list[tuple[Kernel, Callable[[np.random.Generator], list[Any]]]] = [
    (duplicate.lay, lambda r: [layer(r), colours(r), 3, 64, W - 1, -1, W]),
    (duplicate.lay, lambda r: [layer(r), colours(r, w=100), 100, 1, 47, 1, 100]),
    (duplicate.lay_scaled, lambda r: [layer(r), colours(r, 20, 99), -1.25, 140.2, 1.25, 3.1, H, W]),
    (duplicate.lay_scaled, lambda r: [layer(r), colours(r), 0.8, -3.0, 0.8, 8.0, H, W]),
    (duplicate.narrow, lambda r: [matte(r), matte(r), matte(r)]),
    (duplicate.vacate, lambda r: [colours(r), matte(r), colours(r), colours(r)]),
    (duplicate.uncover, lambda r: [colours(r), matte(r), colours(r), colours(r)]),
]

sizes = {"h": st.integers(1, 12), "w": st.integers(1, 140), "seed": st.integers(0, 99)}
patient = settings(deadline=None, max_examples=60)  # the first example compiles the kernel


@patient
@given(**sizes, shift=st.integers(-150, 150), mirrored=st.booleans())
def test_a_copy_stands_where_its_place_says_to_the_pixel(h: int, w: int, seed: int, shift: int, mirrored: bool) -> None:
    rng = np.random.default_rng(seed)
    subject, out = layer(rng, h, w), colours(rng, h, w)
    moved = np.zeros_like(subject)
    turned = subject[:, ::-1] if mirrored else subject
    for x in range(w):
        if 0 <= x - shift < w:
            moved[:, x] = turned[:, x - shift]
    want = np.empty_like(out)
    over.over_premultiplied(moved, out, want)
    duplicate.copy(subject, out, Place(mirrored, shift))
    np.testing.assert_array_equal(out, want)


@patient
@given(**sizes, shift=st.integers(-150, 150), mirrored=st.booleans(), scale=st.floats(0.3, 2.0))
def test_a_subject_that_is_not_there_changes_nothing(
    h: int, w: int, seed: int, shift: int, mirrored: bool, scale: float
) -> None:
    image = colours(np.random.default_rng(seed), h, w)
    out = image.copy()
    duplicate.copy(np.zeros((h, w, 4), np.uint8), out, Place(mirrored, shift, scale))
    np.testing.assert_array_equal(out, image)


@patient
@given(**sizes)
def test_mirrored_twice_is_the_original(h: int, w: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    subject, back = layer(rng, h, w), colours(rng, h, w)
    plain, once = back.copy(), back[:, ::-1].copy()
    duplicate.copy(subject, plain, Place())
    duplicate.copy(subject, once, Place(mirrored=True))
    np.testing.assert_array_equal(once[:, ::-1], plain)


@patient
@given(**sizes)
def test_a_mirrored_mirror_image_is_the_original(h: int, w: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    subject, one, two = layer(rng, h, w), np.zeros((h, w, 3), np.uint8), np.zeros((h, w, 3), np.uint8)
    duplicate.copy(np.ascontiguousarray(subject[:, ::-1]), one, Place(mirrored=True))
    duplicate.copy(subject, two, Place())
    np.testing.assert_array_equal(one, two)


@patient
@given(value=st.integers(0, 255), scale=st.floats(0.3, 2.0), mirrored=st.booleans(), seed=st.integers(0, 99))
def test_a_subject_in_its_backgrounds_colour_leaves_no_edge_at_any_scale(
    value: int, scale: float, mirrored: bool, seed: int
) -> None:
    """Nothing dark comes in from where the layer is empty; three roundings are all that may differ."""
    subject, grey = np.empty((H, W, 4), np.uint8), np.full((H, W, 3), value, np.uint8)
    over.premultiply(grey, matte(np.random.default_rng(seed)), subject)
    out = grey.copy()
    duplicate.copy(subject, out, Place(mirrored, 5, scale))
    assert np.abs(out.astype(int) - value).max() <= 1


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("scale", [0.5, 0.8, 1.5])
def test_a_scaled_copy_stands_on_the_bottom_line_at_the_middle(scale: float, mirrored: bool) -> None:
    h, w, half = 120, 200, 20
    subject = np.zeros((h, w, 4), np.uint8)
    subject[40:, 140 - half : 140 + half] = 255  # a post from row 40 to the bottom, its middle at column 140
    out = np.zeros((h, w, 3), np.uint8)
    duplicate.copy(subject, out, Place(mirrored, 10, scale))
    rows, columns = np.nonzero(out[..., 0] > 127)
    middle = w / 2 + 10 + (-1 if mirrored else 1) * (140 - w / 2) * scale
    assert rows.max() == h - 1
    assert rows.min() == pytest.approx(h - 80 * scale, abs=1)
    assert (columns.min() + columns.max() + 1) / 2 == pytest.approx(middle, abs=1)
    assert columns.max() - columns.min() + 1 == pytest.approx(2 * half * scale, abs=1)


@patient
@given(**sizes)
def test_behind_the_subject_nothing_of_the_subject_is_lost(h: int, w: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    image, alpha, plate, copies = colours(rng, h, w), matte(rng, h, w), colours(rng, h, w), colours(rng, h, w)
    out = copies.copy()
    duplicate.uncover(image, alpha, plate, out)
    np.testing.assert_array_equal(out[alpha == 1], image[alpha == 1])
    np.testing.assert_array_equal(out[alpha == 0], copies[alpha == 0])


@patient
@given(**sizes)
def test_behind_the_subject_the_picture_stays_as_it_is_where_there_is_no_copy(h: int, w: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    image, alpha, plate = colours(rng, h, w), matte(rng, h, w), colours(rng, h, w)
    out = np.empty_like(image)
    duplicate.vacate(image, alpha, plate, out)
    duplicate.uncover(image, alpha, plate, out)
    np.testing.assert_array_equal(out, image)


@patient
@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), st.floats(0.125, 1, width=32))
def test_a_soft_edge_before_a_copy_is_the_same_mix_as_if_the_copy_had_stood_there(
    own: int, wall: int, behind: int, a: float
) -> None:
    """a F + (1 - a) C, though F is nowhere given; three roundings are between."""
    alpha = np.full((1, 1), a, np.float32)
    subject, plate, out = (np.full((1, 1, 3), v, np.uint8) for v in (own, wall, behind))
    image, want = np.empty_like(out), np.empty_like(out)
    over.replace(subject, alpha, plate, image)
    over.replace(subject, alpha, out, want)
    duplicate.uncover(image, alpha, plate, out)
    assert abs(int(out[0, 0, 0]) - int(want[0, 0, 0])) <= 2


@patient
@given(**sizes)
def test_a_softer_edge_never_shows_more_than_the_matte(h: int, w: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    alpha, mean = matte(rng, h, w), matte(rng, h, w)
    out = np.empty_like(alpha)
    duplicate.narrow(alpha, mean, out)
    assert (out <= alpha).all()
    assert (out[mean <= 0.5] == 0).all()
    np.testing.assert_array_equal(out[mean == 1], alpha[mean == 1])


@patient
@given(**sizes)
def test_where_the_subject_was_there_is_the_plate(h: int, w: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    image, alpha, plate = colours(rng, h, w), matte(rng, h, w), colours(rng, h, w)
    out = np.empty_like(image)
    duplicate.vacate(image, alpha, plate, out)
    np.testing.assert_array_equal(out[alpha >= 0.125], plate[alpha >= 0.125])
    np.testing.assert_array_equal(out[alpha == 0], image[alpha == 0])
