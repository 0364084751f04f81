"""Box means of any radius at the same cost, and the fast guided filter that fits a matte to the picture's edges.

He, Sun and Tang, "Guided Image Filtering", PAMI 35 (2013); He and Sun, "Fast Guided Filter", arXiv:1505.00996 (2015).
In every window the matte is explained as a * colour + b, with the colour picture as guide; a and b are found on a
picture shrunk k times and applied at full size. Windows are cut at the picture's border.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bgflow.devices import device_of
from bgflow.frame import Array
from bgflow.kernel import function, kernel

f32 = np.float32

Scratch = Callable[[str, tuple[int, ...], Any], Array]
"""Memory that lasts from call to call, by name, shape and dtype: a stage's `ctx.scratch`."""

MOMENTS = 13  # colour (3), its products (6), matte, matte times colour (3)


@function
def window(i, r, n):
    """How many of n places lie within r of place i."""
    return min(i + r, n - 1) - max(i - r, 0) + 1


@kernel(
    over="jobs", source="f32[p,h,w]", out="f32[p,h,w] out",
    r="i32", h="i32", w="i32", jobs="i32", blocks="i32", step="i32",
)  # fmt: skip
def sum_columns(job, source, out, r, h, w, jobs, blocks, step):
    """Sums over 2r + 1 rows, of `step` neighbouring columns of one plane at a time: each row from the one above."""
    i = job // blocks
    x0 = (job % blocks) * step
    x1 = min(x0 + step, w)
    for x in range(x0, x1):
        out[i, 0, x] = source[i, 0, x]
    for y in range(1, min(r, h - 1) + 1):
        for x in range(x0, x1):
            out[i, 0, x] += source[i, y, x]
    for y in range(1, h):
        here = out[i, y, x0:x1]  # slices, because numba vectorises no index that could be negative
        above = out[i, y - 1, x0:x1]
        comes = source[i, min(y + r, h - 1), x0:x1]
        goes = source[i, max(y - r - 1, 0), x0:x1]
        add = f32(1 if y + r < h else 0)
        drop = f32(1 if y - r > 0 else 0)
        for x in range(x1 - x0):
            here[x] = above[x] + (comes[x] * add - goes[x] * drop)


@kernel(over="rows", source="f32[rows,w]", out="f32[rows,w] out", r="i32", h="i32", w="i32")
def mean_rows(row, source, out, r, h, w):
    """Means over windows, from sums over their columns; the rows of all planes of height h stand below each other."""
    tall = f32(window(row % h, r, h))
    total = f32(0)
    for x in range(min(r, w)):
        total += source[row, x]
    for x in range(w):
        if x + r < w:
            total += source[row, x + r]
        if x - r > 0:
            total -= source[row, x - r - 1]
        out[row, x] = total / (tall * f32(window(x, r, w)))


@kernel(over="m,n", image="u8[h,w,3]", alpha="f32[h,w]", out="f32[13,m,n] out", k="i32", h="i32", w="i32")
def moments(y, x, image, alpha, out, k, h, w):
    """Colour and matte averaged over cells of k by k pixels, all in 0..1, and their products."""
    r = f32(0)
    g = f32(0)
    b = f32(0)
    p = f32(0)
    y1 = min(y * k + k, h)
    x1 = min(x * k + k, w)
    for j in range(y * k, y1):
        colours = image[j, x * k : x1]
        matte = alpha[j, x * k : x1]
        for i in range(x1 - x * k):
            r += f32(colours[i, 0])
            g += f32(colours[i, 1])
            b += f32(colours[i, 2])
            p += matte[i]
    n = f32((y1 - y * k) * (x1 - x * k))
    r /= n * f32(255)
    g /= n * f32(255)
    b /= n * f32(255)
    p /= n
    out[0, y, x] = r
    out[1, y, x] = g
    out[2, y, x] = b
    out[3, y, x] = r * r
    out[4, y, x] = r * g
    out[5, y, x] = r * b
    out[6, y, x] = g * g
    out[7, y, x] = g * b
    out[8, y, x] = b * b
    out[9, y, x] = p
    out[10, y, x] = p * r
    out[11, y, x] = p * g
    out[12, y, x] = p * b


@kernel(over="m,n", mean="f32[13,m,n]", out="f32[4,m,n] out", eps="f32")
def fit(y, x, mean, out, eps):
    """The a (three planes) and b of every window: (colour covariance + eps) a = covariance of colour and matte."""
    r = mean[0, y, x]
    g = mean[1, y, x]
    b = mean[2, y, x]
    p = mean[9, y, x]
    rr = mean[3, y, x] - r * r + eps
    rg = mean[4, y, x] - r * g
    rb = mean[5, y, x] - r * b
    gg = mean[6, y, x] - g * g + eps
    gb = mean[7, y, x] - g * b
    bb = mean[8, y, x] - b * b + eps
    pr = mean[10, y, x] - p * r
    pg = mean[11, y, x] - p * g
    pb = mean[12, y, x] - p * b
    i0 = gg * bb - gb * gb
    i1 = gb * rb - rg * bb
    i2 = rg * gb - gg * rb
    i4 = rr * bb - rb * rb
    i5 = rg * rb - rr * gb
    i8 = rr * gg - rg * rg
    over = f32(1) / (rr * i0 + rg * i1 + rb * i2)
    ar = (i0 * pr + i1 * pg + i2 * pb) * over
    ag = (i1 * pr + i4 * pg + i5 * pb) * over
    ab = (i2 * pr + i5 * pg + i8 * pb) * over
    out[0, y, x] = ar
    out[1, y, x] = ag
    out[2, y, x] = ab
    out[3, y, x] = p - ar * r - ag * g - ab * b


