"""Linear interpolation between the four neighbours: colours in integers, the same to the bit on every device.

Weights have 15 bits and what lies between two rows 6 bits behind the point, so that colours are within 1/20 of a level
of the exact ones before they are rounded, and a CPU can work in 16 bits: `(d << 7) * weight >> 16` of 16-bit numbers is
one instruction (pmulhw).
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.devices import device_of
from bgflow.frame import Array
from bgflow.kernel import function, kernel

f32, i32, i16, u32, u8 = np.float32, np.int32, np.int16, np.uint32, np.uint8

BAND = i32(16)  # rows of the result that share what is the same in each of them
SPARSE = 6  # times narrower; then most of a row's pixels count for nothing, and `pixels` is quicker on a CPU too


def colour(src: Array, out: Array, height: int, width: int, sy: float, sx: float) -> None:
    """Fill `out`, u8[oh,ow,3], from `src`, u8[h,w,3], of which one pixel of `out` spans `sy` by `sx`."""
    if device_of(src).simt or width > SPARSE * out.shape[1]:
        pixels(src, out, height, width, sy, sx)
        return
    oh, ow = out.shape[:2]
    rows(src.reshape(height, 3 * width), out, height, width, sy, sx, oh, ow, -(-oh // int(BAND)))


@function
def place(y, scale, limit):
    """Where the centre of pixel `y` lies between the centres of the source's pixels."""
    return min(max((f32(y) + f32(0.5)) * scale - f32(0.5), f32(0)), f32(limit - 1))


@function
def weight(v, j):
    """How far `v` is from `j` to `j` + 1, in parts of 2^15; never all of them."""
    return i32((v - f32(j)) * f32(32768))


@function
def down(a, b, t):
    """From byte `a` at t = 0 to byte `b` at t = 2^15, in parts of 1/64."""
    return (a << 6) + (((b - a) << 7) * t >> 16)


@function
def across(p, q, t):
    """From `p` to `q`, both in parts of 1/64, as a byte."""
    return u8((p + (((q - p) << 1) * t >> 16) + 32) >> 6)


@function
def between(a, b, t):
    """From `a` at t = 0 to `b` at t = 1."""
    return f32(a) * (f32(1) - t) + f32(b) * t


POINT = {"height": "i32", "width": "i32", "sy": "f32", "sx": "f32"}


@kernel(over="oh,ow", src="f32[h,w]", out="f32[oh,ow] out", **POINT, least="f32", most="f32")
def numbers(y, x, src, out, height, width, sy, sx, least, most):
    """Between four numbers, clamped."""
    v = place(y, sy, height)
    u = place(x, sx, width)
    j = i32(v)
    i = i32(u)
    below = min(j + 1, height - 1)
    right = min(i + 1, width - 1)
    upper = between(src[j, i], src[j, right], u - f32(i))
    lower = between(src[below, i], src[below, right], u - f32(i))
    out[y, x] = min(max(between(upper, lower, v - f32(j)), least), most)


@kernel(over="oh,ow", src="u8[h,w,3]", out="u8[oh,ow,3] out", **POINT)
def pixels(y, x, src, out, height, width, sy, sx):
    """Between four colours: first down, then across."""
    v = place(y, sy, height)
    u = place(x, sx, width)
    j = i32(v)
    i = i32(u)
    below = min(j + 1, height - 1)
    right = min(i + 1, width - 1)
    for c in range(3):
        p = down(i32(src[j, i, c]), i32(src[below, i, c]), weight(v, j))
        q = down(i32(src[j, right, c]), i32(src[below, right, c]), weight(v, j))
        out[y, x, c] = across(p, q, weight(u, i))


@kernel(over="bands", src="u8[h,n]", out="u8[oh,ow,3] out", **POINT, oh="i32", ow="i32", bands="i32")
def rows(band, src, out, height, width, sy, sx, oh, ow, bands):
    """`pixels` for a band of rows, on a CPU; equal to the bit.

    Bytes of two whole rows are mixed first. Then the pixels left and right of each of the result are fetched as four
    16-bit numbers, a load and a store each, of which the fourth is nobody's, and all are mixed at once. The weight of
    a row is an array nevertheless: only of what it loads does LLVM know that it has 16 bits.
    """
    at = np.empty(ow, np.uint32)  # unsigned: numba then asks of no index whether it counts from the end
    wx = np.empty((ow, 4), np.int16)
    wy = np.empty(3 * width, np.int16)
    mixed = np.zeros(3 * width + 4, np.int16)
    left = np.empty((ow, 4), np.int16)
    right = np.empty((ow, 4), np.int16)
    made = np.empty((ow, 4), np.uint8)
    p = left.reshape(4 * ow)
    q = right.reshape(4 * ow)
    t = wx.reshape(4 * ow)
    flat = made.reshape(4 * ow)
    for x in range(ow):
        u = place(x, sx, width)
        at[x] = u32(3 * i32(u))
        for c in range(4):
            wx[x, c] = i16(weight(u, i32(u)))
    for y in range(band * BAND, min(band * BAND + BAND, oh)):
        v = place(y, sy, height)
        j = max(i32(v), i32(0))
        upper = src[j]
        lower = src[min(j + 1, height - 1)]
        share = i16(weight(v, j))
        for x in range(3 * width):
            wy[x] = share
        for x in range(3 * width):
            a = i16(upper[x])
            d = i16(i16(i16(lower[x]) - a) << 7)
            mixed[x] = i16(i16(a << 6) + i16(i32(i32(d) * i32(wy[x])) >> 16))
        mixed[3 * width] = mixed[3 * width - 3]
        mixed[3 * width + 1] = mixed[3 * width - 2]
        mixed[3 * width + 2] = mixed[3 * width - 1]
        for x in range(ow):
            i = at[x]
            a = mixed[i]
            b = mixed[i + u32(1)]
            c = mixed[i + u32(2)]
            d = mixed[i + u32(3)]
            left[x, 0] = a
            left[x, 1] = b
            left[x, 2] = c
            left[x, 3] = d
            a = mixed[i + u32(3)]  # again, or LLVM sees no four in a row
            b = mixed[i + u32(4)]
            c = mixed[i + u32(5)]
            d = mixed[i + u32(6)]
            right[x, 0] = a
            right[x, 1] = b
            right[x, 2] = c
            right[x, 3] = d
        for x in range(4 * ow):
            d = i16(i16(q[x] - p[x]) << 1)
            flat[x] = u8(i16(i16(p[x] + i16(i32(i32(d) * i32(t[x])) >> 16)) + i16(32)) >> 6)
        to = out[max(y, 0)]
        for x in range(ow):
            to[x, 0] = made[x, 0]
            to[x, 1] = made[x, 1]
            to[x, 2] = made[x, 2]
