"""Mirror and turn a picture by quarter turns: the eight orientations of a rectangle."""

from __future__ import annotations

from typing import Literal

import numpy as np

from bgflow.devices import device_of
from bgflow.errors import KernelError
from bgflow.frame import Array
from bgflow.kernel import kernel

i32, u32 = np.int32, np.uint32

Way = Literal[
    "none",
    "horizontal",
    "vertical",
    "rotate-180",
    "clockwise",
    "counterclockwise",
    "upper-left-diagonal",
    "upper-right-diagonal",
]

# Where a pixel of the result comes from: whether its row and column count backwards in the source, and whether the
# result's rows are the source's columns. Names as in jetson-utils and GStreamer.
WAYS: dict[Way, tuple[bool, bool, bool]] = {
    "none": (False, False, False),
    "horizontal": (False, True, False),
    "vertical": (True, False, False),
    "rotate-180": (True, True, False),
    "clockwise": (True, False, True),
    "counterclockwise": (False, True, True),
    "upper-left-diagonal": (False, False, True),
    "upper-right-diagonal": (True, True, True),
}


def turns(way: Way) -> bool:
    """Whether height and width change places."""
    return WAYS[way][2]


def flip(image: Array, out: Array, way: Way) -> None:
    """Write `u8[h,w,3]` into `out` the given way; `out` is `u8[w,h,3]` where the way turns."""
    h, w = image.shape[:2]
    up, left, turned = WAYS[way]
    oh, ow = (w, h) if turned else (h, w)
    if out.shape[:2] != (oh, ow):
        raise KernelError(
            f"flip: out is {out.shape[0]}x{out.shape[1]}, but a picture of {h}x{w} goes {way} into {oh}x{ow}"
        )
    y0, dy = (h - 1, -1) if up else (0, 1)
    x0, dx = (w - 1, -1) if left else (0, 1)
    if turned:
        orient(image, out, y0, 0, dy, x0, dx, 0)
    elif device_of(image).simt:
        orient(image, out, y0, dy, 0, x0, 0, dx)
    else:
        rows(image, out, w, y0, dy, left)


@kernel(
    over="oh,ow",
    image="u8[h,w,3]",
    out="u8[oh,ow,3] out",
    y0="i32",
    y_by_row="i32",
    y_by_column="i32",
    x0="i32",
    x_by_row="i32",
    x_by_column="i32",
)
def orient(  # type: ignore[no-untyped-def]
    y, x, image, out, y0, y_by_row, y_by_column, x0, x_by_row, x_by_column
):
    """One pixel, from where an affine map says."""
    for c in range(3):
        out[y, x, c] = image[y0 + y_by_row * y + y_by_column * x, x0 + x_by_row * y + x_by_column * x, c]


@kernel(over="h", image="u8[h,w,3]", out="u8[h,w,3] out", w="i32", y0="i32", dy="i32", left="i32")
def rows(y, image, out, w, y0, dy, left):  # type: ignore[no-untyped-def]
    """A row that stays a row, on a CPU; the other way round where `left` is 1.

    Indices are unsigned: of others numba asks whether they count from the end, and LLVM then turns no vectors round.
    """
    source = image[max(i32(y0 + dy * i32(y)), i32(0))]
    row = out[max(i32(y), i32(0))]
    n = u32(w)
    if left == 1:
        for x in range(n):
            i = n - u32(1) - u32(x)
            row[u32(x), 0] = source[i, 0]
            row[u32(x), 1] = source[i, 1]
            row[u32(x), 2] = source[i, 2]
    else:
        for x in range(n):
            row[u32(x), 0] = source[u32(x), 0]
            row[u32(x), 1] = source[u32(x), 1]
            row[u32(x), 2] = source[u32(x), 2]