@kernel(
    over="h,spans", image="u8[h,w,3]", model="f32[4,m,n]", out="f32[h,w] out",
    k="i32", m="i32", n="i32", w="i32", spans="i32",
)  # fmt: skip
def predict(y, span, image, model, out, k, m, n, w, spans):
    """a * colour + b in 0..1, with a and b interpolated; a span is the pixels between two cells' centres."""
    v = min(max((f32(y) + f32(0.5)) / f32(k) - f32(0.5), f32(0)), f32(m - 1))
    j0 = int(v)
    j1 = min(j0 + 1, m - 1)
    v -= f32(j0)
    i0 = max(span - 1, 0)
    i1 = min(span, n - 1)
    r0 = model[0, j0, i0] + (model[0, j1, i0] - model[0, j0, i0]) * v
    g0 = model[1, j0, i0] + (model[1, j1, i0] - model[1, j0, i0]) * v
    b0 = model[2, j0, i0] + (model[2, j1, i0] - model[2, j0, i0]) * v
    c0 = model[3, j0, i0] + (model[3, j1, i0] - model[3, j0, i0]) * v
    r1 = model[0, j0, i1] + (model[0, j1, i1] - model[0, j0, i1]) * v - r0
    g1 = model[1, j0, i1] + (model[1, j1, i1] - model[1, j0, i1]) * v - g0
    b1 = model[2, j0, i1] + (model[2, j1, i1] - model[2, j0, i1]) * v - b0
    c1 = model[3, j0, i1] + (model[3, j1, i1] - model[3, j0, i1]) * v - c0
    first = max(k * span - (k + 1) // 2, 0)
    last = min(k * span - (k + 1) // 2 + k, w)
    each = f32(1) / f32(k)
    start = (f32(first) + f32(0.5)) * each + f32(0.5) - f32(span)
    for i in range(last - first):
        u = start + f32(i) * each
        x = first + i
        q = (r0 + r1 * u) * f32(image[y, x, 0]) + (g0 + g1 * u) * f32(image[y, x, 1])
        q = (q + (b0 + b1 * u) * f32(image[y, x, 2])) * f32(1 / 255) + (c0 + c1 * u)
        out[y, x] = f32(0) if q < f32(0) else (f32(1) if q > f32(1) else q)


def run_length(a: Array, w: int) -> int:
    """How many neighbouring columns one index takes: on a CPU many, for vector instructions; on a GPU one."""
    return min(w, 256) if device_of(a).name in ("cpu", "fake") else 1


def box(source: Array, out: Array, r: int, between: Array) -> None:
    """Means of f32[p,h,w] planes over windows of 2r + 1 by 2r + 1; `out` may be `source`, `between` may not."""
    p, h, w = source.shape
    step = run_length(source, w)
    blocks = -(-w // step)
    sum_columns(source, between, r, h, w, p * blocks, blocks, step)
    mean_rows(between.reshape(p * h, w), out.reshape(p * h, w), r, h, w)


def refine(image: Array, alpha: Array, out: Array, r: int, eps: float, k: int, scratch: Scratch) -> None:
    """Fit the matte f32[h,w] to the edges of u8[h,w,3] `image`, in windows of r pixels around each.

    `eps` is the variance (of colours in 0..1) from which on something counts as an edge. The picture is shrunk k times
    in between; k is 1 for the exact filter, and r / 4 loses nothing to be seen.
    """
    h, w = alpha.shape
    m, n = -(-h // k), -(-w // k)
    radius = max(round(r / k), 1)
    planes, sums = (scratch(name, (MOMENTS, m, n), f32) for name in ("moments", "sums"))
    moments(image, alpha, planes, k, h, w)
    box(planes, planes, radius, sums)
    model = sums[:4]
    fit(planes, model, eps)
    box(model, model, radius, planes[:4])
    predict(image, model, out, k, m, n, w, n + 1)


def enlarge(matte: Array, small: Array, image: Array, out: Array, r: int, eps: float, k: int, scratch: Scratch) -> None:
    """Write a matte f32[m,n], found on `small`, at the size of `image`, each k by k of whose pixels are one of `small`.

    It is fitted to the edges in windows of r pixels of `small` around each.
    """
    m, n = matte.shape
    planes, sums = (scratch(name, (MOMENTS, m, n), f32) for name in ("moments", "sums"))
    moments(small, matte, planes, 1, m, n)
    box(planes, planes, r, sums)
    model = sums[:4]
    fit(planes, model, eps)
    box(model, model, r, planes[:4])
    predict(image, model, out, k, m, n, image.shape[1], n + 1)
