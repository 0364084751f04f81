"""RGB to YUV 4:2:0, both planes of two rows in one pass; the formulas and the entry points are in `yuv.py`."""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.kernel import cheap, function, kernel

u8, u16, i16, i32 = np.uint8, np.uint16, np.int16, np.int32


@function
def luma(red, green, blue, r, g, b, bias):
    """The weighted sum in whole levels. The masks change nothing, but LLVM then multiplies 16 bits, which is quick."""
    total = i32(i32(red) * (r & i32(32767))) + i32(i32(green) * (g & i32(32767))) + i32(i32(blue) * (b & i32(32767)))
    return u8(i32(i32(total) + bias) >> i32(15))


@function
def four(top, low):
    """The sum of four bytes, two in each of `top` and `low`."""
    return u16((top & u16(255)) + (top >> u16(8)) + (low & u16(255)) + (low >> u16(8)))


@function
def tint(red, green, blue, r, g, b):
    """The weighted sum of the sums of four pixels, around 128; the weights fit into 16 bits and add up to nothing."""
    total = i32(i32(red) * i32(i16(r))) + i32(i32(green) * i32(i16(g))) + i32(i32(blue) * i32(i16(b)))
    return u8(min(i32(i32(i32(total) + i32(8421376)) >> i32(16)), i32(255)))


SCALARS: dict[str, str] = {
    "height": "i32", "width": "i32", "runs": "i32", "step": "i32", "bias": "i32", "r": "i32", "g": "i32", "b": "i32",
    "ur": "i32", "ug": "i32", "ub": "i32", "vr": "i32", "vg": "i32", "vb": "i32",
}  # fmt: skip


@cheap
@kernel(over="ch,runs", image="u8[h,w,3]", y="u8[h,w] out", u="u8[ch,cw] out", v="u8[ch,cw] out", **SCALARS)
def rgb_i420(j, run, image, y, u, v, height, width, runs, step, bias, r, g, b, ur, ug, ub, vr, vg, vb):
    """Luma of two rows, and the chroma of `step` pairs of columns; a row or column that is missing repeats."""
    first = run * step
    pairs = min(first + step, (width + 1) // 2) - first
    columns = min(2 * pairs, width - 2 * first)
    planes = np.empty((6, 2 * pairs), np.uint8)
    for row in range(2):
        at = min(2 * j + row, height - 1)
        pixels = image[at, 2 * first :]
        to = y[at, 2 * first :]
        reds = planes[row]
        greens = planes[2 + row]
        blues = planes[4 + row]
        for i in range(columns):
            reds[i] = pixels[i, 0]
            greens[i] = pixels[i, 1]
            blues[i] = pixels[i, 2]
        for i in range(columns):
            to[i] = luma(reds[i], greens[i], blues[i], r, g, b, bias)
    if columns % 2 == 1:
        for n in range(6):
            planes[n, columns] = planes[n, columns - 1]
    twos = planes.view(np.uint16)
    to_u = u[j, first:]
    to_v = v[j, first:]
    for i in range(pairs):
        red = four(twos[0, i], twos[1, i])
        green = four(twos[2, i], twos[3, i])
        blue = four(twos[4, i], twos[5, i])
        to_u[i] = tint(red, green, blue, ur, ug, ub)
        to_v[i] = tint(red, green, blue, vr, vg, vb)


@cheap
@kernel(over="ch,runs", image="u8[h,w,3]", y="u8[h,w] out", uv="u8[ch,cw,2] out", **SCALARS)
def rgb_nv12(j, run, image, y, uv, height, width, runs, step, bias, r, g, b, ur, ug, ub, vr, vg, vb):
    """The same, interleaved."""
    first = run * step
    pairs = min(first + step, (width + 1) // 2) - first
    columns = min(2 * pairs, width - 2 * first)
    planes = np.empty((6, 2 * pairs), np.uint8)
    for row in range(2):
        at = min(2 * j + row, height - 1)
        pixels = image[at, 2 * first :]
        to = y[at, 2 * first :]
        reds = planes[row]
        greens = planes[2 + row]
        blues = planes[4 + row]
        for i in range(columns):
            reds[i] = pixels[i, 0]
            greens[i] = pixels[i, 1]
            blues[i] = pixels[i, 2]
        for i in range(columns):
            to[i] = luma(reds[i], greens[i], blues[i], r, g, b, bias)
    if columns % 2 == 1:
        for n in range(6):
            planes[n, columns] = planes[n, columns - 1]
    twos = planes.view(np.uint16)
    chroma = uv[j, first:]
    for i in range(pairs):
        red = four(twos[0, i], twos[1, i])
        green = four(twos[2, i], twos[3, i])
        blue = four(twos[4, i], twos[5, i])
        chroma[i, 0] = tint(red, green, blue, ur, ug, ub)
        chroma[i, 1] = tint(red, green, blue, vr, vg, vb)
