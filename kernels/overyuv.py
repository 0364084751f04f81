"""Compositing into NV12: `over.replace` and `yuv.rgb_to_nv12`, on a GPU in one pass that is equal to the bit.

There each thread mixes the four pixels under one pair of chroma, and the picture in RGB is never written. A CPU's time
goes into the arithmetic, not into memory: one pass, tried in blocks and in strips that stay in the cache, took 1.0 to
4 times as long as the two, whose loops become vector instructions.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bgflow.devices import device_of
from bgflow.frame import Array
from bgflow.kernel import kernel
from bgflow.kernels import over, yuv
from bgflow.kernels.fromrgb import luma, tint
from bgflow.kernels.over import mix, share, weight

u8, i32 = np.uint8, np.int32

Scratch = Callable[[str, tuple[int, ...], Any], Array]
"""Memory that lasts from call to call, by name, shape and dtype: a stage's `ctx.scratch`."""


def replace(
    image: Array, alpha: Array, background: Array, nv12: Array, matrix: yuv.Matrix, full: bool, scratch: Scratch
) -> None:
    """Put `image` over `background`, both u8[h,w,3], through the matte f32[h,w], into an `nv12[h,w]`."""
    h, w = alpha.shape
    y, uv = yuv.nv12_planes(nv12, h, w)
    if device_of(image).simt:
        over_blocks(image, alpha, background, y, uv, h, w, *yuv.encoding(matrix, full))
    else:
        both = scratch("composed", image.shape, u8)
        over.replace(image, alpha, background, both)
        yuv.rgb_to_nv12(both, y, uv, matrix, full)
    yuv.even_out(nv12, w)


@kernel(
    over="ch,cw", image="u8[h,w,3]", alpha="f32[h,w]", background="u8[h,w,3]", y="u8[h,w] out", uv="u8[ch,cw,2] out",
    height="i32", width="i32", bias="i32", r="i32", g="i32", b="i32",
    ur="i32", ug="i32", ub="i32", vr="i32", vg="i32", vb="i32",
)  # fmt: skip
def over_blocks(j, i, image, alpha, background, y, uv, height, width, bias, r, g, b, ur, ug, ub, vr, vg, vb):
    """Four pixels of luma and their pair of chroma; a row or column that is missing repeats its neighbour."""
    red = green = blue = i32(0)
    for n in range(4):
        v = min(2 * j + n // 2, height - 1)
        x = min(2 * i + n % 2, width - 1)
        a = share(weight(alpha[v, x]))
        p = mix(background[v, x, 0], image[v, x, 0], a)
        q = mix(background[v, x, 1], image[v, x, 1], a)
        s = mix(background[v, x, 2], image[v, x, 2], a)
        y[v, x] = luma(p, q, s, r, g, b, bias)
        red += i32(p)
        green += i32(q)
        blue += i32(s)
    uv[j, i, 0] = tint(red, green, blue, ur, ug, ub)
    uv[j, i, 1] = tint(red, green, blue, vr, vg, vb)
