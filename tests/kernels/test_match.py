"""A picture compared with a plate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import match
from tests.kernels import hostcuda

H, W = 33, 47
Picture = np.ndarray[Any, Any]


def colours(rng: np.random.Generator, h: int = H, w: int = W) -> Picture:
    return rng.integers(0, 256, (h, w, 3), np.uint8)


def pair(rng: np.random.Generator) -> tuple[Picture, Picture]:
    """A picture in other light with something on it, and its plate."""
    plate = colours(rng)
    image = np.clip(plate * 0.8 + 10 + rng.normal(0, 2, plate.shape), 0, 255).astype(np.uint8)
    image[5:20, 10:25] = colours(rng, 15, 15)
    return image, plate


def light(*gains: float) -> Picture:
    return np.array([[g, 10] for g in gains or (0.8, 0.8, 0.8)], np.float32)


def real(rng: np.random.Generator, *shape: int) -> Picture:
    return rng.random(shape, np.float32)


def levels(rng: np.random.Generator, planes: int) -> Picture:
    return rng.normal(100, 30, (planes, H, W)).astype(np.float32)


def empty(*shape: int) -> Picture:
    return np.zeros(shape, np.float32)


def noise(level: float = 0) -> Picture:
    return np.full((3, 1), level, np.float32)


CASES: list[tuple[Kernel, Callable[[np.random.Generator], list[Any]]]] = [
    (match.shrink, lambda r: [colours(r), np.zeros((11, 16, 3), np.uint8), 3, H, W]),
    (match.bounds, lambda r: [colours(r), colours(r), colours(r), 2, H, W]),
    (match.correlate, lambda r: [*pair(r), light(), noise(9), empty(17, 14), 14.0, 2, 17, 1, W]),
    (match.correlate, lambda r: [*pair(r), light(), noise(9), empty(17 * 5, 14), 14.0, 2, 17, 5, W]),
    (match.fold, lambda r: [real(r, 40, 14), empty(6, 14), 40, 6]),
    (match.solve, lambda r: [1e3 + 100 * real(r, 17, 14), light(), noise(), 17]),
    (match.lumas, lambda r: [*pair(r), light(0.8, 0.9, 1.1), empty(2, H, W)]),
    (match.slope, lambda r: [levels(r, 2), empty(2, H, W), H, W]),
    (match.widest, lambda r: [levels(r, 2), empty(2, H, W), 0, 1, H, W]),
    (match.widest, lambda r: [levels(r, 2), empty(2, H, W), 1, 0, H, W]),
    (
        match.differ,
        lambda r: [
            pair(r)[0], colours(r) // 2, 128 + colours(r) // 2, light(), levels(r, 2), levels(r, 2) - 90,
            levels(r, 2) - 90, real(r, H, W), noise(6), empty(H, W), np.zeros((H, W), np.uint8), 1.0, 0.7, 1.25,
        ],
    ),
    (match.annotate, lambda r: [real(r, H, W), colours(r)[..., 0].copy(), np.zeros((H, W), np.uint8)]),
]  # fmt: skip


def scratch(name: str, shape: tuple[int, ...], dtype: Any) -> Picture:
    return np.empty(shape, dtype)


@given(gain=st.floats(0.7, 1.4), offset=st.floats(-15, 15), seed=st.integers(0, 99))
def test_the_light_is_found_beside_a_subject(gain: float, offset: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    plate = rng.integers(40, 160, (60, 80, 3)).astype(np.uint8)
    image = np.clip(plate * gain + offset + 0.5, 0, 255).astype(np.uint8)
    image[20:, 50:75] = (20, 60, 30)
    found = np.array([[1, 0]] * 3, np.float32)
    match.relight(image, plate, found, noise(), scratch)
    assert np.abs(found[:, 0] * 100 + found[:, 1] - (gain * 100 + offset)).max() < 2


def test_where_nothing_agrees_the_light_stays_as_it_was() -> None:
    found = light(0.9, 1.1, 1.0)
    match.relight(np.zeros((20, 30, 3), np.uint8), np.full((20, 30, 3), 255, np.uint8), found, noise(), scratch)
    np.testing.assert_array_equal(found, light(0.9, 1.1, 1.0))


@given(level=st.floats(2, 12), seed=st.integers(0, 99))
def test_noise_is_measured_and_does_not_flatten_the_light(level: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    plate = rng.integers(60, 190, (60, 80, 3)).astype(np.uint8)
    image = (plate + rng.normal(0, level, plate.shape) + 0.5).astype(np.uint8)
    found, heard = light(1.1, 0.9, 1.0), noise()
    match.relight(image, plate, found, heard, scratch)
    assert heard[0, 0] == pytest.approx(level, rel=0.2)
    assert np.abs(found[:, 0] - 1).max() < 0.05


def compared(image: Picture, plate: Picture) -> tuple[Picture, Picture]:
    """How far the picture is off the plate in the plate's own light, in levels, and its shade."""
    h, w = image.shape[:2]
    low, high = np.zeros_like(plate), np.zeros_like(plate)
    match.bounds(plate, low, high, 1, h, w)
    distance, shade = empty(h, w), np.zeros((h, w), np.uint8)
    match.compare(
        image, plate, low, high, empty(h, w), np.array([[1, 0]] * 3, np.float32), noise(), distance, shade,
        edges=18, dark=0.45, bright=1.25, scratch=scratch,
    )  # fmt: skip
    return distance, shade


