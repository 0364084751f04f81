"""Grey pictures reduced to any size, their margin, and their halves."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import pyramid

Make = Callable[[np.random.Generator], list[Any]]
Picture = np.ndarray[Any, Any]
H, W = 33, 47


def levels(rng: np.random.Generator, *shape: int) -> Picture:
    return rng.integers(0, 256, shape, np.uint8)


def blank(m: int, n: int) -> Picture:
    """A grey picture of m by n pixels and its margin."""
    return np.zeros(pyramid.padded(m, n), np.uint16)


def halved(kernel: Kernel, flip: int) -> tuple[Kernel, Make]:
    return kernel, lambda rng: [
        rng.integers(0, 4081, pyramid.padded(H, W), np.uint16), blank(17, 24), *((17, 24)[::flip])
    ]  # fmt: skip


CASES: list[tuple[Kernel, Make]] = [
    (pyramid.grey_pixel, lambda rng: [levels(rng, H, W, 3), blank(40, 48), 1, 40, 48, H, W]),
    (pyramid.grey_pixel, lambda rng: [levels(rng, H, W, 3), blank(16, 16), 4, 16, 16, H, W]),
    *(
        (pyramid.grey_row, lambda rng, k=k: [
            levels(rng, H, 3 * W), np.zeros((40, 3 * W), np.uint16), blank(40, 48), k, 48, H, W, 40
        ])
        for k in (1, 2, 3, 4, 5)
    ),
    halved(pyramid.halve_pixel, 1),
    halved(pyramid.halve_row, -1),
]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(h=st.integers(1, 60), w=st.integers(1, 60), k=st.integers(1, 7), more=st.integers(0, 9), seed=st.integers(0, 99))
def test_rows_at_once_make_the_same_picture_as_pixel_by_pixel(h: int, w: int, k: int, more: int, seed: int) -> None:
    image = levels(np.random.default_rng(seed), h, w, 3)
    m, n = -(-h // k) + more, -(-w // k) + more
    rows, pixels = blank(m, n), blank(m, n)
    pyramid.grey(image, rows, k, np.zeros((m, 3 * w), np.uint16))
    pyramid.grey_pixel(image, pixels, k, m, n, h, w)
    np.testing.assert_array_equal(rows, pixels)
    small, other = blank(-(-m // 2), -(-n // 2)), blank(-(-m // 2), -(-n // 2))
    pyramid.halve(rows, small)
    pyramid.halve_pixel(rows, other, *pyramid.inner(other))
    np.testing.assert_array_equal(small, other)


def test_cells_are_means_and_the_margin_repeats_the_border() -> None:
    image = levels(np.random.default_rng(0), 20, 30, 3)
    got = blank(8, 8)
    pyramid.grey(image, got, 4, np.zeros((8, 90), np.uint16))
    inside = got[pyramid.PAD : -pyramid.PAD, pyramid.PAD : -pyramid.PAD]
    luma = image.astype(float) @ [4, 8, 4]
    np.testing.assert_allclose(inside[:5, :7], luma[:, :28].reshape(5, 4, 7, 4).mean((1, 3)), atol=0.51)
    np.testing.assert_allclose(inside[:5, 7], luma[:, 28:].reshape(5, 4, 2).mean((1, 2)), atol=0.51)
    np.testing.assert_array_equal(inside[5:], np.repeat(inside[4:5], 3, 0))
    np.testing.assert_array_equal(got, np.pad(inside, pyramid.PAD, mode="edge"))


def test_a_level_has_the_means_of_four_pixels_of_the_one_before() -> None:
    large = blank(16, 24)
    pyramid.grey(levels(np.random.default_rng(0), 16, 24, 3), large, 1, np.zeros((16, 72), np.uint16))
    made = [large, blank(8, 12), blank(4, 6)]
    pyramid.build(made)
    for before, after in itertools.pairwise(made):
        m, n = pyramid.inner(after)
        inside, whole = (p[pyramid.PAD : -pyramid.PAD, pyramid.PAD : -pyramid.PAD] for p in (after, before))
        np.testing.assert_allclose(inside, whole.reshape(m, 2, n, 2).mean((1, 3)), atol=0.51)
