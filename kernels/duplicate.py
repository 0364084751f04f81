"""Copies of the subject laid over a picture: mirrored, moved, scaled, before or behind the subject itself.

A subject is a layer u8[h,w,4] of colours multiplied by alpha (`over.premultiply`), so that it may be interpolated and
nothing dark or of its old background comes in at its edge (Porter and Duff, "Compositing Digital Images", 1984). What
a layer leaves out costs a look at its alpha and no more.

For copies behind the subject let the scene S be the plate where the subject's matte a is above 0 and the picture
elsewhere, and C the copies over that scene. The picture is a F + (1 - a) S; with the copies it has to be
a F + (1 - a) C, which is the picture + (1 - a) (C - S): the subject's own colours F need not be known, and where there
is no copy the picture stays as it is, to the bit.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import function, kernel
from bgflow.kernels.over import mix, part, share, weight
from bgflow.kernels.tiles import first, spans

f32, i32, u8 = np.float32, np.int32, np.uint8


class Place(NamedTuple):
    """Where a copy stands: mirrored at the picture's middle, then `shift` pixels to the right.

    `scale` is about the middle of the picture's bottom line, on which whoever is cut by it goes on to stand.
    """

    mirrored: bool = False
    shift: int = 0
    scale: float = 1.0


@function
def over(back, front, a):
    """A byte multiplied by the alpha byte a over another; the same rounding as `over.over_premultiplied`."""
    return u8(min(i32(front) + i32(back) - part(back, a), i32(255)))


@function
def between(p, q, r, s, u, v):
    """Four neighbours as one byte, at u/256 of the way to the right and v/256 down."""
    upper = i32(p) * i32(256) + (i32(q) - i32(p)) * u
    lower = i32(r) * i32(256) + (i32(s) - i32(r)) * u
    return (upper * i32(256) + (lower - upper) * v + i32(32768)) >> i32(16)


@kernel(
    over="h,spans", layer="u8[h,w,4]", out="u8[h,n,3] inout",
    spans="i32", span="i32", start="i32", step="i32", n="i32",
)  # fmt: skip
def lay(y, s, layer, out, spans, span, start, step, n):
    """A span of a layer over a picture: column x of the picture shows column start + step * x of the layer.

    A span in which there is nothing is looked at and left. Else all of it is mixed, because that loop takes vectors;
    backwards it does not, and goes by the pixel.
    """
    left = first(s, span)
    m = min(span, n - left)
    one = start + step * left
    low = max(min(one, one + step * (m - 1)), i32(0))
    row = layer[y, low : low + m]
    there = i32(0)
    for x in range(m):
        there |= i32(row[x, 3])
    if there > i32(0):
        made = out[y, left : left + m]
        if step > i32(0):
            for x in range(m):
                for c in range(3):
                    made[x, c] = over(made[x, c], row[x, c], row[x, 3])
        else:
            for x in range(m):
                i = max(m - i32(1) - i32(x), i32(0))
                if row[i, 3] > u8(0):
                    for c in range(3):
                        made[x, c] = over(made[x, c], row[i, c], row[i, 3])


@kernel(
    over="m,n", layer="u8[h,w,4]", out="u8[m,n,3] inout", across="f32", left="f32", down="f32", top="f32",
    h="i32", w="i32",
)  # fmt: skip
def lay_scaled(y, x, layer, out, across, left, down, top, h, w):
    """The same, scaled: pixel (x, y) shows what is at (across x + left, down y + top), by linear interpolation."""
    u = i32(min(max(across * f32(x) + left, f32(0)), f32(w - 1)) * f32(256) + f32(0.5))
    v = i32(min(max(down * f32(y) + top, f32(0)), f32(h - 1)) * f32(256) + f32(0.5))
    i = max(u >> i32(8), i32(0))
    j = max(v >> i32(8), i32(0))
    e = min(i + i32(1), w - i32(1))
    f = min(j + i32(1), h - i32(1))
    u = u & i32(255)
    v = v & i32(255)
    if i32(layer[j, i, 3]) + i32(layer[j, e, 3]) + i32(layer[f, i, 3]) + i32(layer[f, e, 3]) > i32(0):
        a = between(layer[j, i, 3], layer[j, e, 3], layer[f, i, 3], layer[f, e, 3], u, v)
        for c in range(3):
            front = between(layer[j, i, c], layer[j, e, c], layer[f, i, c], layer[f, e, c], u, v)
            out[y, x, c] = over(out[y, x, c], front, a)


@kernel(alpha="f32[h,w]", mean="f32[h,w]", out="f32[h,w] out")
def narrow(y, x, alpha, mean, out):
    """A matte with a soft edge inside its own: 0 where the mean around a pixel is a half, and never above alpha."""
    out[y, x] = min(weight(alpha[y, x]), weight(f32(2) * mean[y, x] - f32(1)))


@function
def taken(a):
    """How much of a pixel of alpha a is told by the plate: all from an eighth on, nothing at 0."""
    return weight(f32(8) * a)


@kernel(image="u8[h,w,3]", alpha="f32[h,w]", plate="u8[h,w,3]", out="u8[h,w,3] out")
def vacate(y, x, image, alpha, plate, out):
    """The scene without its subject: the plate where it is, the picture elsewhere."""
    a = share(taken(alpha[y, x]))
    for c in range(3):
        out[y, x, c] = mix(image[y, x, c], plate[y, x, c], a)


@kernel(image="u8[h,w,3]", alpha="f32[h,w]", plate="u8[h,w,3]", out="u8[h,w,3] inout")
def uncover(y, x, image, alpha, plate, out):
    """The subject again before copies that were laid over its scene, which `vacate` made."""
    rest = i32(4194304) - share(weight(alpha[y, x]))
    a = share(taken(alpha[y, x]))
    for c in range(3):
        scene = mix(image[y, x, c], plate[y, x, c], a)
        more = ((i32(out[y, x, c]) - i32(scene)) * rest + i32(2097152)) >> i32(22)
        out[y, x, c] = u8(min(max(i32(image[y, x, c]) + more, i32(0)), i32(255)))


def copy(layer: Array, out: Array, place: Place) -> None:
    """Lay a subject's layer u8[h,w,4] over a picture u8[h,w,3] at its place; what lies outside is cut off."""
    h, w = out.shape[:2]
    mirrored, shift, scale = place
    if scale == 1:
        left, right = max(shift, 0), min(w + shift, w)
        if left < right:
            step = -1 if mirrored else 1
            start = (w - 1 + shift if mirrored else -shift) + step * left
            lay(layer, out[:, left:right], *spans(out[:, left:right]), start, step, right - left)
        return
    across, down = (-1 if mirrored else 1) / scale, 1 / scale
    middle = w / 2 + shift
    left, right = max(math.ceil(middle - w / 2 * scale), 0), min(math.floor(middle + w / 2 * scale), w)
    top = max(math.ceil(h - h * scale), 0)
    if left < right and top < h:
        lay_scaled(
            layer, out[top:, left:right], across, w / 2 + (left + 0.5 - middle) * across - 0.5,
            down, h + (top + 0.5 - h) * down - 0.5, h, w,
        )  # fmt: skip
