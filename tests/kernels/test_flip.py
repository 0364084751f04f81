"""The eight orientations against numpy, and among themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgflow.errors import KernelError
from bgflow.kernel import Kernel
from bgflow.kernels import flip

Rng = np.random.Generator
EXPECTED: dict[str, Callable[[Any], Any]] = {
    "none": lambda a: a,
    "horizontal": np.fliplr,
    "vertical": np.flipud,
    "rotate-180": lambda a: np.rot90(a, 2),
    "clockwise": lambda a: np.rot90(a, -1),
    "counterclockwise": np.rot90,
    "upper-left-diagonal": lambda a: a.transpose(1, 0, 2),
    "upper-right-diagonal": lambda a: np.rot90(a, 2).transpose(1, 0, 2),
}
BACK = {"clockwise": "counterclockwise", "counterclockwise": "clockwise"}


def picture(h: int, w: int) -> Any:
    return np.random.default_rng(h * w).integers(0, 256, (h, w, 3), np.uint8)


def flipped(image: Any, way: Any) -> Any:
    h, w = image.shape[:2]
    out = np.zeros((w, h, 3) if flip.turns(way) else (h, w, 3), np.uint8)
    flip.flip(image, out, way)
    return out


CASES: list[tuple[Kernel, Callable[[Rng], list[Any]]]] = [
    (flip.orient, lambda r: [picture(33, 47), np.zeros((47, 33, 3), np.uint8), 32, 0, -1, 0, 1, 0]),
    (flip.orient, lambda r: [picture(33, 47), np.zeros((33, 47, 3), np.uint8), 0, 1, 0, 46, 0, -1]),
    (flip.rows, lambda r: [picture(33, 47), np.zeros((33, 47, 3), np.uint8), 47, 0, 1, 1]),
    (flip.rows, lambda r: [picture(33, 150), np.zeros((33, 150, 3), np.uint8), 150, 32, -1, 0]),
]


@pytest.mark.parametrize("way", flip.WAYS)
@pytest.mark.parametrize("size", [(5, 7), (1, 1), (1, 6), (8, 3)])
def test_a_way_is_what_its_name_says(way: str, size: tuple[int, int]) -> None:
    image = picture(*size)
    np.testing.assert_array_equal(flipped(image, way), EXPECTED[way](image))


@given(
    way=st.sampled_from([way for way in flip.WAYS if not flip.turns(way)]), h=st.integers(1, 6), w=st.integers(1, 200)
)
def test_a_row_of_any_length_with_a_gap_behind_it_is_as_numpy_has_it(way: str, h: int, w: int) -> None:
    image, out = picture(h, w + 5)[:, 2:-3], np.zeros((h, w + 7, 3), np.uint8)
    flip.flip(image, out[:, :w], way)  # type: ignore[arg-type]
    np.testing.assert_array_equal(out[:, :w], EXPECTED[way](image))
    assert not out[:, w:].any()


@given(way=st.sampled_from(list(flip.WAYS)), h=st.integers(1, 9), w=st.integers(1, 9))
def test_there_and_back_again_changes_nothing(way: str, h: int, w: int) -> None:
    image = picture(h, w)
    np.testing.assert_array_equal(flipped(flipped(image, way), BACK.get(way, way)), image)


def test_an_output_that_is_not_turned_is_refused() -> None:
    with pytest.raises(KernelError) as e:
        flip.flip(picture(4, 6), np.zeros((4, 6, 3), np.uint8), "clockwise")
    assert str(e.value) == "flip: out is 4x6, but a picture of 4x6 goes clockwise into 6x4"
