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
from bgflow.kernels.over import mix, share, weight
from bgflow.kernels.yuv import byte

f32, u8 = np.float32, np.uint8

Scratch = Callable[[str, tuple[int, ...], Any], Array]
"""Memory that lasts from call to call, by name, shape and dtype: a stage's `ctx.scratch`."""


def replace(
    image: Array, alpha: Array, background: Array, nv12: Array, matrix: yuv.Matrix, full: bool, scratch: Scratch
) -> None:
    """Put `image` over `background`, both u8[h,w,3], through the matte f32[h,w], into an `nv12[h,w]`."""
    h, w = alpha.shape
    y, uv = yuv.nv12_planes(nv12, h, w)
    if device_of(image).simt:
        to_luma, to_chroma = yuv.encoding(matrix, full)
        over_blocks(image, alpha, background, y, uv, h, w, *to_luma, *to_chroma)
    else:
        both = scratch("composed", image.shape, u8)
        over.replace(image, alpha, background, both)
        yuv.rgb_to_nv12(both, y, uv, matrix, full)
    yuv.even_out(nv12, w)


@kernel(
    over="ch,cw", image="u8[h,w,3]", alpha="f32[h,w]", background="u8[h,w,3]", y="u8[h,w] out", uv="u8[ch,cw,2] out",
    height="i32", width="i32", black="f32", r="f32", g="f32", b="f32",
    ur="f32", ug="f32", ub="f32", vr="f32", vg="f32", vb="f32",
)  # fmt: skip
def over_blocks(j, i, image, alpha, background, y, uv, height, width, black, r, g, b, ur, ug, ub, vr, vg, vb):
    """Four pixels of luma and their pair of chroma; a row or column that is missing repeats its neighbour."""
    red = green = blue = f32(0)
    for n in range(4):
        v = min(2 * j + n // 2, height - 1)
        x = min(2 * i + n % 2, width - 1)
        a = share(weight(alpha[v, x]))
        p = f32(mix(background[v, x, 0], image[v, x, 0], a))
        q = f32(mix(background[v, x, 1], image[v, x, 1], a))
        s = f32(mix(background[v, x, 2], image[v, x, 2], a))
        y[v, x] = byte(black + r * p + g * q + b * s)
        red += p
        green += q
        blue += s
    uv[j, i, 0] = byte(ur * red + ug * green + ub * blue + f32(128))
    uv[j, i, 1] = byte(vr * red + vg * green + vb * blue + f32(128))
