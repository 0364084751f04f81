"""Pictures, labels and mattes moved by an affine map, when the camera has moved a little.

A map is six numbers: the pixel whose centre is at (x, y) of the result shows what is at (a x + b y + c, d x + e y + f)
of the source, in pixels from the top left corner of the picture; a pixel's own centre is half a pixel from its corner.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

from typing import Any

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import function, kernel
from bgflow.kernels.tiles import first, spans

f32, i32, u8 = np.float32, np.int32, np.uint8

Map = tuple[float, float, float, float, float, float]
MAP = dict.fromkeys("abcdef", "f32")


@function
def place(x, y, across, down, start):
    """Where the source's pixel is, counted from the centre of the first one."""
    return across * (f32(x) + f32(0.5)) + down * (f32(y) + f32(0.5)) + (start - f32(0.5))


@function
def within(v, n):
    """A place forced into a picture of n pixels."""
    return min(max(v, f32(0)), f32(n - 1))


@function
def outside(v, n):
    """Whether no pixel of n lies at a place."""
    return v < f32(-0.5) or v > f32(n) - f32(0.5)


@function
def fixed(v):
    """A place that is not negative in units of 1/256 pixel, so that colours are mixed in integers."""
    return i32(v * f32(256) + f32(0.5))


@function
def blend(p, q, r, s, u, v):
    """Four neighbours as one byte, at u/256 of the way to the right and v/256 down."""
    upper = i32(p) * i32(256) + (i32(q) - i32(p)) * u
    lower = i32(r) * i32(256) + (i32(s) - i32(r)) * u
    return u8((upper * i32(256) + (lower - upper) * v + i32(32768)) >> i32(16))


@kernel(
    over="h,spans", image="u8[h,w,3]", out="u8[h,w,3] out", spans="i32", span="i32", c="f32", f="f32", h="i32", w="i32",
)  # fmt: skip
def shift_picture(y, s, image, out, spans, span, c, f, h, w):
    """A span of the picture moved by (c, f): all of it lies alike between the source's pixels."""
    start = first(s, span)
    n = min(span, w - start)
    u0 = f32(start) + c
    u = fixed(max(u0, f32(0)))
    v = fixed(within(f32(y) + f, h))
    j = max(v >> i32(8), i32(0))
    upper = image[j]
    lower = image[min(j + 1, h - 1)]
    made = out[y, start : start + n]
    if u0 >= f32(0) and u0 + f32(n) < f32(w) - f32(0.01):  # rounded up, its last pixel must still be there
        i = max(u >> i32(8), i32(0))
        p = upper[i : i + n + 1]
        q = lower[i : i + n + 1]
        for x in range(n):
            for k in range(3):
                made[x, k] = blend(p[x, k], p[x + 1, k], q[x, k], q[x + 1, k], u & i32(255), v & i32(255))
    else:
        for x in range(n):
            u = fixed(within(u0 + f32(x), w))
            i = max(u >> i32(8), i32(0))
            e = min(i + 1, w - 1)
            for k in range(3):
                made[x, k] = blend(upper[i, k], upper[e, k], lower[i, k], lower[e, k], u & i32(255), v & i32(255))


@kernel(image="u8[h,w,3]", out="u8[h,w,3] out", **MAP, h="i32", w="i32")
def move_picture(y, x, image, out, a, b, c, d, e, f, h, w):
    """The picture at its new place; its border goes on beyond the picture."""
    u = fixed(within(place(x, y, a, b, c), w))
    v = fixed(within(place(x, y, d, e, f), h))
    i = max(u >> i32(8), i32(0))
    j = max(v >> i32(8), i32(0))
    right = min(i + i32(1), w - i32(1))
    below = min(j + i32(1), h - i32(1))
    u = u & i32(255)
    v = v & i32(255)
    for k in range(3):
        out[y, x, k] = blend(image[j, i, k], image[j, right, k], image[below, i, k], image[below, right, k], u, v)


@kernel(
    over="h,spans", beyond="u8[h,w,3]", out="u8[h,w,3] inout", spans="i32", span="i32", **MAP, h="i32", w="i32",
)  # fmt: skip
def reveal(y, s, beyond, out, spans, span, a, b, c, d, e, f, h, w):
    """Put `beyond` where the picture shows nothing."""
    start = first(s, span)
    end = min(start + span, w)
    last = end - 1  # the map is straight, so that a span with both ends in the picture lies in it
    some = outside(place(start, y, a, b, c), w) or outside(place(start, y, d, e, f), h)
    if some or outside(place(last, y, a, b, c), w) or outside(place(last, y, d, e, f), h):
        for x in range(start, end):
            if outside(place(x, y, a, b, c), w) or outside(place(x, y, d, e, f), h):
                for k in range(3):
                    out[y, x, k] = beyond[y, x, k]


@kernel(matte="f32[h,w]", out="f32[h,w] out", **MAP, h="i32", w="i32")
def move_matte(y, x, matte, out, a, b, c, d, e, f, h, w):
    """The matte at its new place, by linear interpolation; its border goes on beyond the picture."""
    u = within(place(x, y, a, b, c), w)
    v = within(place(x, y, d, e, f), h)
    i = max(i32(u), i32(0))
    j = max(i32(v), i32(0))
    right = min(i + 1, w - 1)
    below = min(j + 1, h - 1)
    upper = matte[j, i] + (matte[j, right] - matte[j, i]) * (u - f32(i))
    lower = matte[below, i] + (matte[below, right] - matte[below, i]) * (u - f32(i))
    out[y, x] = upper + (lower - upper) * (v - f32(j))


@kernel(label="u8[h,w]", out="u8[h,w] out", **MAP, h="i32", w="i32")
def move_label(y, x, label, out, a, b, c, d, e, f, h, w):
    """The label at its new place, from the nearest pixel; its border goes on beyond the picture."""
    i = max(i32(within(place(x, y, a, b, c), w) + f32(0.5)), i32(0))
    j = max(i32(within(place(x, y, d, e, f), h) + f32(0.5)), i32(0))
    out[y, x] = label[j, i]


def six(matrix: np.ndarray[Any, Any]) -> Map:
    """The map of a matrix [3,3] that takes (x, y, 1)."""
    a, b, c, d, e, f = map(float, matrix[:2].ravel())
    return a, b, c, d, e, f


def picture(image: Array, beyond: Array, out: Array, where: Map) -> None:
    """Move a picture u8[h,w,3] by linear interpolation; `beyond` shows what the picture does not."""
    h, w = out.shape[:2]
    if (*where[:2], *where[3:5]) == (1, 0, 0, 1):
        shift_picture(image, out, *spans(image), where[2], where[5], h, w)
    else:
        move_picture(image, out, *where, h, w)
    reveal(beyond, out, *spans(image), *where, h, w)


def matte(source: Array, out: Array, where: Map) -> None:
    """Move a matte f32[h,w]."""
    move_matte(source, out, *where, *out.shape)


def label(source: Array, out: Array, where: Map) -> None:
    """Move a label u8[h,w]."""
    move_label(source, out, *where, *out.shape)
