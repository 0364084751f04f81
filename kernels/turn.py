"""A picture resampled on a CPU: eight rows at once, turned so that they lie side by side for vector instructions.

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

f32, i32 = np.float32, np.int32

Scratch = Callable[[str, tuple[int, ...], Any], Array]
"""Memory that lasts from call to call, by name, shape and dtype: a stage's `ctx.scratch`."""
Taps = tuple[Array, Array]
"""The first pixel under each of the result, and the weights from there on."""
STEP = i32(512)  # bytes of a row that are summed and turned at a time


def fill(
    image: Array, down: Taps, right: Taps, out: Array, scale: Sequence[float], shift: Sequence[float], s: Scratch
) -> None:
    """Weighted sums along the columns of `image`, u8[h,w,3], then along its rows, clamped to 0..255, scaled, shifted.

    `down` and `right` are the first pixel under each of the result, i32[n,1], and the weights from there on, f32[n,k],
    k a multiple of 4, 0 behind the picture. `out` is f32[3,m,n], or f32[m,n,3].
    """
    h, w = image.shape[:2]
    (m, i), (n, j) = down[1].shape, right[1].shape
    bands = -(-m // 8)
    sums = s("sums", (bands, n, 24), f32)
    resample(image.reshape(h, w * 3), *down, *right, sums, bands, h, w, m, i, n, j)
    (to_planes if out.shape == (3, m, n) else to_pixels)(sums.reshape(bands, n, 3, 8), out, *scale, *shift)


@kernel(
    over="bands", src="u8[h,c]", first_y="i32[m,1]", weight_y="f32[m,k]", first_x="i32[n,1]", weight_x="f32[n,l]",
    out="f32[bands,n,24] out", bands="i32", h="i32", w="i32", m="i32", i="i32", n="i32", j="i32",
)  # fmt: skip
def resample(band, src, first_y, weight_y, first_x, weight_x, out, bands, h, w, m, i, n, j):
    """Eight rows of the result, the last repeated if there are fewer; 24 numbers are the three colours of eight.

    What lies between the two sums stays in the cache: a part of the rows at a time is summed down and turned, which
    LLVM makes shuffles of. Then four pixels at a time are summed across.
    """
    part = np.empty((8, STEP), np.float32)
    turned = np.empty((3 * w, 8), np.float32)
    for x0 in range(0, 3 * w, STEP):
        count = min(3 * w - x0, STEP)
        x1 = x0 + count
        for z in range(8):
            y = min(8 * band + z, m - 1)
            to = part[z]
            for tap in range(0, i, 4):
                at = first_y[y, 0] + tap
                p = src[min(at, h - 1), x0:x1]  # slices, because numba vectorises no index that could be negative
                q = src[min(at + 1, h - 1), x0:x1]
                r = src[min(at + 2, h - 1), x0:x1]
                s = src[min(at + 3, h - 1), x0:x1]
                a = weight_y[y, tap]
                b = weight_y[y, tap + 1]
                c = weight_y[y, tap + 2]
                d = weight_y[y, tap + 3]
                if tap == 0:
                    for x in range(count):
                        to[x] = (a * f32(p[x]) + b * f32(q[x])) + (c * f32(r[x]) + d * f32(s[x]))
                else:
                    for x in range(count):
                        to[x] += (a * f32(p[x]) + b * f32(q[x])) + (c * f32(r[x]) + d * f32(s[x]))
        side = turned[x0:x1]
        for x in range(count):
            side[x, 0] = part[0, x]
            side[x, 1] = part[1, x]
            side[x, 2] = part[2, x]
            side[x, 3] = part[3, x]
            side[x, 4] = part[4, x]
            side[x, 5] = part[5, x]
            side[x, 6] = part[6, x]
            side[x, 7] = part[7, x]
    pixels = turned.reshape(w, 24)
    made = out[band]
    total = np.empty(24, np.float32)
    for x in range(n):
        for tap in range(0, j, 4):
            at = max(first_x[x, 0] + tap, 0)
            p = pixels[min(at, w - 1)]
            q = pixels[min(at + 1, w - 1)]
            r = pixels[min(at + 2, w - 1)]
            s = pixels[min(at + 3, w - 1)]
            a = weight_x[x, tap]
            b = weight_x[x, tap + 1]
            c = weight_x[x, tap + 2]
            d = weight_x[x, tap + 3]
            if tap == 0:
                for z in range(24):
                    total[z] = (a * p[z] + b * q[z]) + (c * r[z] + d * s[z])
            else:
                for z in range(24):
                    total[z] += (a * p[z] + b * q[z]) + (c * r[z] + d * s[z])
        for z in range(24):
            made[x, z] = total[z]


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
