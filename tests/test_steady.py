"""A shaking camera held still."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.stages.edge import Refine
from bgflow.steady import Steady
from bgflow.testing import TestContext
from tests.textures import movement, texture

H, W = 180, 320
Picture = np.ndarray[Any, Any]


def steady(patience: int = 15) -> Steady:
    return Steady(TestContext(Refine()), patience)


def seen(**how: float) -> Picture:
    return texture(np.linalg.inv(movement(H, W, **how)), H, W)


def blob() -> Picture:
    """A label of something in the middle, with a straight and a round side."""
    y, x = np.mgrid[:H, :W]
    return np.where((np.hypot(y - 90, x - 150) < 50) & (x > 120), 255, 0).astype(np.uint8)


def test_a_picture_that_has_not_moved_passes_as_it_is() -> None:
    reference = seen()
    noisy = np.clip(reference + np.random.default_rng(0).normal(0, 4, reference.shape), 0, 255).astype(np.uint8)
    it = steady()
    assert it.align(noisy, reference, None) is noisy
    assert it.still
    label, out = blob(), np.zeros((H, W), np.uint8)
    it.back(label, out)
    np.testing.assert_array_equal(out, label)
    matte = label / np.float32(255)
    assert it.ahead(matte) is matte


@pytest.mark.parametrize("how", [{"dx": 5, "dy": -3.4}, {"dx": -2, "degrees": 0.8}, {"zoom": 1.01}])
def test_a_moved_picture_comes_back(how: dict[str, float]) -> None:
    reference = seen()
    it = steady()
    out = it.align(seen(**how), reference, None)
    assert np.abs(out.astype(int) - reference).mean() < 1.5


def test_what_a_moved_picture_does_not_show_has_the_colours_of_the_reference() -> None:
    reference = seen()
    reference[:, -5:] = (1, 2, 3)
    out = steady().align(seen(dx=5), reference, None)
    assert (out[:, -5:] == (1, 2, 3)).all()
    assert (out[:, -12:-6].astype(int) - reference[:, -12:-6] < 12).all()


def test_shift_says_where_the_picture_has_gone() -> None:
    it = steady()
    it.align(seen(dx=4, dy=-2.5), seen(), None)
    np.testing.assert_allclose(it.shift, (4, -2.5), atol=0.1)


@settings(max_examples=25)
@given(dx=st.floats(-12, 12), dy=st.floats(-12, 12), degrees=st.floats(-1, 1))
def test_a_label_there_and_back_is_itself_within_a_pixel(dx: float, dy: float, degrees: float) -> None:
    it = steady()
    it.align(seen(dx=dx, dy=dy, degrees=degrees), seen(), None)
    label, back = blob(), np.zeros((H, W), np.uint8)
    there = (it.ahead(label / np.float32(255)) >= 0.5).astype(np.uint8) * np.uint8(255)
    it.back(there, back)
    grown, shrunk = (
        np.max([np.roll(of, (y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1)], axis=0)
        for of in (label, 255 - label)
    )
    assert (back <= grown).all()
    assert (255 - back <= shrunk).all()


def test_a_matte_goes_with_its_label() -> None:
    it = steady()
    it.align(seen(dx=3, dy=2), seen(), None)
    label, moved, matte = blob(), np.zeros((H, W), np.uint8), np.zeros((H, W), np.float32)
    it.back(label, moved)
    it.back_alpha(label / np.float32(255), matte)
    assert np.mean((matte >= 0.5) != (moved > 0)) < 0.005


def test_a_pan_is_noticed_and_after_a_reset_the_new_place_is_the_reference() -> None:
    reference, it = seen(), steady(patience=8)
    told = []
    for n in range(40):
        it.align(texture(movement(H, W, dx=5.0 * n), H, W), reference, None)
        told.append(it.moved)
    assert not any(told[:8])  # an eighth of the picture is 40 pixels
    assert told[8 + 8 + 1]
    assert all(told[8 + 8 + 1 :])
    it.reset()
    here = texture(movement(H, W, dx=195.0), H, W)
    assert it.align(here, here, None) is here
    assert not it.moved


def test_somebody_before_the_lens_for_a_moment_is_no_pan() -> None:
    reference, it = seen(), steady(patience=8)
    it.align(seen(dx=3), reference, None)
    for _ in range(7):
        it.align(texture(np.eye(3), H, W, seed=1), reference, None)
        np.testing.assert_allclose(it.shift, (3, 0), atol=0.1)
    assert not it.moved
    it.align(seen(dx=-3), reference, None)
    np.testing.assert_allclose(it.shift, (-3, 0), atol=0.1)
    for _ in range(7):
        it.align(texture(np.eye(3), H, W, seed=1), reference, None)
    assert not it.moved


def test_shake_never_counts_as_a_pan() -> None:
    rng, reference, it = np.random.default_rng(0), seen(), steady(patience=3)
    for _ in range(30):
        dx, dy = rng.uniform(-8, 8, 2)
        it.align(seen(dx=dx, dy=dy), reference, None)
        assert not it.moved
        np.testing.assert_allclose(it.shift, (dx, dy), atol=0.1)


def test_no_memory_is_taken_after_the_first_moved_picture() -> None:
    reference, it = seen(), steady()
    label, out = blob(), np.zeros((H, W), np.uint8)

    def frame(dx: float) -> dict[str, int]:
        it.align(seen(dx=dx), reference, label)
        it.ahead(np.zeros((H, W), np.float32))
        it.back(label, out)
        return {name: id(array) for name, array in it._ctx._scratch.items()}  # type: ignore[attr-defined]

    first = frame(4)
    assert [frame(dx) for dx in (-3, 0, 7)] == [first] * 3
