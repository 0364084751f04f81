"""How a camera has moved, from the brightness of two pictures: sums for a search and for a least-squares fit.

The fit is the inverse compositional one of Baker and Matthews ("Lucas-Kanade 20 years on", IJCV 56, 2004) with the
robust weights of Geman and McClure. Sums are kept by cells of CELL by CELL pixels: within a cell an affine motion is
nearly a shift, so the five numbers of a shift will do for all six unknowns.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.kernel import kernel
from bgflow.kernels.chroma import luma
from bgflow.kernels.warp import MAP, place

f32, i32, u8 = np.float32, np.int32, np.uint8

CELL = 16  # pixels along a cell
SUMS = 13  # of a cell: see `fit_cells`
DOUBT = 12  # trust, of 255, in a pixel of the subject: were all of them called subject, the fit could go on
AROUND = 2  # pixels to each side: what a pixel differs by from their mean is its detail
CAP = 12  # levels of difference beyond which a pixel simply does not fit
MIDDLE = 128.0  # subtracted from brightness, so that sums of squares keep their digits
EDGE = 1.0  # levels per pixel from which a slope shows a movement


@kernel(over="m,n", image="u8[h,w,3]", out="f32[m,n] out", k="i32")
def brightness(y, x, image, out, k):
    """The mean brightness of a square of k by k pixels."""
    r = i32(0)
    g = i32(0)
    b = i32(0)
    for j in range(k):
        row = image[y * k + j, x * k : x * k + k]
        for i in range(k):
            r += i32(row[i, 0])
            g += i32(row[i, 1])
            b += i32(row[i, 2])
    out[y, x] = luma(f32(r), f32(g), f32(b)) / f32(k * k)


@kernel(source="f32[h,w]", out="f32[h,w] out", h="i32", w="i32")
def smooth(y, x, source, out, h, w):
    """A pixel averaged with those beside it, weights 1 2 1 along each axis: less noise, and no slope is too steep."""
    above = max(y - 1, 0)
    below = min(y + 1, h - 1)
    left = max(x - 1, 0)
    right = min(x + 1, w - 1)
    upper = source[above, left] + f32(2) * source[above, x] + source[above, right]
    here = source[y, left] + f32(2) * source[y, x] + source[y, right]
    lower = source[below, left] + f32(2) * source[below, x] + source[below, right]
    out[y, x] = (upper + f32(2) * here + lower) * f32(1 / 16)


@kernel(source="f32[h,w]", out="u8[h,w] out", h="i32", w="i32")
def detail(y, x, source, out, h, w):
    """How much a pixel differs from the mean around it, as 128 and more or less: the same in brighter light."""
    total = f32(0)
    count = f32(0)
    for j in range(max(y - AROUND, 0), min(y + AROUND + 1, h)):
        for i in range(max(x - AROUND, 0), min(x + AROUND + 1, w)):
            total += source[j, i]
            count += f32(1)
    out[y, x] = u8(i32(min(max(source[y, x] - total / count + f32(MIDDLE + 0.5), f32(0)), f32(255))))


@kernel(subject="f32[h,w]", out="u8[h,w] out")
def trust(y, x, subject, out):
    """How much a pixel counts, of 255: the less the more it is subject."""
    out[y, x] = u8(max(i32((f32(1) - subject[y, x]) * f32(255) + f32(0.5)), i32(DOUBT)))


@kernel(
    over="rows,columns", image="u8[h,w]", reference="u8[h,w]", trust="u8[h,w]", out="f32[rows,columns] out",
    rows="i32", columns="i32", h="i32", w="i32",
)  # fmt: skip
def search(row, column, image, reference, trust, out, rows, columns, h, w):
    """How badly the picture, shifted from the reference by whole pixels, fits it: mean difference, capped."""
    dy = row - rows // 2
    dx = column - columns // 2
    left = max(-dx, 0)
    n = max(w - abs(dx), 0)
    total = i32(0)
    weight = i32(0)
    for y in range(max(-dy, 0), min(h, h - dy)):
        seen = image[y + dy, left + dx : left + dx + n]
        there = reference[y, left : left + n]
        counts = trust[y, left : left + n]
        for x in range(n):
            t = i32(counts[x]) >> i32(2)
            total += min(abs(i32(seen[x]) - i32(there[x])), i32(CAP)) * t
            weight += t
    out[row, column] = f32(total) / f32(max(weight, i32(1)))


@kernel(
    over="rows,columns", image="f32[h,w]", reference="f32[h,w]", trust="u8[h,w]", out="f32[rows,columns,13] out",
    **MAP, gain="f32", offset="f32", scale="f32", h="i32", w="i32",
)  # fmt: skip
def fit_cells(row, column, image, reference, trust, out, a, b, c, d, e, f, gain, offset, scale, h, w):
    """Sums over a cell of the reference, with the picture moved by a map; `scale` is how much detail may differ.

    Only pixels with a slope count. 0..2 are the slopes' products xx, xy, yy, 3 and 4 slopes times difference; 5..8 the
    sums of p, q, pp and pq, p of the reference and q of the picture; 9 and 10 those of the slopes; 11 the weight, and
    12 what it were if all fitted.
    """
    xs, ys, xx, xy, yy, xr, yr = f32(0), f32(0), f32(0), f32(0), f32(0), f32(0), f32(0)
    ps, qs, pp, pq, weight, most = f32(0), f32(0), f32(0), f32(0), f32(0), f32(0)
    for y in range(max(row * CELL, 1), min(row * CELL + CELL, h - 1)):
        for x in range(max(column * CELL, 1), min(column * CELL + CELL, w - 1)):
            gx = f32(0.5) * (reference[y, x + 1] - reference[y, x - 1])
            gy = f32(0.5) * (reference[y + 1, x] - reference[y - 1, x])
            if gx * gx + gy * gy >= f32(EDGE * EDGE):
                u = place(x, y, a, b, c)
                v = place(x, y, d, e, f)
                if u >= f32(0) and v >= f32(0) and u < f32(w - 1) and v < f32(h - 1):
                    i = max(i32(u), i32(0))
                    j = max(i32(v), i32(0))
                    upper = image[j, i] + (image[j, i + 1] - image[j, i]) * (u - f32(i))
                    lower = image[j + 1, i] + (image[j + 1, i + 1] - image[j + 1, i]) * (u - f32(i))
                    p = reference[y, x] - f32(MIDDLE)
                    q = upper + (lower - upper) * (v - f32(j)) - f32(MIDDLE)
                    r = q - gain * p - offset
                    root = scale * scale / (scale * scale + r * r)
                    t = f32(trust[y, x]) * f32(1 / 255)
                    m = t * root * root
                    xs += m * gx
                    ys += m * gy
                    xx += m * gx * gx
                    xy += m * gx * gy
                    yy += m * gy * gy
                    xr += m * gx * r
                    yr += m * gy * r
                    ps += m * p
                    qs += m * q
                    pp += m * p * p
                    pq += m * p * q
                    weight += m
                    most += t
    found = (xx, xy, yy, xr, yr, ps, qs, pp, pq, xs, ys, weight, most)
    for k in range(SUMS):
        out[row, column, k] = found[k]
