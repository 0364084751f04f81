"""Take the noise of a sensor out of a picture and leave its edges.

A bilateral filter (Tomasi and Manduchi, Bilateral filtering for gray and color images, ICCV 1998) over 3x3 pixels, with
Tukey's biweight for the difference of colour instead of a Gaussian: a neighbour that differs by more than the reach
has no weight at all, so an edge is not even slightly washed out, and no exponential is needed.
"""

from __future__ import annotations

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import function, kernel

f32, i32, u8 = np.float32, np.int32, np.uint8

REACH = 6.0
"""Noise levels at which two colours count as different; two noisy pixels of one colour lie sqrt(6) apart in RGB."""


def denoise(image: Array, out: Array, noise: float) -> None:
    """Smooth `u8[h,w,3]` into `out`; `noise` is its standard deviation in levels of 0..255, above 0.

    The outermost row and column on each side stay as they are.
    """
    h, w = image.shape[:2]
    for border in (np.s_[:1], np.s_[-1:], np.s_[:, :1], np.s_[:, -1:]):
        out[border] = image[border]
    if h > 2 and w > 2:
        bilateral(image, out, h - 2, w - 2, 1 / (REACH * noise) ** 2)


@function
def weight(dr, dg, db, precision):  # type: ignore[no-untyped-def]
    """Tukey's biweight of a difference of colour: 1 at none, 0 from the reach on."""
    near = f32(1) - (dr * dr + dg * dg + db * db) * precision
    near = (near + abs(near)) * f32(0.5)  # 0 where negative, without a branch
    return near * near


@kernel(over="rows,cols", image="u8[h,w,3]", out="u8[h,w,3] out", rows="i32", cols="i32", precision="f32")
def bilateral(y, x, image, out, rows, cols, precision):  # type: ignore[no-untyped-def]
    """The mean over the square whose first pixel is (y, x), weighted by likeness to its middle."""
    r0 = f32(image[y + 1, x + 1, 0])
    g0 = f32(image[y + 1, x + 1, 1])
    b0 = f32(image[y + 1, x + 1, 2])
    r = f32(0)
    g = f32(0)
    b = f32(0)
    total = f32(0)
    for dy in range(3):
        for dx in range(3):
            r1 = f32(image[y + dy, x + dx, 0])
            g1 = f32(image[y + dy, x + dx, 1])
            b1 = f32(image[y + dy, x + dx, 2])
            w = weight(r1 - r0, g1 - g0, b1 - b0, precision)
            r += w * r1
            g += w * g1
            b += w * b1
            total += w
    out[y + 1, x + 1, 0] = u8(i32(r / total + f32(0.5)))
    out[y + 1, x + 1, 1] = u8(i32(g / total + f32(0.5)))
    out[y + 1, x + 1, 2] = u8(i32(b / total + f32(0.5)))
