"""The cheap measure of change behind `every: auto`."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import change

Make = Callable[[np.random.Generator], list[Any]]
H, W = 33, 47


def levels(rng: np.random.Generator, *shape: int) -> np.ndarray[Any, Any]:
    return rng.integers(0, 256, shape, np.uint8)


CASES: list[tuple[Kernel, Make]] = [
    (change.pick, lambda rng: [levels(rng, H, W, 3), np.zeros((17, 24), np.uint8), 2]),
    (change.pick, lambda rng: [levels(rng, H, W, 4), np.zeros((H, W), np.uint8), 1]),
    (change.differ, lambda rng: [
        levels(rng, H, W, 3), levels(rng, 17, 24), np.zeros((5, 6), np.float32), 2, 17, 24
    ]),
]  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(h=st.integers(1, 300), w=st.integers(1, 300), c=st.integers(3, 4), seed=st.integers(0, 99))
def test_a_picture_does_not_differ_from_itself(h: int, w: int, c: int, seed: int) -> None:
    image = levels(np.random.default_rng(seed), h, w, c)
    samples, cells = change.grid(h, w)
    kept, out = np.empty(samples, np.uint8), np.full(cells, 7, np.float32)
    change.sample(image, kept)
    change.compare(image, kept, out)
    assert not out.any()


def test_a_cell_has_the_mean_difference_of_its_samples() -> None:
    image = np.zeros((96, 128, 3), np.uint8)
    samples, cells = change.grid(96, 128)
    kept, out = np.empty(samples, np.uint8), np.empty(cells, np.float32)
    change.sample(image, kept)
    image[4:8, 8:10] = 100
    change.compare(image, kept, out)
    assert out[1, 2] == 50
    assert out.sum() == 50


def test_of_an_hd_picture_less_than_a_hundredth_is_read() -> None:
    (m, n), _ = change.grid(1080, 1920)
    assert m * n < 0.01 * 1080 * 1920
