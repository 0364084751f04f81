"""Mattes from evidence with gaps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import walker

H, W = 33, 47
Picture = np.ndarray[Any, Any]
LIGHT = np.array([[1, 0], [0.9, 5], [1.1, -5]], np.float32)


def real(rng: np.random.Generator, *shape: int) -> Picture:
    return rng.random(shape, np.float32)


def colours(rng: np.random.Generator) -> Picture:
    return rng.integers(90, 130, (H, W, 3), np.uint8)


def empty(*shape: int) -> Picture:
    return np.zeros(shape, np.float32)


CASES: list[tuple[Kernel, Callable[[np.random.Generator], list[Any]]]] = [
    (walker.believe, lambda r: [60 * real(r, H, W), empty(2, H, W), 12.0, 24.0]),
    (walker.follow, lambda r: [real(r, H, W), empty(2, H, W), 0.1]),
    (walker.tether, lambda r: [colours(r), colours(r), LIGHT, 40 * real(r, H, W), empty(2, H, W), H, W]),
    (walker.balance, lambda r: [real(r, 2, H, W), real(r, 2, H, W) + 0.01, empty(5, H, W), empty(H, W)]),
    (
        walker.step_on,
        lambda r: [real(r, 5, H, W) / 5, real(r, H, W), real(r, H, W), 1.5, H, W, 3, 20],
    ),
    (walker.step_on, lambda r: [real(r, 5, H, W) / 5, real(r, H, W), real(r, H, W), 1.5, H, W, W, 1]),
]


def scratch(name: str, shape: tuple[int, ...], dtype: Any) -> Picture:
    return np.empty(shape, dtype)


def walked(image: Picture, plate: Picture, distance: Picture, radius: int = 0) -> Picture:
    matte = empty(*distance.shape)
    light = np.array([[1, 0]] * 3, np.float32)
    walker.walk(
        image, plate, light, distance, matte, tolerance=12, softness=24, radius=radius, scratch=scratch
    )  # fmt: skip
    return matte


@given(h=st.integers(1, 9), w=st.integers(1, 9), seed=st.integers(0, 99))
def test_at_rest_every_pixel_is_where_its_springs_balance(h: int, w: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ties, pulls = real(rng, 2, h, w), 0.1 + real(rng, 2, h, w)
    ties[0, :, -1] = ties[1, -1] = 0
    out = empty(h, w)
    walker.rest(ties, pulls, out, scratch)
    n = h * w
    system, right = np.zeros((n, n)), pulls[0].ravel().astype(float)
    for y, x in np.ndindex(h, w):
        system[y * w + x, y * w + x] += pulls[:, y, x].sum()
        for tie, (j, i) in zip(ties[:, y, x], ((y, x + 1), (y + 1, x)), strict=True):
            if j < h and i < w:
                a, b = y * w + x, j * w + i
                system[[a, b], [a, b]] += tie
                system[[a, b], [b, a]] -= tie
    np.testing.assert_allclose(out.ravel(), np.linalg.solve(system, right), atol=0.01)


def scene(subject: int = 160, wall: int = 100) -> tuple[Picture, Picture, Picture]:
    """A block before a wall, the wall, and how far they differ; in the middle of the block nothing seems to."""
    plate = np.full((48, 64, 3), wall, np.uint8)
    image = plate.copy()
    image[10:38, 16:48] = subject
    distance = np.abs(image[..., 0].astype(np.float32) - wall)
    distance[20:28, 28:36] = 0
    return image, plate, distance


@pytest.mark.parametrize("radius", [0, 4])
def test_a_gap_in_the_evidence_is_filled_and_the_outline_stays(radius: int) -> None:
    image, plate, distance = scene()
    matte = walked(image, plate, distance, radius)
    truth = image[..., 0] == 160
    assert (matte[20:28, 28:36] > 0.5).mean() > (0.2 if radius == 0 else 0.99)
    outside = ~truth
    assert matte[outside].max() < 0.5
    assert matte[truth & (distance > 0)].min() > 0.5


def test_where_nothing_differs_there_is_nobody() -> None:
    rng = np.random.default_rng(0)
    image = colours(rng)
    assert walked(image, image, empty(H, W), 3).max() < 0.01


def test_an_edge_that_the_plate_has_too_stops_nothing() -> None:
    plate = np.full((20, 40, 3), 80, np.uint8)
    plate[:, 20:] = 140
    ties = empty(2, 20, 40)
    light = np.array([[1, 0]] * 3, np.float32)
    walker.tether(plate, plate, light, empty(20, 40), ties, 20, 40)
    known = ties[0, 10, 19]
    walker.tether(plate, np.full_like(plate, 80), light, empty(20, 40), ties, 20, 40)
    assert known > 0.5 > 0.1 > ties[0, 10, 19]


@pytest.mark.parametrize(("h", "w"), [(1, 1), (1, 7), (5, 1)])
def test_tiny_pictures_have_mattes_too(h: int, w: int) -> None:
    image = np.zeros((h, w, 3), np.uint8)
    assert walked(image, image, np.full((h, w), 100, np.float32), 1).min() > 0.9
