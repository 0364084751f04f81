"""How much a picture has changed since another, from a coarse grid of samples: under a thousandth of its bytes."""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import function, kernel

f32, i32, u8 = np.float32, np.int32, np.uint8

CELL = 4  # samples along each side of a cell
ROWS = 96  # samples down a picture, or a few more


def spacing(h: int) -> int:
    """Pixels from one sample to the next."""
    return max(h // ROWS, 1)


def grid(h: int, w: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """The shapes of the samples and of the cells of an h x w picture."""
    k = spacing(h)
    m, n = -(-h // k), -(-w // k)
    return (m, n), (-(-m // CELL), -(-n // CELL))


@function
def luma(image, y, x):
    """Brightness 0..255 of one pixel, in quarters that need no multiplication."""
    return (i32(image[y, x, 0]) + 2 * i32(image[y, x, 1]) + i32(image[y, x, 2])) // 4


@kernel(over="m,n", image="u8[h,w,c]", out="u8[m,n] out", k="i32")
def pick(y, x, image, out, k):
    """The brightness of each k-th pixel of each k-th row."""
    out[y, x] = u8(luma(image, y * k, x * k))


@kernel(
    over="rows,columns", image="u8[h,w,c]", samples="u8[m,n]", out="f32[rows,columns] out", k="i32", m="i32", n="i32"
)
def differ(y, x, image, samples, out, k, m, n):
    """The mean absolute difference between picture and samples in each cell."""
    total = i32(0)
    bottom = min(y * CELL + CELL, m)
    right = min(x * CELL + CELL, n)
    for j in range(y * CELL, bottom):
        for i in range(x * CELL, right):
            total += abs(luma(image, j * k, i * k) - i32(samples[j, i]))
    out[y, x] = f32(total) / f32((bottom - y * CELL) * (right - x * CELL))


def sample(image: Array, out: Array) -> None:
    """Keep the samples of a picture in `out`, of `grid`'s first shape."""
    pick(image, out, spacing(image.shape[0]))


def compare(image: Array, samples: Array, out: Array) -> None:
    """How far a picture is from the kept samples, 0..255, into the cells of `grid`'s second shape."""
    differ(image, samples, out, spacing(image.shape[0]), *samples.shape)
