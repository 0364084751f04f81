"""A turned square of a picture as a network wants it: f32, channels last, bytes scaled; by an affine map of `warp`."""

# mypy: allow-untyped-defs
from __future__ import annotations

import math

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import kernel
from bgflow.kernels.warp import MAP, blend, fixed, outside, place, within

f32, i32 = np.float32, np.int32


@kernel(
    over="m,n", image="u8[h,w,3]", out="f32[m,n,3] out", **MAP, h="i32", w="i32", scale="f32", start="f32", black="i32",
)  # fmt: skip
def sample(y, x, image, out, a, b, c, d, e, f, h, w, scale, start, black):
    """A pixel, from the four around its place: `start` for 0, `scale` more for each level."""
    u0 = place(x, y, a, b, c)
    v0 = place(x, y, d, e, f)
    if black == 1 and (outside(u0, w) or outside(v0, h)):
        out[y, x, 0] = start
        out[y, x, 1] = start
        out[y, x, 2] = start
    else:
        u = fixed(within(u0, w))
        v = fixed(within(v0, h))
        i = max(u >> i32(8), i32(0))
        j = max(v >> i32(8), i32(0))
        right = min(i + i32(1), w - i32(1))
        below = min(j + i32(1), h - i32(1))
        u = u & i32(255)
        v = v & i32(255)
        for k in range(3):
            p = blend(image[j, i, k], image[j, right, k], image[below, i, k], image[below, right, k], u, v)
            out[y, x, k] = f32(p) * scale + start


def square(
    image: Array, out: Array, x: float, y: float, side: float, angle: float = 0.0, *, low: float = 0.0, black: bool
) -> None:
    """Fill f32[n,n,3] with the square of `side` pixels around (x, y), turned clockwise by `angle` in radians.

    Levels 0..255 become `low`..1. Outside of the picture there is black, or else its border goes on. A pixel shows the
    colour at its first corner and not at its centre: MediaPipe samples so, and its networks were trained on that.
    """
    h, w = image.shape[:2]
    step = side / out.shape[0]
    c, s = step * math.cos(angle), step * math.sin(angle)
    half = (out.shape[0] + 1) / 2  # `warp` counts from centres
    sample(
        image, out, c, -s, x - (c - s) * half + 0.5, s, c, y - (s + c) * half + 0.5, h, w, (1 - low) / 255, low,
        int(black),
    )  # fmt: skip
