"""Light wraps around an edge, shadow lies below it, and neither reaches far."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernels import glow
from tests.kernels.test_blur import disc, f32, matte, scratch, u8

Picture = np.ndarray[Any, Any]


def zeros(*shape: int) -> Picture:
    return np.zeros(shape, np.float32)


CASES: list[tuple[Any, Any]] = [
    (glow.shrink_scene, lambda r: [u8(r, 33, 47, 3), matte(r), zeros(7, 10, 4), 5, 33, 47]),
    (glow.screen, lambda r: [u8(r, 33, 47, 3), matte(r), f32(r, 7, 10, 4), 0.7, 5, 7, 10]),
    (glow.press, lambda r: [f32(r, 33, 47, 4, to=1), zeros(33, 47), 3, 33, 47]),
    (glow.darken, lambda r: [u8(r, 33, 47, 3), f32(r, 7, 10, to=1), np.zeros((33, 47, 3), np.uint8), 0.8, 5, 7, 10]),
    (glow.dim, lambda r: [u8(r, 33, 47, 3), matte(r), np.zeros((33, 47, 3), np.uint8)]),
]


def wrapped(image: Picture, alpha: Picture, behind: Picture, strength: float, sigma: float = 4.0) -> Picture:
    out = image.copy()
    glow.wrap(out, alpha, behind, sigma, strength, scratch())
    return out


def grounded(behind: Picture, alpha: Picture, strength: float, sigma: float = 6.0) -> Picture:
    out = np.empty_like(behind)
    glow.ground(behind, alpha, out, sigma, strength, scratch())
    return out


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 99), st.floats(0, 1), st.floats(0, 1))
def test_more_wrap_is_never_darker_and_the_background_keeps_every_bit(
    h: int, w: int, z: int, s: float, t: float
) -> None:
    rng = np.random.default_rng(z)
    image, behind = u8(rng, h, w, 3), u8(rng, h, w, 3)
    alpha = np.clip(rng.uniform(-0.5, 1.5, (h, w)), 0, 1).astype(np.float32)
    less, more = (wrapped(image, alpha, behind, v) for v in sorted((s, t)))
    assert (more >= less).all()
    assert (less >= image).all()
    np.testing.assert_array_equal(more[alpha == 0], image[alpha == 0])
    np.testing.assert_array_equal(wrapped(image, alpha, behind, 0.0), image)


def test_a_white_background_brightens_the_rim_and_not_the_middle_and_a_black_one_nothing() -> None:
    alpha = disc(200, 300, 1.0)
    image = np.full((200, 300, 3), 40, np.uint8)
    lit = wrapped(image, alpha, np.full_like(image, 255), 1.0)
    top = int(np.argmax(alpha[:, 150] > 0.5))
    assert lit[top + 1, 150, 0] > 90
    assert lit[110, 150, 0] == 40
    np.testing.assert_array_equal(wrapped(image, alpha, np.zeros_like(image), 1.0), image)


def test_the_contact_shadow_lies_below_and_neither_above_nor_far_away() -> None:
    alpha = disc(200, 300, 1.0, radius=0.2)
    behind = np.full((200, 300, 3), 200, np.uint8)
    dark = grounded(behind, alpha, 1.0)
    column = np.flatnonzero(alpha[:, 150] > 0.5)
    assert dark[column[-1] + 3, 150, 0] < 120
    assert dark[column[0] - 3, 150, 0] == 200
    assert dark[column[-1] + 40, 150, 0] == 200
    assert dark[110, 20, 0] == 200


def test_a_subject_cut_off_by_the_pictures_border_throws_no_shadow_there() -> None:
    alpha = np.zeros((120, 160), np.float32)
    alpha[40:, 60:100] = 1
    behind = np.full((120, 160, 3), 200, np.uint8)
    assert (grounded(behind, alpha, 1.0)[-5:] >= 190).all()


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 99), st.floats(0, 1), st.floats(0, 1))
def test_more_shadow_is_never_brighter_and_none_changes_nothing(h: int, w: int, seed: int, s: float, t: float) -> None:
    rng = np.random.default_rng(seed)
    behind, alpha = u8(rng, h, w, 3), matte(rng) if (h, w) == (33, 47) else rng.random((h, w), np.float32)
    less, more = (grounded(behind, alpha, v) for v in sorted((s, t)))
    assert (more <= less).all()
    assert (less <= behind).all()
    np.testing.assert_array_equal(grounded(behind, alpha, 0.0), behind)


def test_dim_multiplies_by_the_light() -> None:
    behind = np.full((1, 4, 3), 200, np.uint8)
    out = np.empty_like(behind)
    glow.dim(behind, np.array([[0, 0.5, 1, 2]], np.float32), out)
    assert out[0, :, 0].tolist() == [0, 100, 200, 200]
