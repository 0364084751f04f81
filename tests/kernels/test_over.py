"""Compositing keeps its promises for every byte and every alpha, in both alpha modes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bgflow.kernels import over

BYTES = np.arange(256, dtype=np.uint8)
EXTREMES = (0.0, 1.0, 1e-45, 1e-38, 1 - 2**-24, 0.5, -1.0, -1e-45, 2.0, 1e30, float("inf"), -float("inf"))


def picture(rng: np.random.Generator, h: int = 33, w: int = 47, c: int = 3) -> np.ndarray:
    return rng.integers(0, 256, (h, w, c), dtype=np.uint8)


def matte(rng: np.random.Generator, h: int = 33, w: int = 47) -> np.ndarray:
    alpha = rng.uniform(-0.2, 1.2, (h, w)).astype(np.float32)
    alpha.flat[: len(EXTREMES)] = EXTREMES
    return alpha


def blank(*like: int) -> np.ndarray:
    return np.zeros(like, np.uint8)


def flat(value: int, like: np.ndarray) -> np.ndarray:
    return np.full((*like.shape, 3), value, np.uint8)


OUT, OUT4 = (33, 47, 3), (33, 47, 4)
CASES: list[tuple[Any, Any]] = [
    (over.over_picture, lambda r: [picture(r), matte(r), picture(r), blank(*OUT)]),
    (over.over_colour, lambda r: [picture(r), matte(r), 0, 177, 255, blank(*OUT)]),
    (over.to_straight, lambda r: [picture(r), matte(r), 0, blank(*OUT4)]),
    (over.to_straight, lambda r: [picture(r), matte(r), 1, blank(*OUT4)]),
    (over.to_premultiplied, lambda r: [picture(r), matte(r), blank(*OUT4)]),
    (over.over_straight, lambda r: [picture(r, c=4), picture(r), blank(*OUT)]),
    (over.over_premultiplied, lambda r: [picture(r, c=4), picture(r), blank(*OUT)]),
    (over.to_grey, lambda r: [matte(r), blank(*OUT)]),
    (over.tint_background, lambda r: [picture(r), matte(r), 255, 0, 64, 0.6, blank(*OUT)]),
    (over.tint_subject, lambda r: [picture(r), matte(r), 255, 0, 64, 0.6, blank(*OUT)]),
    (over.tiled, lambda r: [picture(r, 7, 11), blank(*OUT), 7, 11]),
    (over.filled, lambda r: [1, 2, 254, blank(*OUT)]),
]

alphas = hnp.arrays(
    np.float32,
    (256, 4),
    elements=st.one_of(st.floats(0, 1, width=32), st.floats(width=32, allow_nan=False), st.sampled_from(EXTREMES)),
)
patient = settings(deadline=None, max_examples=60)  # the first example compiles the kernel
every_byte = np.repeat(BYTES, 12).reshape(256, 4, 3)


@patient
@given(alphas)
def test_equal_foreground_and_background_come_out_unchanged_for_every_alpha(alpha: np.ndarray) -> None:
    out = np.empty_like(every_byte)
    over.replace(every_byte, alpha, every_byte, out)
    np.testing.assert_array_equal(out, every_byte)


@patient
@given(alphas)
def test_equal_foreground_and_background_come_out_unchanged_through_straight_rgba(alpha: np.ndarray) -> None:
    layer, out = np.empty((256, 4, 4), np.uint8), np.empty_like(every_byte)
    over.straight(every_byte, alpha, layer)
    over.over_straight(layer, every_byte, out)
    np.testing.assert_array_equal(out, every_byte)


@patient
@given(alphas)
def test_equal_foreground_and_background_come_out_unchanged_through_premultiplied_rgba(alpha: np.ndarray) -> None:
    layer, out = np.empty((256, 4, 4), np.uint8), np.empty_like(every_byte)
    over.premultiply(every_byte, alpha, layer)
    over.over_premultiplied(layer, every_byte, out)
    np.testing.assert_array_equal(out, every_byte)


@pytest.mark.parametrize("mode", ["straight", "premultiplied"])
def test_equal_bytes_survive_all_256_alpha_bytes_in_both_modes(mode: str) -> None:
    alpha = np.broadcast_to(BYTES.astype(np.float32) / 255, (256, 256)).copy()
    same = np.repeat(BYTES, 256 * 3).reshape(256, 256, 3)
    layer, out = np.empty((256, 256, 4), np.uint8), np.empty_like(same)
    (over.straight if mode == "straight" else over.premultiply)(same, alpha, layer)
    np.testing.assert_array_equal(layer[..., 3], np.broadcast_to(BYTES, (256, 256)))
    (over.over_straight if mode == "straight" else over.over_premultiplied)(layer, same, out)
    np.testing.assert_array_equal(out, same)


def test_a_white_subject_on_white_at_half_alpha_stays_white_and_has_no_dark_fringe() -> None:
    alpha = np.full((2, 2), 0.5, np.float32)
    white, out, layer = flat(255, alpha), flat(0, alpha), blank(2, 2, 4)
    over.replace(white, alpha, white, out)
    assert out.min() == 255
    over.colour(white, alpha, (255, 255, 255), out)
    assert out.min() == 255
    over.premultiply(white, alpha, layer)
    over.over_premultiplied(layer, white, out)
    assert out.min() == 255
    over.straight(white, alpha, layer)
    over.over_straight(layer, white, out)
    assert out.min() == 255


@pytest.mark.parametrize("value", [0.0, -3.0, -float("inf"), float("nan")])
def test_alpha_of_nothing_gives_exactly_the_background(value: float) -> None:
    rng = np.random.default_rng(1)
    front, back, out = picture(rng), picture(rng), blank(*OUT)
    over.replace(front, np.full((33, 47), value, np.float32), back, out)
    np.testing.assert_array_equal(out, back)


@pytest.mark.parametrize("value", [1.0, 1.5, float("inf")])
def test_alpha_of_all_gives_exactly_the_image(value: float) -> None:
    rng = np.random.default_rng(2)
    front, back, out = picture(rng), picture(rng), blank(*OUT)
    over.replace(front, np.full((33, 47), value, np.float32), back, out)
    np.testing.assert_array_equal(out, front)


@patient
@given(st.integers(0, 255), st.integers(0, 255), st.floats(0, 1, width=32))
def test_replace_is_the_weighted_mean_rounded_to_the_nearest_byte(front: int, back: int, a: float) -> None:
    alpha = np.full((1, 1), a, np.float32)
    out = flat(0, alpha)
    over.replace(flat(front, alpha), alpha, flat(back, alpha), out)
    assert abs(int(out[0, 0, 0]) - (back + (front - back) * a)) <= 0.5 + 1e-4
    assert min(front, back) <= out[0, 0, 0] <= max(front, back)


@patient
@given(st.integers(0, 255), st.integers(0, 255), st.floats(0, 1, width=32))
def test_both_alpha_modes_give_the_same_picture_within_one_step(front: int, back: int, a: float) -> None:
    alpha = np.full((1, 1), a, np.float32)
    layer, one, two = blank(1, 1, 4), flat(0, alpha), flat(0, alpha)
    over.straight(flat(front, alpha), alpha, layer)
    over.over_straight(layer, flat(back, alpha), one)
    over.premultiply(flat(front, alpha), alpha, layer)
    over.over_premultiplied(layer, flat(back, alpha), two)
    assert abs(int(one[0, 0, 0]) - int(two[0, 0, 0])) <= 1


@patient
@given(alphas)
def test_premultiplied_colours_never_exceed_their_alpha(alpha: np.ndarray) -> None:
    layer = np.empty((256, 4, 4), np.uint8)
    over.premultiply(every_byte, alpha, layer)
    assert (layer[..., :3] <= layer[..., 3:]).all()


def test_a_transparent_pixel_keeps_nothing_of_the_hidden_background() -> None:
    alpha = np.array([[0.0, 0.001, 0.01]], np.float32)
    layer = blank(1, 3, 4)
    over.straight(flat(200, alpha), alpha, layer)
    assert layer.tolist() == [[[0, 0, 0, 0], [0, 0, 0, 0], [200, 200, 200, 3]]]
    over.straight(flat(200, alpha), alpha, layer, keep_hidden=True)
    assert layer[0, 0].tolist() == [200, 200, 200, 0]


def test_colours_brighter_than_their_alpha_saturate_instead_of_wrapping() -> None:
    out = blank(1, 1, 3)
    over.over_premultiplied(np.array([[[255, 200, 10, 100]]], np.uint8), np.full((1, 1, 3), 255, np.uint8), out)
    assert out.tolist() == [[[255, 255, 165]]]


def test_colour_is_the_same_as_a_picture_of_that_colour() -> None:
    rng = np.random.default_rng(3)
    front, alpha, one, two, back = picture(rng), matte(rng), blank(*OUT), blank(*OUT), blank(*OUT)
    over.fill((9, 177, 64), back)
    over.replace(front, alpha, back, one)
    over.colour(front, alpha, (9, 177, 64), two)
    assert back[5, 5].tolist() == [9, 177, 64]
    np.testing.assert_array_equal(one, two)


def test_grey_shows_alpha_as_0_to_255() -> None:
    out = blank(1, 4, 3)
    over.grey(np.array([[0, 0.5, 1, 7]], np.float32), out)
    assert out[0, :, 0].tolist() == [0, 128, 255, 255]


def test_tint_leaves_the_subject_and_colours_the_rest() -> None:
    alpha = np.array([[0, 1]], np.float32)
    out = blank(1, 2, 3)
    over.tint(flat(100, alpha), alpha, (255, 0, 0), 0.5, out)
    assert out.tolist() == [[[178, 50, 50], [100, 100, 100]]]


def test_a_film_colours_the_subject_and_leaves_the_rest() -> None:
    alpha = np.array([[0, 1]], np.float32)
    out = blank(1, 2, 3)
    over.film(flat(100, alpha), alpha, (255, 0, 0), 0.5, out)
    assert out.tolist() == [[[100, 100, 100], [178, 50, 50]]]


def test_tile_repeats_from_the_top_left() -> None:
    source = picture(np.random.default_rng(4), 3, 2)
    out = blank(7, 5, 3)
    over.tile(source, out)
    np.testing.assert_array_equal(out, np.tile(source, (3, 3, 1))[:7, :5])


def test_padded_rows_give_the_same_result() -> None:
    rng = np.random.default_rng(5)
    front, back, alpha = picture(rng, 20, 64), picture(rng, 20, 64), matte(rng, 20, 64)
    one, two = blank(20, 40, 3), blank(20, 64, 3)
    over.replace(front[:, :40], alpha[:, :40], back[:, :40], one)
    over.replace(front[:, :40], alpha[:, :40], back[:, :40], two[:, :40])
    np.testing.assert_array_equal(one, two[:, :40])
    assert not two[:, 40:].any()
