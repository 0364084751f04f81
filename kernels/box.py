"""Means over square windows of any radius at the same cost.

A CPU sums windows by running sums, a row or a run of columns at a time. On a GPU each sum has a thread of its own that
adds what is in the window, which lies in its cache.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.devices import device_of
from bgflow.frame import Array
from bgflow.kernel import function, kernel

f32 = np.float32


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


@kernel(over="p,h,w", source="f32[p,h,w]", out="f32[p,h,w] out", dy="i32", dx="i32", r="i32", h="i32", w="i32")
def mean_along(p, y, x, source, out, dy, dx, r, h, w):
    """The mean over 2r + 1 places along one axis, by one thread for each."""
    total = f32(0)
    for j in range(max(y - r * dy, 0), min(y + r * dy, h - 1) + 1):
        for i in range(max(x - r * dx, 0), min(x + r * dx, w - 1) + 1):
            total += source[p, j, i]
    out[p, y, x] = total / f32(window(y, r * dy, h) * window(x, r * dx, w))


@kernel(over="p,h,w", source="f32[p,h,w]", out="f32[p,h,w] out", r="i32", h="i32", w="i32")
def mean_near(p, y, x, source, out, r, h, w):
    """The mean over a window of 2r + 1 by 2r + 1, by one thread for each."""
    total = f32(0)
    for j in range(max(y - r, 0), min(y + r, h - 1) + 1):
        for i in range(max(x - r, 0), min(x + r, w - 1) + 1):
            total += source[p, j, i]
    out[p, y, x] = total / f32(window(y, r, h) * window(x, r, w))


def run_length(a: Array, w: int) -> int:
    """How many neighbouring columns one index takes: on a CPU many, for vector instructions; on a GPU one."""
    return 1 if device_of(a).simt else min(w, 256)


def mean(source: Array, out: Array, r: int, between: Array) -> None:
    """Means of f32[p,h,w] planes over windows of 2r + 1 by 2r + 1; `out` may be `source`, `between` may not."""
    p, h, w = source.shape
    if device_of(source).simt:
        mean_along(source, between, 1, 0, r, h, w)
        mean_along(between, out, 0, 1, r, h, w)
        return
    step = run_length(source, w)
    blocks = -(-w // step)
    sum_columns(source, between, r, h, w, p * blocks, blocks, step)
    mean_rows(between.reshape(p * h, w), out.reshape(p * h, w), r, h, w)
