"""The light that a shadow leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import shade

H, W = 33, 47
Picture = np.ndarray[Any, Any]


def colours(rng: np.random.Generator, h: int = H, w: int = W) -> Picture:
    return rng.integers(0, 256, (h, w, 3), np.uint8)


def labels(rng: np.random.Generator, h: int = H, w: int = W) -> Picture:
    return rng.choice(np.array([0, 127, 255], np.uint8), (h, w))


def real(rng: np.random.Generator, *shape: int) -> Picture:
    return rng.random(shape, np.float32)


def empty(*shape: int) -> Picture:
    return np.zeros(shape, np.float32)


def cells(rng: np.random.Generator) -> Picture:
    known, shadow = rng.integers(0, 2, (2, 9, 12)).astype(np.float32)
    return np.stack([known, shadow, *(200 * real(rng, 2, 9, 12))])


CASES: list[tuple[Kernel, Callable[[np.random.Generator], list[Any]]]] = [
    (
        shade.weigh_cells,
        lambda r: [colours(r), colours(r), labels(r), real(r, H, W) ** 16, empty(4, 9, 12), 4, H, W],
    ),
    (shade.sum_light, lambda r: [cells(r), empty(9, 2), 12]),
    (shade.exposure, lambda r: [real(r, 9, 2), empty(1), 9]),
    (shade.exposure, lambda r: [empty(9, 2), empty(1), 9]),
    (shade.missing_light, lambda r: [cells(r), real(r, 2, 9, 12), real(r, 1) + 1, empty(2, 9, 12)]),
    (shade.fill, lambda r: [real(r, 2, 9, 12) * real(r, 2, 9, 12), real(r, 9, 12), 1.5]),
    (shade.count_shadow, lambda r: [labels(r), empty(1, 9, 12), 4, H, W]),
    (shade.keep_shadow, lambda r: [real(r, H, W), real(r, H, W), empty(H, W), 0.8]),
]


def scratch(name: str, shape: tuple[int, ...], dtype: Any) -> Picture:
    return np.full(shape, 77, dtype)


def cast(image: Picture, plate: Picture, label: Picture, alpha: Picture, strength: float = 1) -> Picture:
    out = np.full(label.shape, np.nan, np.float32)
    shade.cast(image, plate, label, alpha, out, strength, 0, scratch)
    return out


@given(
    h=st.integers(1, 40), w=st.integers(1, 40), strength=st.floats(0, 2), blur=st.floats(0, 20), seed=st.integers(0, 99)
)
def test_any_pictures_give_light_between_none_and_all(h: int, w: int, strength: float, blur: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    out = np.full((h, w), np.nan, np.float32)
    shade.cast(colours(rng, h, w), colours(rng, h, w), labels(rng, h, w), real(rng, h, w), out, strength, blur, scratch)
    assert out.min() >= 0
    assert out.max() <= 1


@given(h=st.integers(1, 300), w=st.integers(1, 40), seed=st.integers(0, 99))
def test_without_a_shadow_all_light_is_left_whatever_moves(h: int, w: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    label = labels(rng, h, w) // 255 * np.uint8(255)
    out = cast(colours(rng, h, w), colours(rng, h, w), label, (label > 0).astype(np.float32))
    np.testing.assert_array_equal(out, 1)


@pytest.mark.parametrize("exposure", [0.7, 1.0, 1.2])
@pytest.mark.parametrize("depth", [0.2, 0.5])
def test_the_depth_of_a_shadow_is_measured_in_any_exposure(depth: float, exposure: float) -> None:
    plate = np.full((120, 160, 3), (150, 130, 110), np.uint8)
    lit = np.ones((120, 160, 1))
    lit[20:100, 40:110] = 1 - depth
    label = np.where(lit[..., 0] < 1, 127, 0).astype(np.uint8)
    out = cast((plate * lit * exposure).astype(np.uint8), plate, label, empty(120, 160))
    assert np.abs(out - lit[..., 0])[30:90, 50:100].max() < 0.02
    assert np.abs(out - lit[..., 0])[:10].max() < 0.02


def test_under_the_subject_the_shadow_goes_on() -> None:
    plate, alpha = np.full((120, 160, 3), 150, np.uint8), empty(120, 160)
    image, label = plate.copy(), np.zeros((120, 160), np.uint8)
    image[:, 80:], label[:, 80:] = 75, 127
    image[40:80, 60:140], alpha[40:80, 60:140] = 10, 1
    out = cast(image, plate, label, alpha)
    assert np.abs(out[60, 120:140] - 0.5).max() < 0.1
    assert np.abs(out[60, 40:64] - 1).max() < 0.1
    assert (np.diff(out[60]) < 0.02).all()


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0, 2.0])
def test_strength_multiplies_what_is_missing(strength: float) -> None:
    plate = np.full((120, 160, 3), 150, np.uint8)
    out = cast((plate * 0.7).astype(np.uint8), plate, np.full((120, 160), 127, np.uint8), empty(120, 160), strength)
    np.testing.assert_allclose(out, 1 - 0.3 * strength, atol=0.01)


@given(h=st.integers(1, 40), w=st.integers(1, 40), strength=st.floats(0, 1), seed=st.integers(0, 99))
def test_the_kept_shadow_takes_nothing_from_the_subject(h: int, w: int, strength: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    alpha, out = real(rng, h, w), empty(h, w)
    shade.keep(labels(rng, h, w), alpha, out, strength, scratch)
    assert (out >= alpha).all()
    assert (out <= np.maximum(alpha, np.float32(strength))).all()


def test_a_shadow_is_kept_and_single_pixels_are_not() -> None:
    label, out = np.zeros((120, 160), np.uint8), empty(120, 160)
    label[40:80, 40:80] = 127
    label[::7, ::7] = 127
    shade.keep(label, empty(120, 160), out, 0.6, scratch)
    np.testing.assert_allclose(out[43:77, 43:77], 0.6)
    assert out[:, 90:].max() == 0
