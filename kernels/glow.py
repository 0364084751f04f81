"""Light and shadow between a subject and its new background, from a small blurred picture of both.

Light wrap: what is bright behind somebody spills over the edge (Brinkmann, "The Art and Science of Digital
Compositing", 2008). Contact shadow: where a subject ends downwards, the ground under it is dark. Both vanish a few
sigmas away from the edge.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import math

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import function, kernel
from bgflow.kernels.blur import place, smooth
from bgflow.kernels.guided import Scratch
from bgflow.kernels.over import weight

f32, i32, u8 = np.float32, np.int32, np.uint8

DARKEST = 0.85  # what the contact shadow takes from the background at most


@kernel(
    over="m,n", background="u8[h,w,3]", alpha="f32[h,w]", out="f32[m,n,4] out", k="i32", h="i32", w="i32",
)  # fmt: skip
def shrink_scene(y, x, background, alpha, out, k, h, w):
    """Averages over cells of k by k pixels: what is seen of the background (0-2), and the matte (3)."""
    r, g, b, s = f32(0), f32(0), f32(0), f32(0)
    y0, x0 = y * k, x * k
    y1, x1 = min(y0 + k, h), min(x0 + k, w)
    for j in range(y0, y1):
        for i in range(x0, x1):
            a = weight(alpha[j, i])
            r += f32(background[j, i, 0]) * (f32(1) - a)
            g += f32(background[j, i, 1]) * (f32(1) - a)
            b += f32(background[j, i, 2]) * (f32(1) - a)
            s += a
    n = f32(1) / f32((y1 - y0) * (x1 - x0))
    out[y, x, 0], out[y, x, 1], out[y, x, 2], out[y, x, 3] = r * n, g * n, b * n, s * n


@function
def sample(small, v, u, c, m, n):
    """Channel c of f32[m,n,4] between its cells."""
    j, i = i32(v), i32(u)
    j1, i1 = min(j + i32(1), m - i32(1)), min(i + i32(1), n - i32(1))
    v, u = v - f32(j), u - f32(i)
    top = small[j, i, c] + (small[j, i1, c] - small[j, i, c]) * u
    low = small[j1, i, c] + (small[j1, i1, c] - small[j1, i, c]) * u
    return top + (low - top) * v


@kernel(
    image="u8[h,w,3] inout", alpha="f32[h,w]", small="f32[m,n,4]", strength="f32", k="i32", m="i32", n="i32",
)  # fmt: skip
def screen(y, x, image, alpha, small, strength, k, m, n):
    """Lay the blurred background over the subject as light: nothing becomes darker, and nothing passes white."""
    if alpha[y, x] > f32(0):
        v, u = place(y, k, m), place(x, k, n)
        for c in range(3):
            old = i32(image[y, x, c])
            light = min(max(sample(small, v, u, c, m, n), f32(0)), f32(255)) * strength
            image[y, x, c] = u8(old + i32(f32(i32(255) - old) * light * f32(1 / 255) + f32(0.5)))


@kernel(over="m,n", small="f32[m,n,4]", out="f32[m,n] out", reach="i32", m="i32", n="i32")
def press(y, x, small, out, reach, m, n):
    """How much of a subject ends downwards at a cell, 0..1: what is above it and not below."""
    above, below = small[max(y - reach, 0), x, 3], small[min(y + reach, m - 1), x, 3]
    out[y, x] = min(max(above - below, f32(0)), f32(1)) if y + reach < m else f32(0)


@kernel(
    background="u8[h,w,3]", dark="f32[m,n]", out="u8[h,w,3] out", strength="f32", k="i32", m="i32", n="i32",
)  # fmt: skip
def darken(y, x, background, dark, out, strength, k, m, n):
    """The background with a shadow whose depth is given by cells."""
    v, u = place(y, k, m), place(x, k, n)
    j, i = i32(v), i32(u)
    j1, i1 = min(j + i32(1), m - i32(1)), min(i + i32(1), n - i32(1))
    v, u = v - f32(j), u - f32(i)
    top = dark[j, i] + (dark[j, i1] - dark[j, i]) * u
    low = dark[j1, i] + (dark[j1, i1] - dark[j1, i]) * u
    left = f32(1) - (top + (low - top) * v) * strength
    for c in range(3):
        out[y, x, c] = u8(i32(f32(background[y, x, c]) * left + f32(0.5)))


@kernel(background="u8[h,w,3]", shade="f32[h,w]", out="u8[h,w,3] out")
def dim(y, x, background, shade, out):
    """The background times the light that reaches it, 0..1."""
    s = weight(shade[y, x])
    for c in range(3):
        out[y, x, c] = u8(i32(f32(background[y, x, c]) * s + f32(0.5)))


def wrap(image: Array, alpha: Array, behind: Array, sigma: float, strength: float, scratch: Scratch) -> None:
    """Let `behind`, blurred by sigma pixels, shine over the edge of the subject in `image`, in place."""
    small, k = _blurred(alpha, behind, sigma, scratch)
    screen(image, alpha, small, strength, k, *small.shape[:2])


def ground(behind: Array, alpha: Array, out: Array, sigma: float, strength: float, scratch: Scratch) -> None:
    """Write `behind` with a shadow of about sigma pixels under the subject's lower edges; `out` may be `behind`."""
    small, k = _blurred(alpha, behind, sigma, scratch)
    m, n = small.shape[:2]
    dark = scratch("glow dark", (m, n), f32)
    press(small, dark, max(math.ceil(sigma / k), 1), m, n)
    darken(behind, dark, out, strength * DARKEST, k, m, n)


def _blurred(alpha: Array, behind: Array, sigma: float, scratch: Scratch) -> tuple[Array, int]:
    h, w = alpha.shape
    k = max(int(sigma / 2), 1)
    small = scratch("glow", (-(-h // k), -(-w // k), 4), f32)
    shrink_scene(behind, alpha, small, k, h, w)
    smooth(small, sigma / k, scratch)
    return small, k
