"""Blur of a whole picture or of its background alone; the cost does not depend on the radius.

The background is blurred by normalised convolution (Knutsson and Westin, CVPR 1993): colours are weighted by how surely
they are background, blurred, and divided by the blurred weights, so that nothing of the subject enters. It happens on
a picture shrunk until sigma is hardly two pixels: a blurred picture has no detail to lose. Where the Gaussian
reaches no background at all, ever coarser averages fill the hole (push-pull; Gortler et al., "The Lumigraph", SIGGRAPH
1996).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from bgflow.devices import device_of
from bgflow.frame import Array
from bgflow.kernel import function, kernel
from bgflow.kernels import cells
from bgflow.kernels.cells import clear
from bgflow.kernels.over import weight

f32, i32, u8, u16 = np.float32, np.int32, np.uint8, np.uint16

POOL = 16  # how many pixels of one level make a pixel of the next coarser one, along each axis
FAINT = 1e-3  # the weight of a coarser level beside a finer one: it shows only where the finer has next to nothing

Scratch = Callable[[str, tuple[int, ...], Any], Array]
"""Memory that lasts from call to call, by name, shape and dtype: a stage's `ctx.scratch`."""


@function
def place(i, k, n):  # type: ignore[no-untyped-def]
    """Where pixel `i` lies among `n` cells of `k` pixels, measured between their centres."""
    return min(max((f32(i) + f32(0.5)) / f32(k) - f32(0.5), f32(0)), f32(n - i32(1)))


@kernel(over="m,n", image="u8[h,w,3]", alpha="f32[h,w]", out="f32[m,n,4] out", k="i32", h="i32", w="i32")
def shrink_background(y, x, image, alpha, out, k, h, w):  # type: ignore[no-untyped-def]
    """Colours times weight, and the weight, averaged over cells of k by k pixels."""
    r, g, b, s = f32(0), f32(0), f32(0), f32(0)
    y0, x0 = y * k, x * k
    y1, x1 = min(y0 + k, h), min(x0 + k, w)
    for j in range(y0, y1):
        for i in range(x0, x1):
            a = clear(weight(alpha[j, i]))
            r += f32(image[j, i, 0]) * a
            g += f32(image[j, i, 1]) * a
            b += f32(image[j, i, 2]) * a
            s += a
    n = f32(1) / f32((y1 - y0) * (x1 - x0))
    out[y, x, 0] = r * n
    out[y, x, 1] = g * n
    out[y, x, 2] = b * n
    out[y, x, 3] = s * n


@kernel(over="m,n", image="u8[h,w,3]", out="f32[m,n,4] out", k="i32", h="i32", w="i32")
def shrink_picture(y, x, image, out, k, h, w):  # type: ignore[no-untyped-def]
    """The same with every weight 1."""
    r, g, b = f32(0), f32(0), f32(0)
    y0, x0 = y * k, x * k
    y1, x1 = min(y0 + k, h), min(x0 + k, w)
    for j in range(y0, y1):
        for i in range(x0, x1):
            r += f32(image[j, i, 0])
            g += f32(image[j, i, 1])
            b += f32(image[j, i, 2])
    n = f32(1) / f32((y1 - y0) * (x1 - x0))
    out[y, x, 0] = r * n
    out[y, x, 1] = g * n
    out[y, x, 2] = b * n
    out[y, x, 3] = f32(1)


@kernel(
    source="f32[h,w,4]",
    out="f32[h,w,4] out",
    dy="i32",
    dx="i32",
    reach="i32",
    first="f32",
    scale="f32",
    h="i32",
    w="i32",
)
def gauss(y, x, source, out, dy, dx, reach, first, scale, h, w):  # type: ignore[no-untyped-def]
    """A Gaussian along one axis, whose weights come by forward differences (Turkowski, GPU Gems 3, chapter 40)."""
    a, b, c, d = source[y, x, 0], source[y, x, 1], source[y, x, 2], source[y, x, 3]
    square = first * first
    g, step = first, first * square
    for r in range(1, min(reach, y * dy + x * dx) + 1):
        a += g * source[y - r * dy, x - r * dx, 0]
        b += g * source[y - r * dy, x - r * dx, 1]
        c += g * source[y - r * dy, x - r * dx, 2]
        d += g * source[y - r * dy, x - r * dx, 3]
        g *= step
        step *= square
    g, step = first, first * square
    for r in range(1, min(reach, (h - 1 - y) * dy + (w - 1 - x) * dx) + 1):
        a += g * source[y + r * dy, x + r * dx, 0]
        b += g * source[y + r * dy, x + r * dx, 1]
        c += g * source[y + r * dy, x + r * dx, 2]
        d += g * source[y + r * dy, x + r * dx, 3]
        g *= step
        step *= square
    out[y, x, 0] = a * scale
    out[y, x, 1] = b * scale
    out[y, x, 2] = c * scale
    out[y, x, 3] = d * scale


