"""Looks: colours as they are, and patterns that follow structure and not light."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernels import lbsp
from bgflow.kernels.tiles import tiles

H, W = 33, 71
Picture = np.ndarray[Any, Any]


def gray(span: int) -> Any:
    def made(rng: np.random.Generator) -> list[Any]:
        image = rng.integers(0, 256, (H, W, 3), np.uint8)
        return [image, np.zeros((H + 4, W + 4), np.uint8), H + 4, -(-W // span), span, H, W]

    return made


def looks(span: int) -> Any:
    def made(rng: np.random.Generator) -> list[Any]:
        image = rng.integers(90, 130, (H, W, 3), np.uint8)
        padded = rng.integers(90, 130, (H + 4, W + 4), np.uint8)
        return [image, padded, np.zeros((H, tiles(W), lbsp.LOOK), np.uint8), -(-W // span), span, W]

    return made


CASES: list[tuple[Any, Any]] = [
    (lbsp.lbsp_gray, gray(64)),
    (lbsp.lbsp_gray, gray(1)),
    (lbsp.lbsp_look, looks(64)),
    (lbsp.lbsp_look, looks(1)),
]


def look(image: Picture) -> Picture:
    """Pixels [h,w,5] of looks."""
    h, w = image.shape[:2]
    out = np.zeros((h, tiles(w), lbsp.LOOK), np.uint8)
    lbsp.look(image, np.zeros((h + 4, w + 4), np.uint8), out)
    return np.moveaxis(out.reshape(h, tiles(w), 5, 64), 2, -1).reshape(h, -1, 5)[:, :w]


def test_the_colour_of_a_look_is_that_of_the_pixel() -> None:
    image = np.random.default_rng(1).integers(0, 256, (H, W, 3), np.uint8)
    np.testing.assert_array_equal(look(image)[..., :3], image)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 255), st.integers(1, 9), st.integers(1, 130))
def test_a_flat_picture_has_no_pattern_up_to_its_edges(level: int, h: int, w: int) -> None:
    assert not look(np.full((h, w, 3), level, np.uint8))[..., 3:].any()


def test_an_edge_sets_the_bits_of_the_side_that_differs() -> None:
    image = np.full((9, 9, 3), 50, np.uint8)
    image[:, 5:] = 150
    found = look(image)[4, :, 3:]
    right, left = 1 << 2 | 1 << 4 | 1 << 7, 1 << 0 | 1 << 3 | 1 << 5
    np.testing.assert_array_equal(found[:, 0], [0, 0, 0, right, right, left, left, 0, 0])
    np.testing.assert_array_equal(found[:, 1], [0, 0, 0, 0, right, left, 0, 0, 0])


def test_a_pattern_stays_where_the_light_halves() -> None:
    rng = np.random.default_rng(3)
    image = np.repeat(rng.choice([100, 200], (H, W, 1)), 3, 2).astype(np.uint8)
    before = look(image)[..., 3:]
    assert before.any()
    np.testing.assert_array_equal(look(image // 2)[..., 3:], before)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**16 - 1))
def test_ones_counts_bits(n: int) -> None:
    assert lbsp.ones(n) == n.bit_count()