def test_a_plate_a_pixel_off_is_still_the_background() -> None:
    plate = np.repeat(np.repeat(100 + colours(np.random.default_rng(0), 6, 8) // 5, 8, 0), 8, 1)
    distance = compared(np.roll(plate, 1, axis=1), plate)[0]
    assert np.mean(distance[:, 4:] > 12) < 0.03


@pytest.mark.parametrize(("factor", "far", "shade"), [(1, False, 0), (0.8, False, 127), (0.2, True, 0)])
def test_a_darker_place_is_shadow_and_a_very_dark_one_is_not(factor: float, far: bool, shade: int) -> None:
    plate = np.full((30, 40, 3), (150, 130, 110), np.uint8)
    image = plate.copy()
    image[5:25, 10:30] = (plate[0, 0] * factor).astype(np.uint8)
    found = compared(image, plate)
    assert (found[0][15, 20] > 24) == far
    assert found[1][15, 20] == shade


def test_an_edge_that_only_the_plate_has_speaks_for_a_subject_of_its_colour() -> None:
    plate = np.full((30, 40, 3), 100, np.uint8)
    plate[:, 20:] = 116
    distance = compared(np.full_like(plate, 108), plate)[0]
    assert distance[15, 20] > 36 > 12 > distance[15, 5]


def test_what_the_camera_clips_is_no_difference() -> None:
    plate = np.full((30, 40, 3), (255, 200, 255), np.uint8)
    plate[:, 20:] = (40, 30, 20)
    low, high = plate.copy(), plate.copy()
    distance, shade = empty(30, 40), np.zeros((30, 40), np.uint8)
    brighter = np.array([[1.5, 0]] * 3, np.float32)
    image = np.minimum(plate * 1.5, 255).astype(np.uint8)
    match.compare(
        image, plate, low, high, empty(30, 40), brighter, noise(), distance, shade,
        edges=0, dark=1, bright=1, scratch=scratch,
    )  # fmt: skip
    assert distance.max() < 1


@given(h=st.integers(1, 20), w=st.integers(1, 20), k=st.integers(1, 6), seed=st.integers(0, 99))
def test_a_shrunk_picture_has_the_mean_of_every_cell(h: int, w: int, k: int, seed: int) -> None:
    image = colours(np.random.default_rng(seed), h, w)
    small = np.zeros((-(-h // k), -(-w // k), 3), np.uint8)
    match.shrink(image, small, k, h, w)
    for y, x in np.ndindex(small.shape[:2]):
        cell = image[y * k : y * k + k, x * k : x * k + k]
        np.testing.assert_allclose(small[y, x], cell.mean((0, 1)), atol=0.51)


@pytest.mark.skipif(not hostcuda.has_gxx(), reason="needs g++")
def test_a_gpu_fits_the_same_light() -> None:
    rng = np.random.default_rng(2)
    image, plate = pair(rng)
    found = []
    for way in hostcuda.ways():
        state, loud = np.array([[1, 0]] * 3, np.float32), noise()
        with way.values[0]():
            match.relight(image, plate, state, loud, scratch)
        found.append(np.hstack([state, loud]))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-3, atol=1e-2)