@kernel(over="m,n", fine="f32[h,w,4]", coarse="f32[m,n,4] out", tall="i32", wide="i32", h="i32", w="i32")
def push(y, x, fine, coarse, tall, wide, h, w):  # type: ignore[no-untyped-def]
    """The next coarser level: averages over cells of `tall` by `wide`."""
    y0, x0 = y * tall, x * wide
    y1, x1 = min(y0 + tall, h), min(x0 + wide, w)
    n = f32(1) / f32((y1 - y0) * (x1 - x0))
    for c in range(4):
        s = f32(0)
        for j in range(y0, y1):
            for i in range(x0, x1):
                s += fine[j, i, c]
        coarse[y, x, c] = s * n


@kernel(coarse="f32[m,n,4]", fine="f32[h,w,4] inout", k="i32", faint="f32", m="i32", n="i32")
def pull(y, x, coarse, fine, k, faint, m, n):  # type: ignore[no-untyped-def]
    """Add the next coarser level, faintly."""
    v, u = place(y, k, m), place(x, k, n)
    j, i = i32(v), i32(u)
    j1, i1 = min(j + i32(1), m - i32(1)), min(i + i32(1), n - i32(1))
    v, u = v - f32(j), u - f32(i)
    for c in range(4):
        top = coarse[j, i, c] + (coarse[j, i1, c] - coarse[j, i, c]) * u
        low = coarse[j1, i, c] + (coarse[j1, i1, c] - coarse[j1, i, c]) * u
        fine[y, x, c] += (top + (low - top) * v) * faint


@kernel(over="m,w", source="f32[m,n,4]", out="u16[m,w,3] out", k="i32", n="i32")
def widen(y, x, source, out, k, n):  # type: ignore[no-untyped-def]
    """Divide the colours by their weight, and interpolate every row to full width, in units of 1/128.

    Black where there is no weight at all, which only a matte of 1 everywhere leaves.
    """
    u = place(x, k, n)
    i = i32(u)
    i1 = min(i + i32(1), n - i32(1))
    u = u - f32(i)
    s, t = source[y, i, 3], source[y, i1, 3]
    p = (f32(1) - u) / s if s > f32(1e-32) else f32(0)
    q = u / t if t > f32(1e-32) else f32(0)
    for c in range(3):
        v = min(source[y, i, c] * p + source[y, i1, c] * q, f32(255))
        out[y, x, c] = u16(i32(v * f32(128) + f32(0.5)))


@kernel(rows="u16[m,w,3]", out="u8[h,w,3] out", k="i32", m="i32")
def heighten(y, x, rows, out, k, m):  # type: ignore[no-untyped-def]
    """Interpolate the widened rows to full height."""
    v = place(y, k, m)
    j = i32(v)
    j1 = min(j + i32(1), m - i32(1))
    t = i32((v - f32(j)) * f32(32768))
    for c in range(3):
        b = i32(rows[j, x, c])
        b += ((i32(rows[j1, x, c]) - b) * t + i32(16384)) >> i32(15)
        out[y, x, c] = u8((b + i32(64)) >> i32(7))


