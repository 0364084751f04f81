"""Interpolation in integers; that it is OpenCV's is tested in test_resize.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import lerp
from bgflow.kernels.resize import _scale

Rng = np.random.Generator
IH, IW = 33, 47


def colours(rng: Rng, h: int = IH, w: int = IW) -> Any:
    return rng.integers(0, 256, (h, w, 3), np.uint8)


def points(rng: Rng, h: int, w: int) -> list[Any]:
    src, out = colours(rng), np.zeros((h, w, 3), np.uint8)
    return [src, out, *_scale(src, out)]


def bands(rng: Rng, h: int, w: int) -> list[Any]:
    src, out, *scale = points(rng, h, w)
    return [src.reshape(IH, 3 * IW), out, *scale, h, w, -(-h // 16)]


def clamped(rng: Rng, h: int, w: int) -> list[Any]:
    src, out = rng.random((IH, IW), np.float32), np.zeros((h, w), np.float32)
    return [src, out, *_scale(src, out), 0.1, 0.9]


CASES: list[tuple[Kernel, Callable[[Rng], list[Any]]]] = []
for size in [(20, 61), (9, 11), (40, 50)]:
    CASES.append((lerp.pixels, lambda rng, size=size: points(rng, *size)))
    CASES.append((lerp.rows, lambda rng, size=size: bands(rng, *size)))
    CASES.append((lerp.numbers, lambda rng, size=size: clamped(rng, *size)))

sizes = st.tuples(*[st.integers(1, 60)] * 4)


def interpolated(seed: int, ih: int, iw: int, oh: int, ow: int) -> tuple[Any, Any, Any]:
    """A picture, and what the kernels of a CPU and of a GPU make of it."""
    src = colours(np.random.default_rng(seed), ih, iw)
    cpu, gpu = np.zeros((2, oh, ow, 3), np.uint8)
    lerp.rows(src.reshape(ih, 3 * iw), cpu, *_scale(src, cpu), oh, ow, -(-oh // 16))
    lerp.pixels(src, gpu, *_scale(src, gpu))
    return src, cpu, gpu


@given(sizes, st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_a_gpu_and_a_cpu_interpolate_to_the_same_bytes(size: tuple[int, int, int, int], seed: int) -> None:
    _, cpu, gpu = interpolated(seed, *size)
    np.testing.assert_array_equal(cpu, gpu)


@given(sizes, st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_a_colour_is_within_a_twentieth_of_a_level_of_the_exact_one_before_it_is_rounded(
    size: tuple[int, int, int, int], seed: int
) -> None:
    src, made, _ = interpolated(seed, *size)
    exact = src.astype(np.float64)
    for axis, n in enumerate(made.shape[:2]):
        count = src.shape[axis]
        at = ((np.arange(n) + 0.5) * count / n - 0.5).clip(0, count - 1)
        low = at.astype(int)
        share = (at - low).reshape([-1 if k == axis else 1 for k in range(3)])
        near, far = (exact.take(i, axis) for i in (low, np.minimum(low + 1, count - 1)))
        exact = near * (1 - share) + far * share
    assert np.abs(made - exact).max() <= 0.55
