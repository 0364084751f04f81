"""What stages give, drawn for people."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bgflow.kernels import yuv
from bgflow.port import Type
from bgflow.web.view import BOARD, NAMED, Drawn, draw, look_of, viridis

RED, GREEN, BLUE = (220, 30, 40), (30, 200, 60), (20, 40, 220)


def drawn(value: np.ndarray[Any, Any], kind: str, width: int = 3840) -> tuple[Drawn, np.ndarray[Any, Any]]:
    """A JPEG and its pixels."""
    made = draw(value, Type.parse(kind), width)
    pixels = np.asarray(Image.open(io.BytesIO(made.jpeg)))
    assert pixels.shape[:2] == (made.height, made.width)
    return made, pixels


def flat(colour: Any, dtype: Any = np.uint8) -> np.ndarray[Any, Any]:
    """One colour everywhere, which a JPEG keeps but for a level or three."""
    return np.full((32, 48, *np.shape(colour)), colour, dtype)


def is_near(pixels: np.ndarray[Any, Any], colour: Any) -> bool:
    return bool(np.abs(pixels.astype(int) - np.asarray(colour)).max() <= 4)


@pytest.mark.parametrize(
    ("kind", "look"),
    [
        ("u8[h,w,3] rgb", "picture"),
        ("u8[h,w,4] premultiplied", "picture"),
        ("nv12[h,w]", "picture"),
        ("f32[h,w] alpha", "grey"),
        ("u8[h,w] label", "labels"),
        ("u8[h,w]", "labels"),
        ("f32[h,w] confidence", "map"),
        ("f32[h,w]", "map"),
        ("f32[n,3]", None),
        ("f32[1]", None),
        ("audio", None),
        ("any", None),
    ],
)
def test_what_can_be_drawn_is_told_by_its_type(kind: str, look: str | None) -> None:
    assert look_of(Type.parse(kind)) == look


def test_a_picture_keeps_its_colours() -> None:
    _, pixels = drawn(flat(RED), "u8[h,w,3] rgb")
    assert is_near(pixels, RED)


@pytest.mark.parametrize(("h", "matrix"), [(48, "bt601"), (720, "bt709")])
def test_nv12_has_the_colours_that_it_was_made_of(h: int, matrix: Any) -> None:
    nv12 = np.empty((h * 3 // 2, 64), np.uint8)
    yuv.rgb_to_nv12(np.full((h, 64, 3), GREEN, np.uint8), *yuv.nv12_planes(nv12, h, 64), matrix)
    _, pixels = drawn(nv12, "nv12[h,w]")
    assert is_near(pixels, GREEN)


def test_an_odd_number_of_rows_of_nv12_is_kept() -> None:
    made, _ = drawn(np.full((5 + 3, 8), 128, np.uint8), "nv12[h,w]")
    assert (made.height, made.width) == (5, 8)


@pytest.mark.parametrize(("alpha", "level"), [(0.0, 0), (0.5, 127), (1.0, 255), (1.5, 255), (np.nan, 0)])
def test_a_matte_is_grey_and_white_where_the_subject_is(alpha: float, level: int) -> None:
    made, pixels = drawn(flat(alpha, np.float32), "f32[h,w] alpha")
    assert pixels.ndim == 2
    assert is_near(pixels, level)
    assert (made.low, made.high) == (0, 1)


@pytest.mark.parametrize("label", [0, 127, 255])
def test_background_shadow_and_subject_have_a_colour_each(label: int) -> None:
    _, pixels = drawn(flat(label), "u8[h,w] label")
    assert is_near(pixels, NAMED[label])


def test_labels_are_never_mixed_when_they_are_shrunk() -> None:
    label = np.where(np.arange(512) % 2, 255, 0).astype(np.uint8)[None].repeat(64, 0)
    _, pixels = drawn(label, "u8[h,w] label", 32)
    assert is_near(pixels, NAMED[0]) or is_near(pixels, NAMED[255])


def test_numbered_subjects_next_to_each_other_differ() -> None:
    colours = [tuple(drawn(flat(n), "u8[h,w]")[1][0, 0]) for n in range(1, 8)]
    assert len(set(colours)) == 7


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [((0.2, 0.7), 0, 1), ((0.0, 40.0), 0, 40), ((-3.0, 0.5), -3, 1), ((np.nan, 5.0), 0, 5)],
)
def test_a_map_says_which_values_its_colours_stand_for(values: tuple[float, float], low: float, high: float) -> None:
    value = np.repeat(np.array([values], np.float32), 32, 0).repeat(16, 1)
    made, pixels = drawn(value, "f32[h,w]")
    assert (made.low, made.high) == (low, high)
    level = round(255 * (values[1] - low) / (high - low))
    assert is_near(pixels[:, 24:], viridis()[level].astype(int))


def test_what_is_transparent_shows_a_chequered_board() -> None:
    _, pixels = drawn(flat((*RED, 0)), "u8[h,w,4] straight")
    assert is_near(pixels[2:6, 2:6], BOARD[1]) != is_near(pixels[2:6, 2:6], BOARD[0])
    assert abs(int(pixels[4, 4, 0]) - int(pixels[4, 12, 0])) > 30


@pytest.mark.parametrize(("mode", "colour"), [("straight", BLUE), ("premultiplied", (10, 20, 110))])
def test_both_ways_of_transparency_look_the_same(mode: str, colour: tuple[int, int, int]) -> None:
    _, pixels = drawn(flat((*colour, 128)), f"u8[h,w,4] {mode}")
    expected = np.array(BLUE) * 128 / 255 + BOARD[0] * 127 / 255
    assert np.abs(pixels[4, 4] - expected).max() < 30 or np.abs(pixels[4, 12] - expected).max() < 30


@given(
    st.integers(1, 70),
    st.integers(1, 70),
    st.integers(16, 64),
    st.sampled_from(["u8[h,w,3] rgb", "f32[h,w]", "u8[h,w]"]),
)
def test_no_picture_is_wider_than_asked_for_or_enlarged(h: int, w: int, width: int, kind: str) -> None:
    shape = (h, w, 3) if "3" in kind.partition("rgb")[0][2:] else (h, w)
    made, _ = drawn(np.zeros(shape, Type.parse(kind).dtype), kind, width)
    assert made.width == min(w, width)
    assert abs(made.height - h * made.width / w) <= 1


def test_the_map_of_colours_rises_in_brightness_from_end_to_end() -> None:
    luma = viridis() @ np.array([0.2126, 0.7152, 0.0722])
    assert (luma[4:] > luma[:-4]).all()
    assert is_near(viridis()[[0, 255]], [(68, 1, 84), (253, 231, 37)])
