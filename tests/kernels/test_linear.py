"""Mixing in linear light, against its definition in double precision."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernels import linear, over
from tests.kernels.test_over import OUT, blank, every_byte, matte, picture

CASES: list[tuple[Any, Any]] = [
    (linear.over_linear, lambda r: [picture(r), matte(r), picture(r), linear.table(), blank(*OUT), 1.0]),
    (linear.over_linear, lambda r: [picture(r), matte(r), picture(r), linear.table(), blank(*OUT), 0.4]),
]


def mixed(front: int, back: int, a: float, strength: float = 1.0) -> int:
    shape = (1, 1, 3)
    out = np.empty(shape, np.uint8)
    alpha = np.full(shape[:2], a, np.float32)
    linear.replace(
        np.full(shape, front, np.uint8), alpha, np.full(shape, back, np.uint8), linear.table(), out, strength
    )
    return int(out[0, 0, 0])


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 255), st.integers(0, 255), st.floats(2**-10, 1 - 2**-10, width=32))
def test_full_strength_is_the_mean_of_the_light_as_srgb_codes_it(front: int, back: int, a: float) -> None:
    light = np.where(
        np.arange(256) <= 10, np.arange(256) / 255 / 12.92, ((np.arange(256) / 255 + 0.055) / 1.055) ** 2.4
    )
    mean = light[back] + (light[front] - light[back]) * a
    coded = 12.92 * mean if mean <= 0.0031308 else 1.055 * mean ** (1 / 2.4) - 0.055
    assert abs(mixed(front, back, a) - coded * 255) <= 0.6


def test_half_white_over_black_is_188() -> None:
    assert mixed(255, 0, 0.5) == 188


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 99), st.floats(0, 1))
def test_equal_bytes_stay_what_they_are_for_every_alpha(seed: int, strength: float) -> None:
    alpha = np.random.default_rng(seed).uniform(-0.2, 1.2, every_byte.shape[:2]).astype(np.float32)
    out = np.empty_like(every_byte)
    linear.replace(every_byte, alpha, every_byte, linear.table(), out, strength)
    np.testing.assert_array_equal(out, every_byte)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 255), st.integers(0, 255), st.floats(0, 1, width=32), st.floats(0, 1), st.floats(0, 1))
def test_more_strength_is_never_darker_and_never_beyond_the_two(f: int, b: int, a: float, s: float, t: float) -> None:
    less, more = mixed(f, b, a, min(s, t)), mixed(f, b, a, max(s, t))
    assert min(f, b) <= less <= more <= max(f, b)


def test_strength_0_is_what_over_gives() -> None:
    rng = np.random.default_rng(1)
    front, back, alpha = picture(rng), picture(rng), matte(rng)
    one, two = blank(*OUT), blank(*OUT)
    linear.replace(front, alpha, back, linear.table(), one, 0)
    over.replace(front, alpha, back, two)
    np.testing.assert_array_equal(one, two)
