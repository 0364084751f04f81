"""Stretch values by their own extremes, which stay on the device: nobody has to wait for them.

`extremes` is a tree of two levels, rows and then all rows: it is for pictures that come one by one, not for speed.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import kernel
from bgflow.kernels.tensor import Scratch

f32 = np.float32


def extremes(values: Array, s: Scratch) -> Array:
    """The least and the greatest of `f32[m,n]`, as `f32[1,2]` that lasts until the next call with this scratch."""
    m, n = values.shape
    rows, ends = s(f"extremes of {m} rows", (m, 2), f32), s("extremes", (1, 2), f32)
    of_rows(values, rows, n)
    of_all(rows, ends, m)
    return ends


def stretch(values: Array, s: Scratch) -> None:
    """Make `f32[m,n]` fill 0..1, in place; where all are equal they stay."""
    between(extremes(values, s), values)


def under_peak(
    values: Array, mean: Sequence[float], std: Sequence[float], layout: Literal["nchw", "nhwc"], s: Scratch
) -> None:
    """(v / peak - mean) / std for each channel of `f32[1,3,h,w]` (nhwc: `f32[1,h,w,3]`), in place.

    The peak is the greatest value of all; nothing is divided by one that is 0.
    """
    h, w = values.shape[2:] if layout == "nchw" else values.shape[1:3]
    flat = values.reshape((3 * h, w) if layout == "nchw" else (h, 3 * w))
    scale = [1 / v for v in std]
    shift = [-m / v for m, v in zip(mean, std, strict=True)]
    rows, step = (h, 1) if layout == "nchw" else (h, 3)
    levelled(extremes(flat, s), flat, rows, step, *scale, *shift)


@kernel(over="m", values="f32[m,n]", ends="f32[m,2] out", n="i32")
def of_rows(y, values, ends, n):
    """The least and the greatest of each row."""
    low = values[y, 0]
    high = values[y, 0]
    for x in range(1, n):
        low = min(low, values[y, x])
        high = max(high, values[y, x])
    ends[y, 0] = low
    ends[y, 1] = high


@kernel(over="k", rows="f32[m,2]", ends="f32[k,2] out", m="i32")
def of_all(i, rows, ends, m):
    """The least and the greatest of all rows."""
    low = rows[0, 0]
    high = rows[0, 1]
    for y in range(1, m):
        low = min(low, rows[y, 0])
        high = max(high, rows[y, 1])
    ends[i, 0] = low
    ends[i, 1] = high


@kernel(over="m,n", ends="f32[1,2]", values="f32[m,n] inout")
def between(y, x, ends, values):
    """How far a value is from the least towards the greatest."""
    low = ends[0, 0]
    high = ends[0, 1]
    if high > low:
        values[y, x] = (values[y, x] - low) / (high - low)


@kernel(
    over="m,n", ends="f32[1,2]", values="f32[m,n] inout", rows="i32", step="i32", r_scale="f32", g_scale="f32",
    b_scale="f32", r_shift="f32", g_shift="f32", b_shift="f32",
)  # fmt: skip
def levelled(y, x, ends, values, rows, step, r_scale, g_scale, b_scale, r_shift, g_shift, b_shift):
    """A value under the greatest, scaled and shifted as its channel is: one of planes of `rows`, or of `step`."""
    channel = y // rows + x % step
    scale = r_scale if channel == 0 else (g_scale if channel == 1 else b_scale)
    shift = r_shift if channel == 0 else (g_shift if channel == 1 else b_shift)
    peak = ends[0, 1]
    level = values[y, x] / peak if peak > f32(0) else values[y, x]
    values[y, x] = level * scale + shift
