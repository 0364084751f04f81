"""Planes reduced a whole number of times, and enlarged again: each value belongs to a cell of k by k pixels.

A plane may have more cells than the picture needs; those beyond it repeat its border.
"""

# mypy: allow-untyped-defs, disable-error-code="operator, arg-type, call-overload"
from __future__ import annotations

import numpy as np

from bgflow.devices import device_of
from bgflow.frame import Array
from bgflow.kernel import function, kernel

f32, i32 = np.float32, np.int32


@kernel(over="m,n", source="f32[h,w]", out="f32[m,n] out", k="i32", h="i32", w="i32")
def shrink(y, x, source, out, k, h, w):
    """The mean of one cell."""
    top = max(i32(min(i32(y), (h - 1) // k) * k), 0)
    left = max(i32(min(i32(x), (w - 1) // k) * k), 0)
    bottom = min(top + k, h)
    right = min(left + k, w)
    total = f32(0)
    for j in range(top, bottom):
        for i in range(left, right):
            total += source[j, i]
    out[y, x] = total / f32((bottom - top) * (right - left))


@function
def fill(upper, lower, fy, row, start, stop, k, n, w):
    """Fill a row from the gap `start` up to `stop`; gap g is between the middles of cells g - 1 and g."""
    step = f32(1) / f32(k)
    begin = (f32(k // 2) + f32(0.5)) * step - f32(0.5)
    low = max(i32(start), 1)
    high = max(min(i32(stop), min(n, (w - k // 2) // k + 1)), low)
    for g in range(start, stop):
        if g < low or g >= high:  # cut off by the border of the plane or of the row
            before = max(g - 1, 0)
            after = min(g, n - 1)
            here = upper[before] + (lower[before] - upper[before]) * fy
            there = upper[after] + (lower[after] - upper[after]) * fy
            left = k * (g - 1) + k // 2
            for p in range(max(0, -left), min(k, w - left)):
                row[max(left + p, 0)] = here + (there - here) * (begin + f32(p) * step)
    out = row[max(k * (low - 1) + k // 2, 0) :]
    a = upper[low - 1 :]
    b = lower[low - 1 :]
    for g in range(high - low):
        here = a[g] + (b[g] - a[g]) * fy
        there = a[g + 1] + (b[g + 1] - a[g + 1]) * fy
        for p in range(k):
            out[g * k + p] = here + (there - here) * (begin + f32(p) * step)


@kernel(
    over="h,spans", source="f32[m,n]", out="f32[h,w] out",
    k="i32", span="i32", spans="i32", m="i32", n="i32", w="i32",
)  # fmt: skip
def enlarge_span(y, i, source, out, k, span, spans, m, n, w):
    """A span of a row of `enlarge`, of as many gaps between the middles of cells."""
    v = max((f32(y) + f32(0.5)) / f32(k) - f32(0.5), f32(0))
    j = max(i32(v), 0)
    fy = v - f32(j)
    upper = source[min(j, m - 1)]
    lower = source[min(j + 1, m - 1)]
    start = i32(i * span)
    stop = min(start + span, n + 1)
    if k == 2:  # as a constant, it lets the compiler unroll the pixels of a gap and make vectors of the gaps
        fill(upper, lower, fy, out[y], start, stop, 2, n, w)
    elif k == 3:
        fill(upper, lower, fy, out[y], start, stop, 3, n, w)
    elif k == 4:
        fill(upper, lower, fy, out[y], start, stop, 4, n, w)
    else:
        fill(upper, lower, fy, out[y], start, stop, k, n, w)


def enlarge(source: Array, out: Array, k: int) -> None:
    """Enlarge f32[m,n] k times by linear interpolation; no value of `out` f32[h,w] is beyond all of the source's."""
    (m, n), w = source.shape, out.shape[1]
    span = 1 if device_of(source).simt else n + 1
    enlarge_span(source, out, k, span, -(-(n + 1) // span), m, n, w)
