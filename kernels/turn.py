"""Rows resampled on a CPU: eight at once, turned so that they lie side by side and become vector instructions.

A weighted sum along a row picks other pixels for every pixel of the result, which no vector unit likes. In columns the
same weights hold for all of them.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import function, kernel

f32 = np.float32

Scratch = Callable[[str, tuple[int, ...], Any], Array]
"""Memory that lasts from call to call, by name, shape and dtype: a stage's `ctx.scratch`."""


def fill(
    src: Array, first: Array, weight: Array, out: Array, scale: Sequence[float], shift: Sequence[float], s: Scratch
) -> None:
    """Weighted sums along the rows of `src`, f32[m,w,3], clamped to 0..255, scaled and shifted.

    `first` i32[n,1] is the first pixel under each of the result, `weight` f32[n,k] the weights from there on, k a
    multiple of 4, 0 behind the picture. `out` is f32[3,m,n], or f32[m,n,3].
    """
    m, w = src.shape[:2]
    n, taps = weight.shape
    bands = -(-m // 8)
    columns, sums = s("turned", (bands, w * 3, 8), f32), s("sums", (bands, n * 3, 8), f32)
    turn(src.reshape(m, w * 3), columns, m, w * 3)
    along(columns.reshape(bands, w, 24), first, weight, sums.reshape(bands, n, 24), w, n, taps)
    (to_planes if out.shape == (3, m, n) else to_pixels)(sums.reshape(bands, n, 3, 8), out, *scale, *shift)


@kernel(over="bands", src="f32[m,n]", out="f32[bands,n,8] out", m="i32", n="i32")
def turn(band, src, out, m, n):
    """Eight rows side by side, the last repeated if there are fewer; LLVM makes shuffles of it."""
    a = src[min(8 * band, m - 1)]
    b = src[min(8 * band + 1, m - 1)]
    c = src[min(8 * band + 2, m - 1)]
    d = src[min(8 * band + 3, m - 1)]
    e = src[min(8 * band + 4, m - 1)]
    f = src[min(8 * band + 5, m - 1)]
    g = src[min(8 * band + 6, m - 1)]
    h = src[min(8 * band + 7, m - 1)]
    to = out[band]
    for x in range(n):
        to[x, 0] = a[x]
        to[x, 1] = b[x]
        to[x, 2] = c[x]
        to[x, 3] = d[x]
        to[x, 4] = e[x]
        to[x, 5] = f[x]
        to[x, 6] = g[x]
        to[x, 7] = h[x]


@kernel(
    over="bands", src="f32[bands,w,24]", first="i32[n,1]", weight="f32[n,k]", out="f32[bands,n,24] out",
    w="i32", n="i32", taps="i32",
)  # fmt: skip
def along(band, src, first, weight, out, w, n, taps):
    """The weighted sums along eight rows of pixels, four at a time; 24 numbers are the three colours of eight."""
    pixels = src[band]
    to = out[band]
    total = np.empty(24, np.float32)
    for x in range(n):
        for i in range(24):
            total[i] = f32(0)
        for j in range(0, taps, 4):
            at = max(first[x, 0] + j, 0)
            p = pixels[min(at, w - 1)]
            q = pixels[min(at + 1, w - 1)]
            r = pixels[min(at + 2, w - 1)]
            s = pixels[min(at + 3, w - 1)]
            a = weight[x, j]
            b = weight[x, j + 1]
            c = weight[x, j + 2]
            d = weight[x, j + 3]
            for i in range(24):
                total[i] += (a * p[i] + b * q[i]) + (c * r[i] + d * s[i])
        for i in range(24):
            to[x, i] = total[i]


@function
def byte(v):
    """`v` within 0..255: a cubic overshoots at edges."""
    return min(max(v, f32(0)), f32(255))


SCALARS: dict[str, str] = {
    "r_scale": "f32", "g_scale": "f32", "b_scale": "f32", "r_shift": "f32", "g_shift": "f32", "b_shift": "f32",
}  # fmt: skip


@kernel(over="m,n", src="f32[bands,n,3,8]", out="f32[3,m,n] out", **SCALARS)
def to_planes(y, x, src, out, r_scale, g_scale, b_scale, r_shift, g_shift, b_shift):
    """Scaled and shifted into planes."""
    out[0, y, x] = byte(src[y >> 3, x, 0, y & 7]) * r_scale + r_shift
    out[1, y, x] = byte(src[y >> 3, x, 1, y & 7]) * g_scale + g_shift
    out[2, y, x] = byte(src[y >> 3, x, 2, y & 7]) * b_scale + b_shift


@kernel(over="m,n", src="f32[bands,n,3,8]", out="f32[m,n,3] out", **SCALARS)
def to_pixels(y, x, src, out, r_scale, g_scale, b_scale, r_shift, g_shift, b_shift):
    """Scaled and shifted as pixels."""
    out[y, x, 0] = byte(src[y >> 3, x, 0, y & 7]) * r_scale + r_shift
    out[y, x, 1] = byte(src[y >> 3, x, 1, y & 7]) * g_scale + g_shift
    out[y, x, 2] = byte(src[y >> 3, x, 2, y & 7]) * b_scale + b_shift
