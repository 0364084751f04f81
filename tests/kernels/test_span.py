"""Extremes that stay on the device, and what is stretched by them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernels import span
from tests.kernels.test_tensor import MEAN, STD, Memory

SCALARS = (2.0, 3.0, 4.0, -1.0, -2.0, -3.0)


def signed(rng: np.random.Generator, *shape: int) -> Any:
    return rng.normal(0, 4, shape).astype(np.float32)


def at(low: float, high: float) -> Any:
    return np.array([[low, high]], np.float32)


CASES = [
    (span.of_rows, lambda rng: [signed(rng, 33, 47), np.zeros((33, 2), np.float32), 47]),
    (span.of_all, lambda rng: [signed(rng, 33, 2), at(9, 9), 33]),
    (span.between, lambda rng: [at(-3, 5), signed(rng, 33, 47)]),
    (span.between, lambda rng: [at(2, 2), signed(rng, 5, 7)]),
    (span.levelled, lambda rng: [at(-9, 3), signed(rng, 33, 47), 11, 1, *SCALARS]),
    (span.levelled, lambda rng: [at(-9, 3), signed(rng, 33, 48), 33, 3, *SCALARS]),
    (span.levelled, lambda rng: [at(0, 0), signed(rng, 6, 6), 2, 1, *SCALARS]),
]


@given(m=st.integers(1, 40), n=st.integers(1, 40), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_the_extremes_are_numpys(m: int, n: int, seed: int) -> None:
    values = signed(np.random.default_rng(seed), m, n)
    np.testing.assert_array_equal(span.extremes(values, Memory()), at(values.min(), values.max()))


@given(seed=st.integers(0, 99), scale=st.floats(1e-3, 1e3))
@settings(max_examples=30, deadline=None)
def test_stretched_values_fill_0_to_1_in_their_order(seed: int, scale: float) -> None:
    values = signed(np.random.default_rng(seed), 20, 30) * np.float32(scale)
    before = values.copy()
    span.stretch(values, Memory())
    assert (values.min(), values.max()) == (0, 1)
    np.testing.assert_allclose(values, (before - before.min()) / np.ptp(before), atol=1e-6)


def test_equal_values_are_not_stretched() -> None:
    values = np.full((4, 5), 0.25, np.float32)
    span.stretch(values, Memory())
    np.testing.assert_array_equal(values, np.float32(0.25))


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_each_channel_is_normalised_under_the_peak_of_all(layout: Any) -> None:
    picture = np.random.default_rng(3).random((6, 8, 3), np.float32) / 3
    wanted = (picture / picture.max() - np.float32(MEAN)) / np.float32(STD)
    values = np.ascontiguousarray(picture.transpose(2, 0, 1) if layout == "nchw" else picture)[None]
    span.under_peak(values, MEAN, STD, layout, Memory())
    found = values[0].transpose(1, 2, 0) if layout == "nchw" else values[0]
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_black_stays_finite() -> None:
    values = np.zeros((1, 3, 4, 4), np.float32)
    span.under_peak(values, (0, 0, 0), (1, 1, 1), "nchw", Memory())
    np.testing.assert_array_equal(values, 0)
