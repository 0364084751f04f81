"""A subject's own colours come out of its soft edge, whatever is behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernels import foreground
from bgflow.stages.synth import Source
from bgflow.testing import opened
from tests.kernels import hostcuda
from tests.kernels.test_blur import scratch

Picture = np.ndarray[Any, Any]


def u8(rng: np.random.Generator, *shape: int) -> Picture:
    return rng.integers(0, 256, shape, dtype=np.uint8)


def matte(rng: np.random.Generator, h: int = 33, w: int = 47) -> Picture:
    alpha = rng.uniform(-0.5, 1.5, (h, w)).astype(np.float32)
    alpha[: h // 3] = 0
    return alpha


def real(rng: np.random.Generator, *shape: int) -> Picture:
    return rng.uniform(0, 255, shape).astype(np.float32)


def mixed(rng: np.random.Generator) -> Picture:
    return rng.integers(0, 2, (7, 10), dtype=np.uint8)


def zeros(*shape: int, dtype: Any = np.float32) -> Picture:
    return np.zeros(shape, dtype)


def gathered(k: int, step: int) -> Callable[[np.random.Generator], list[Any]]:
    m, n = -(-33 // k), -(-47 // k)
    return lambda r: [
        u8(r, 33, 47, 3), matte(r), zeros(m, n, 10), zeros(m, n, dtype=np.uint8), k, step, 33, 47,
    ]  # fmt: skip


def blotted(rng: np.random.Generator) -> Picture:
    """Sums of which some have no weight."""
    sums = real(rng, 7, 10, 10)
    sums[2:5, 2:6] = 0
    return sums


CASES: list[tuple[Any, Any]] = [
    (foreground.gather, gathered(5, 2)),
    (foreground.gather, gathered(2, 1)),
    (foreground.push, lambda r: [real(r, 33, 47, 10), zeros(9, 12, 10), 33, 47]),
    (foreground.pull, lambda r: [real(r, 9, 12, 10), real(r, 33, 47, 10), 1e-3, 9, 12]),
    (foreground.expect, lambda r: [blotted(r), zeros(7, 10, 8), 7, 10]),
    (
        foreground.unmix,
        lambda r: [u8(r, 33, 47, 3), matte(r), mixed(r), real(r, 7, 10, 8), u8(r, 33, 47, 3), 0.7, 5, 7, 10, 47, 11],
    ),
    (
        foreground.unmix_pixel,
        lambda r: [u8(r, 33, 47, 3), matte(r), real(r, 7, 10, 8), u8(r, 33, 47, 3), 0.7, 5, 7, 10],
    ),
]


def own(image: Picture, alpha: Picture, strength: float = 1.0) -> Picture:
    out = np.empty_like(image)
    foreground.estimate(image, alpha, out, strength, scratch())
    return out


def before(background: str | tuple[int, int, int], **params: Any) -> tuple[Picture, Picture, Picture]:
    """A person before a background: the picture, the true alpha and the true colours."""
    kind = background if isinstance(background, str) else "flat"
    with opened(Source(width=640, height=360, background=kind, seed=7, **params)) as source:
        of = {k: np.array(v) for k, v in source.stage.render(40).items()}  # type: ignore[attr-defined]
    behind = of["plate"] if isinstance(background, str) else np.array(background)
    a = of["alpha"][..., None].astype(float)
    return np.rint(a * of["foreground"] + (1 - a) * behind).astype(np.uint8), of["alpha"], of["foreground"]


def edge_error(found: Picture, alpha: Picture, truth: Picture) -> Picture:
    """What is wrong, in levels, where 0 < alpha < 1, when it is put on white or any other background."""
    soft = (alpha > 0) & (alpha < 1)
    error: Picture = alpha[soft][:, None] * (found.astype(float) - truth)[soft]
    return error


@pytest.mark.parametrize("person", [{}, {"hair": 0.8}, {"hair": 0.8, "edge": 6.0}], ids=["hard", "hair", "soft"])
@pytest.mark.parametrize("behind", [(0, 177, 64), "textured", "room"], ids=["green", "textured", "room"])
def test_before_green_or_a_room_the_edge_on_white_is_right_to_two_levels(person: dict[str, Any], behind: Any) -> None:
    image, alpha, truth = before(behind, **person)
    assert np.sqrt(np.square(edge_error(own(image, alpha), alpha, truth)).mean()) <= 2
    assert np.sqrt(np.square(edge_error(image, alpha, truth)).mean()) > 10


def test_a_flat_subject_before_a_flat_background_is_found_to_a_level() -> None:
    alpha = np.tile(np.clip(np.linspace(1.5, -0.5, 120), 0, 1).astype(np.float32), (90, 1))
    a = alpha[..., None].astype(float)
    image = np.rint(a * (200, 30, 90) + (1 - a) * (0, 177, 64)).astype(np.uint8)
    found = own(image, alpha)
    assert np.abs(edge_error(found, alpha, np.full_like(found, (200, 30, 90)))).max() <= 2


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 99), st.floats(0, 1))
def test_where_alpha_is_0_or_1_no_bit_changes(h: int, w: int, seed: int, strength: float) -> None:
    rng = np.random.default_rng(seed)
    image, alpha = u8(rng, h, w, 3), matte(rng, h, w)
    out = own(image, alpha, strength)
    pure = (alpha <= 0) | (alpha >= 1)
    np.testing.assert_array_equal(out[pure], image[pure])


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 255), st.integers(0, 99))
def test_a_flat_picture_stays_flat_under_any_matte(h: int, w: int, v: int, seed: int) -> None:
    image = np.full((h, w, 3), v, np.uint8)
    np.testing.assert_array_equal(own(image, matte(np.random.default_rng(seed), h, w)), image)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 99), st.floats(0, 1))
def test_strength_goes_that_far_from_the_picture_to_the_own_colour(seed: int, strength: float) -> None:
    rng = np.random.default_rng(seed)
    image, alpha = u8(rng, 33, 47, 3), matte(rng)
    whole, part = own(image, alpha).astype(float), own(image, alpha, strength)
    assert np.abs(part - (image + (whole - image) * strength)).max() <= 1.01


def test_a_matte_without_anything_sure_leaves_the_picture_as_it_is() -> None:
    image = u8(np.random.default_rng(3), 60, 80, 3)
    for value in (0.3, 0.7, np.nan):
        assert np.abs(own(image, np.full((60, 80), value, np.float32)).astype(int) - image).mean() < 40
    np.testing.assert_array_equal(own(image, np.full((60, 80), np.nan, np.float32)), image)


@pytest.mark.skipif(not hostcuda.has_gxx(), reason="needs g++")
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999), h=st.integers(2, 60), w=st.integers(2, 60), strength=st.sampled_from([0.5, 1.0]))
def test_a_gpu_finds_the_same_colours(seed: int, h: int, w: int, strength: float) -> None:
    rng = np.random.default_rng(seed)
    image, alpha = u8(rng, h, w, 3), matte(rng, h, w)
    want = own(image, alpha, strength)
    with hostcuda.gpu():
        np.testing.assert_allclose(own(image, alpha, strength).astype(int), want, atol=1)
