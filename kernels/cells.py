"""A picture shrunk to the means of its cells, as a CPU does it: columns of pixels first, then cells.

Columns of a row of cells add up in whole vectors, whatever k is, and little is left to add along the row. A GPU has a
thread add a cell (`shrink_picture` and `shrink_background` in blur.py), which comes to the same.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.kernel import function, kernel
from bgflow.kernels.over import weight

f32, i32 = np.float32, np.int32


@function
def clear(a):
    """How surely a pixel is background; from alpha 1/8 on the subject shows through, and it counts for next to nothing.

    That is less than background from the far end of the picture has left after every `blur.FAINT` on its way.
    """
    return max(f32(1) - f32(8) * a, f32(0)) + f32(1e-20) * (f32(1) - a)


@kernel(
    over="m", image="u8[h,w,3]", alpha="f32[h,w]", columns="f32[m,w,4] out", out="f32[m,n,4] out",
    k="i32", h="i32", w="i32", n="i32",
)  # fmt: skip
def weighted(y, image, alpha, columns, out, k, h, w, n):
    """Colours times weight, and the weight, of a row of cells."""
    top = max(i32(y) * k, i32(0))
    bottom = min(top + k, h)
    column = columns[y]
    for x in range(w):
        for c in range(4):
            column[x, c] = f32(0)
    for j in range(top, bottom):
        row, matte = image[j], alpha[j]
        for x in range(w):
            a = clear(weight(matte[x]))
            column[x, 0] += f32(row[x, 0]) * a
            column[x, 1] += f32(row[x, 1]) * a
            column[x, 2] += f32(row[x, 2]) * a
            column[x, 3] += a
    for cell in range(n):
        first = max(i32(cell) * k, i32(0))
        last = min(first + k, w)
        r, g, b, s = f32(0), f32(0), f32(0), f32(0)
        for x in range(first, last):
            r += column[x, 0]
            g += column[x, 1]
            b += column[x, 2]
            s += column[x, 3]
        mean = f32(1) / f32((bottom - top) * (last - first))
        out[y, cell, 0] = r * mean
        out[y, cell, 1] = g * mean
        out[y, cell, 2] = b * mean
        out[y, cell, 3] = s * mean


@kernel(
    over="m", image="u8[h,length]", columns="i32[m,length] out", out="f32[m,n,4] out",
    k="i32", h="i32", n="i32", length="i32",
)  # fmt: skip
def plain(y, image, columns, out, k, h, n, length):
    """The same with every weight 1; a row's pixels are three bytes each."""
    top = max(i32(y) * k, i32(0))
    bottom = min(top + k, h)
    column = columns[y]
    row = image[top]
    for i in range(length):
        column[i] = i32(row[i])
    for j in range(top + 1, bottom):
        row = image[j]
        for i in range(length):
            column[i] += i32(row[i])
    for cell in range(n):
        first = max(i32(cell) * k, i32(0))
        last = min(first + k, length // 3)
        r, g, b = i32(0), i32(0), i32(0)
        for x in range(first, last):
            r += column[3 * x]
            g += column[3 * x + 1]
            b += column[3 * x + 2]
        mean = f32(1) / f32((bottom - top) * (last - first))
        out[y, cell, 0] = f32(r) * mean
        out[y, cell, 1] = f32(g) * mean
        out[y, cell, 2] = f32(b) * mean
        out[y, cell, 3] = f32(1)
