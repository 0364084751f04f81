"""The median of labels: the same as counting by hand, at every border."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernels import majority

H, W = 33, 71
Picture = np.ndarray[Any, Any]


def labels(rng: np.random.Generator, h: int = H, w: int = W) -> Picture:
    return rng.choice(np.array([0, 127, 255], np.uint8), (h, w), p=[0.4, 0.2, 0.4])


def column(span: int, r: int) -> Any:
    return lambda rng: [labels(rng), np.zeros((H, W + 2 * r), np.uint16), -(-W // span), span, H, W, r]


def square(span: int, r: int) -> Any:
    def made(rng: np.random.Generator) -> list[Any]:
        values = column(64, r)(rng)
        majority.majority_column(*values)
        sums, label = np.zeros((H, W), np.uint16), np.zeros((H, W), np.uint8)
        return [values[1], sums, label, -(-W // span), span, H, W, r, 127]

    return made


CASES: list[tuple[Any, Any]] = [
    (kernel, make(span, r))
    for kernel, make in ((majority.majority_column, column), (majority.majority_square, square))
    for span, r in ((64, 3), (1, 2), (64, 0))
]


def voted(raw: Picture, r: int, shadow: int = 127) -> Picture:
    made: dict[str, Picture] = {}
    label = np.zeros_like(raw)
    majority.majority(raw, label, r, shadow, lambda name, shape, dtype: made.setdefault(name, np.zeros(shape, dtype)))
    return label


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**31), h=st.integers(1, 20), w=st.integers(1, 140), r=st.integers(0, majority.RADIUS))
def test_a_label_is_what_most_of_its_square_is(seed: int, h: int, w: int, r: int) -> None:
    raw = labels(np.random.default_rng(seed), h, w)
    found = voted(raw, r)
    for y, x in np.ndindex(h, w):
        near = raw[max(y - r, 0) : y + r + 1, max(x - r, 0) : x + r + 1]
        half = near.size // 2
        want = 255 if (near == 255).sum() > half else 127 if (near != 0).sum() > half else 0
        assert found[y, x] == want


def test_the_largest_square_that_is_all_subject_does_not_overflow() -> None:
    assert (voted(np.full((40, 40), 255, np.uint8), majority.RADIUS) == 255).all()


@pytest.mark.parametrize("shadow", [0, 127, 255])
def test_a_shadow_gets_the_label_that_is_asked_for(shadow: int) -> None:
    assert (voted(np.full((9, 9), 127, np.uint8), 2, shadow) == shadow).all()
