"""The bilateral filter takes noise away and leaves edges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import denoise
from tests.kernels.test_yuv import smooth

Rng = np.random.Generator


def noisy(rng: Rng, image: Any, noise: float = 5) -> Any:
    return (image + rng.normal(0, noise, image.shape)).clip(0, 255).round().astype(np.uint8)


def cleaned(image: Any, noise: float = 5) -> Any:
    out = np.empty_like(image)
    denoise.denoise(image, out, noise)
    return out


def case(rng: Rng) -> list[Any]:
    return [noisy(rng, smooth(33, 47), 20), np.zeros((33, 47, 3), np.uint8), 31, 45, 1 / 60**2]


CASES: list[tuple[Kernel, Callable[[Rng], list[Any]]]] = [(denoise.bilateral, case)]


def test_noise_on_an_even_picture_shrinks_to_half() -> None:
    image = noisy(np.random.default_rng(1), np.full((60, 80, 3), 128.0))
    assert cleaned(image)[1:-1, 1:-1].std() < 0.5 * image.std()


def test_an_edge_stays_where_it_is() -> None:
    image = np.zeros((20, 40, 3), np.uint8)
    image[:, :20] = (40, 60, 80)
    image[:, 20:] = (120, 100, 60)
    np.testing.assert_array_equal(cleaned(image), image)


def test_a_noisy_edge_keeps_its_height() -> None:
    clean = np.zeros((40, 40, 3))
    clean[:, :20], clean[:, 20:] = 60, 160
    image = noisy(np.random.default_rng(2), clean)
    out = cleaned(image)
    assert np.abs(out[:, 19:21].astype(float) - clean[:, 19:21]).mean() < 3
    assert np.abs(image[:, 19:21].astype(float) - clean[:, 19:21]).mean() > 3.5


@given(
    colour=st.tuples(*[st.integers(0, 255)] * 3),
    h=st.integers(1, 6),
    w=st.integers(1, 6),
    noise=st.floats(0.5, 50),
)
@settings(max_examples=40, deadline=None)
def test_an_even_picture_of_any_size_stays_as_it_is(colour: Any, h: int, w: int, noise: float) -> None:
    image = np.full((h, w, 3), colour, np.uint8)
    np.testing.assert_array_equal(cleaned(image, noise), image)
