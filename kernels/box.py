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

f32, i32 = np.float32, np.int32

COLUMNS = 480  # summed at a time: long rows for the caches, and still jobs for some cores


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


@function
def slide(source, total, x, r, w):
    """The sum over the window around x, from that around x - 1, where windows are cut at the border."""
    if x + r < w:
        total += source[x + r]
    if x - r > 0:
        total -= source[x - r - 1]
    return total


@kernel(
    over="groups", source="f32[rows,w]", out="f32[rows,w] out",
    r="i32", h="i32", rows="i32", w="i32", groups="i32",
)  # fmt: skip
def mean_rows(group, source, out, r, h, rows, w, groups):
    """Means over windows, from sums over their columns; the rows of all planes of height h stand below each other.

    Four rows at a time: each sum waits for the one before it, and a core meanwhile works on the other three.
    """
    first = max(i32(group) * i32(4), i32(0))
    second, third, fourth = min(first + 1, rows - 1), min(first + 2, rows - 1), min(first + 3, rows - 1)
    s0, s1, s2, s3 = source[first], source[second], source[third], source[fourth]
    o0, o1, o2, o3 = out[first], out[second], out[third], out[fourth]
    q0, q1 = f32(1) / f32(window(first % h, r, h)), f32(1) / f32(window(second % h, r, h))
    q2, q3 = f32(1) / f32(window(third % h, r, h)), f32(1) / f32(window(fourth % h, r, h))
    t0, t1, t2, t3 = f32(0), f32(0), f32(0), f32(0)
    for x in range(min(r, w)):
        t0 += s0[x]
        t1 += s1[x]
        t2 += s2[x]
        t3 += s3[x]
    left = max(min(r + 1, w), 0)
    right = max(w - r, left)
    for x in range(left):
        t0, t1, t2, t3 = slide(s0, t0, x, r, w), slide(s1, t1, x, r, w), slide(s2, t2, x, r, w), slide(s3, t3, x, r, w)
        share = f32(1) / f32(window(x, r, w))
        o0[x], o1[x], o2[x], o3[x] = t0 * (q0 * share), t1 * (q1 * share), t2 * (q2 * share), t3 * (q3 * share)
    share = f32(1) / f32(2 * r + 1)
    p0, p1, p2, p3 = q0 * share, q1 * share, q2 * share, q3 * share
    for x in range(left, right):
        t0 += s0[x + r] - s0[x - left]
        t1 += s1[x + r] - s1[x - left]
        t2 += s2[x + r] - s2[x - left]
        t3 += s3[x + r] - s3[x - left]
        o0[x] = t0 * p0
        o1[x] = t1 * p1
        o2[x] = t2 * p2
        o3[x] = t3 * p3
    for x in range(right, w):
        t0, t1, t2, t3 = slide(s0, t0, x, r, w), slide(s1, t1, x, r, w), slide(s2, t2, x, r, w), slide(s3, t3, x, r, w)
        share = f32(1) / f32(window(x, r, w))
        o0[x], o1[x], o2[x], o3[x] = t0 * (q0 * share), t1 * (q1 * share), t2 * (q2 * share), t3 * (q3 * share)


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
    step = min(w, COLUMNS)
    blocks = -(-w // step)
    sum_columns(source, between, r, h, w, p * blocks, blocks, step)
    mean_rows(between.reshape(p * h, w), out.reshape(p * h, w), r, h, p * h, w, -(-p * h // 4))