@kernel(image="u8[h,w,3]", alpha="f32[h,w]", rows="u16[m,w,3]", out="u8[h,w,3] out", k="i32", m="i32")
def heighten_under(y, x, image, alpha, rows, out, k, m):  # type: ignore[no-untyped-def]
    """The same, with the picture laid over it through the matte."""
    v = place(y, k, m)
    j = i32(v)
    j1 = min(j + i32(1), m - i32(1))
    t = i32((v - f32(j)) * f32(32768))
    a = i32(weight(alpha[y, x]) * f32(32768) + f32(0.5))
    for c in range(3):
        b = i32(rows[j, x, c])
        b += ((i32(rows[j1, x, c]) - b) * t + i32(16384)) >> i32(15)
        b += ((i32(image[y, x, c]) * i32(128) - b) * a + i32(16384)) >> i32(15)
        out[y, x, c] = u8((b + i32(64)) >> i32(7))


def picture(image: Array, out: Array, sigma: float, scratch: Scratch) -> None:
    """Blur all of u8[h,w,3] `image` into `out` by a Gaussian of `sigma` pixels."""
    h, w, k = image.shape[0], image.shape[1], _shrink(sigma)
    m, n = -(-h // k), -(-w // k)
    small = scratch("small", (m, n, 4), f32)
    if device_of(image).simt:
        shrink_picture(image, small, k, h, w)
    else:
        cells.plain(image.reshape(h, 3 * w), scratch("columns", (m, 3 * w), i32), small, k, h, n, 3 * w)
    smooth(small, sigma / k, scratch)
    heighten(_widened(small, w, k, scratch), out, k, small.shape[0])


def background(
    image: Array, alpha: Array, out: Array, sigma: float, scratch: Scratch, front: Array | None = None
) -> None:
    """Blur what the matte f32[h,w] calls background by a Gaussian of `sigma` pixels, and leave the subject sharp.

    `front` is the picture to lay over it, where the subject's own colours are known better than from `image`.
    """
    h, w, k = image.shape[0], image.shape[1], _shrink(sigma)
    m, n = -(-h // k), -(-w // k)
    small = scratch("small", (m, n, 4), f32)
    if device_of(image).simt:
        shrink_background(image, alpha, small, k, h, w)
    else:
        cells.weighted(image, alpha, scratch("columns", (m, w, 4), f32), small, k, h, w, n)
    smooth(small, sigma / k, scratch)
    _fill(small, scratch)
    rows = _widened(small, w, k, scratch)
    heighten_under(image if front is None else front, alpha, rows, out, k, small.shape[0])


def _shrink(sigma: float) -> int:
    """How many pixels become one: so many that hardly two of the small ones are left to a sigma."""
    return max(2, int(sigma / 1.6))


def smooth(small: Array, sigma: float, scratch: Scratch) -> None:
    """Blur `small` by what its own cells (a box, and later a tent) leave of `sigma`; a quarter of a square pixel."""
    sigma = math.sqrt(max(sigma * sigma - 0.25, 0.01))
    first, reach = math.exp(-0.5 / sigma**2), math.ceil(3 * sigma)
    scale = 1 / (1 + 2 * sum(first ** (r * r) for r in range(1, reach + 1)))
    h, w = small.shape[:2]
    half = scratch("half", small.shape, f32)
    gauss(small, half, 0, 1, reach, first, scale, h, w)
    gauss(half, small, 1, 0, reach, first, scale, h, w)


def _fill(fine: Array, scratch: Scratch) -> None:
    """Give pixels without any background in reach the nearest coarser average."""
    h, w = fine.shape[:2]
    if h == 1 and w == 1:
        return
    m, n = -(-h // POOL), -(-w // POOL)
    coarse = scratch(f"coarse{h}x{w}", (m, n, 4), f32)
    if device_of(fine).simt:  # along one axis after the other, or few threads would have much to add
        rows = scratch(f"rows{h}x{w}", (h, n, 4), f32)
        push(fine, rows, 1, POOL, h, w)
        push(rows, coarse, POOL, 1, h, n)
    else:
        push(fine, coarse, POOL, POOL, h, w)
    _fill(coarse, scratch)
    pull(coarse, fine, POOL, FAINT, *coarse.shape[:2])


def _widened(small: Array, w: int, k: int, scratch: Scratch) -> Array:
    m, n = small.shape[:2]
    rows = scratch("rows", (m, w, 3), u16)
    widen(small, rows, k, n)
    return rows
