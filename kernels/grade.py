"""Give a subject the colours of the place it is put into, by mean and spread (Reinhard et al., "Color Transfer between
Images", IEEE CG&A 21, 2001).

Colours are taken apart into brightness, red-blue and green-magenta (Ohta, Kanade and Sakai, 1980), three axes along
which the colours of photographs hardly depend on each other, as in Reinhard's space, but without logarithms: bytes are
coded evenly to the eye already. Statistics stay on the device and follow the scene slowly, so that nothing flickers.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import function, kernel
from bgflow.kernels.guided import Scratch
from bgflow.kernels.over import weight

f32, i32, u8 = np.float32, np.int32, np.uint8

STEP = 4  # of the pixels along each axis, one in so many is looked at
MOST = f32(2.0)  # how much the spread may grow, or shrink: a flat wall behind must not make a face flat
CALM = f32(4.0)  # variance, in levels of 255, that is added to both spreads: noise is not to be matched


@function
def apart(r, g, b):
    """Brightness, red-blue and green-magenta."""
    return (r + g + b) * f32(1 / 3), (r - b) * f32(0.5), (f32(2) * g - r - b) * f32(0.25)


@kernel(
    over="m", image="u8[h,w,3]", alpha="f32[h,w]", sums="f32[m,7] out", whole="f32", h="i32", w="i32",
)  # fmt: skip
def tally(row, image, alpha, sums, whole, h, w):
    """Of each fourth row: the weight, the sums of the three axes, and of their squares.

    A pixel weighs its alpha, or, when `whole` is 1, as much as any other.
    """
    n, a1, a2, a3, q1, q2, q3 = f32(0), f32(0), f32(0), f32(0), f32(0), f32(0), f32(0)
    y = min(row * STEP, h - 1)
    for x in range(0, w, STEP):
        s = max(weight(alpha[y, x]), whole)
        i1, i2, i3 = apart(f32(image[y, x, 0]), f32(image[y, x, 1]), f32(image[y, x, 2]))
        n += s
        a1 += i1 * s
        a2 += i2 * s
        a3 += i3 * s
        q1 += i1 * i1 * s
        q2 += i2 * i2 * s
        q3 += i3 * i3 * s
    sums[row, 0], sums[row, 1], sums[row, 2], sums[row, 3] = n, a1, a2, a3
    sums[row, 4], sums[row, 5], sums[row, 6] = q1, q2, q3


@kernel(over="one", sums="f32[m,7]", stats="f32[6] inout", rate="f32", m="i32", one="i32")
def settle(_, sums, stats, rate, m, one):
    """Move the three means and spreads towards this frame's, by `rate`; a frame with hardly any weight is left out."""
    n = f32(0)
    for y in range(m):
        n += sums[y, 0]
    if n >= f32(1):
        for c in range(3):
            mean = f32(0)
            square = f32(0)
            for y in range(m):
                mean += sums[y, 1 + c]
                square += sums[y, 4 + c]
            mean /= n
            spread = np.sqrt(max(square / n - mean * mean, f32(0)) + CALM)
            stats[c] += (mean - stats[c]) * rate
            stats[3 + c] += (spread - stats[3 + c]) * rate


@function
def moved(v, c, own, there):
    """A value along one axis with the mean and the spread of the other place."""
    ratio = there[3 + c] / max(own[3 + c], f32(1))
    return (v - own[c]) * min(max(ratio, f32(1) / MOST), MOST) + there[c]


@function
def toned(old, new, strength):
    """A byte on its way from old to new."""
    return u8(i32(f32(old) + (min(max(new, f32(0)), f32(255)) - f32(old)) * strength + f32(0.5)))


@kernel(image="u8[h,w,3] inout", alpha="f32[h,w]", own="f32[6]", there="f32[6]", strength="f32")
def tone(y, x, image, alpha, own, there, strength):
    """Bring the subject's colours to the statistics of its new place; what is no subject stays."""
    if alpha[y, x] > f32(0):
        i1, i2, i3 = apart(f32(image[y, x, 0]), f32(image[y, x, 1]), f32(image[y, x, 2]))
        i1, i2, i3 = moved(i1, 0, own, there), moved(i2, 1, own, there), moved(i3, 2, own, there)
        base = i1 - i3 * f32(2 / 3)
        image[y, x, 0] = toned(image[y, x, 0], base + i2, strength)
        image[y, x, 1] = toned(image[y, x, 1], i1 + i3 * f32(4 / 3), strength)
        image[y, x, 2] = toned(image[y, x, 2], base - i2, strength)


def match(image: Array, alpha: Array, behind: Array, strength: float, rate: float, scratch: Scratch) -> None:
    """Change `image` u8[h,w,3] in place so that its subject fits `behind` u8[h,w,3]; strength 0..1.

    `rate` is how far the statistics follow this frame: 1 at the first frame of a scene.
    """
    h, w = alpha.shape
    rows = -(-h // STEP)
    sums = scratch("grade sums", (rows, 7), f32)
    own, there = (scratch(f"grade {name}", (6,), f32) for name in ("own", "there"))
    for picture, stats, whole in ((image, own, 0.0), (behind, there, 1.0)):
        if rate >= 1:
            stats.fill(0)
        tally(picture, alpha, sums, whole, h, w)
        settle(sums, stats, rate, rows, 1)
    tone(image, alpha, own, there, strength)
