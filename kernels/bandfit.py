"""The guided filter's regression in the band of a matte's edge, on a CPU: sums over windows, a and b, and their means.

Sums over a window's rows slide down a tile and begin anew in the next, so nothing drifts; those along a row are added
directly, because a window reaches no farther than FAR cells.
"""

# mypy: allow-untyped-defs, disable-error-code="assignment"
from __future__ import annotations

import numpy as np

from bgflow.kernel import function, kernel
from bgflow.kernels.box import window
from bgflow.kernels.runs import ABOVE, EDGE, TILE, beside, end_of

f32, i32 = np.float32, np.int32

FAR = 4  # cells to each side that a window may reach; as many lie beside every row
RUN = 128  # cells of a run that are worked on at a time
SPAN = RUN + 2 * FAR  # cells that their windows touch
SUMS = 13  # colour (3), its products (6), matte, matte times colour (3)


@function
def solve(r, g, b, rr, rg, rb, gg, gb, bb, p, pr, pg, pb, eps):
    """The a (of three channels) and b of a window: (colour covariance + eps) a = covariance of colour and matte."""
    rr = rr - r * r + eps
    rg = rg - r * g
    rb = rb - r * b
    gg = gg - g * g + eps
    gb = gb - g * b
    bb = bb - b * b + eps
    pr = pr - p * r
    pg = pg - p * g
    pb = pb - p * b
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
    return ar, ag, ab, p - ar * r - ag * g - ab * b


@function
def add_row(work, y, source, j, x, count, sign):
    """Add (sign 1) or take away (-1) what one row of cells has of the sums."""
    red, green, blue = source[j, 0, x : x + count], source[j, 1, x : x + count], source[j, 2, x : x + count]
    matte = source[j, 3, x : x + count]
    for i in range(count):
        r, g, b, s = red[i], green[i], blue[i], matte[i]
        sr, sg, sb, sp = sign * r, sign * g, sign * b, sign * s
        work[y, 0, i] += sr
        work[y, 1, i] += sg
        work[y, 2, i] += sb
        work[y, 3, i] += sr * r
        work[y, 4, i] += sr * g
        work[y, 5, i] += sr * b
        work[y, 6, i] += sg * g
        work[y, 7, i] += sg * b
        work[y, 8, i] += sb * b
        work[y, 9, i] += sp
        work[y, 10, i] += sp * r
        work[y, 11, i] += sp * g
        work[y, 12, i] += sp * b


@function
def across(row, i, w2, w3, w4):
    """A sum over nine neighbours, of which those farther off than a window reaches weigh 0."""
    total = row[i + 4] + (row[i + 3] + row[i + 5]) + w2 * (row[i + 2] + row[i + 6])
    return total + w3 * (row[i + 1] + row[i + 7]) + w4 * (row[i] + row[i + 8])


@kernel(
    over="p", near="u8[p,q]", source="f32[m,4,wide]", work="f32[p,17,136] out", out="f32[m,4,wide] out",
    eps="f32", slope="f32", r="i32", m="i32", n="i32", p="i32", q="i32",
)  # fmt: skip
def regress(y, near, source, work, out, eps, slope, r, m, n, p, q):
    """The a (three channels) and b of every window in the band; beside it a is 0 and b what the matte is there.

    They make bytes into alpha that is `slope` times as steep, and a half stays a half.

    `work` holds sums over a window's rows, and a and b before they are put together.
    """
    y = max(i32(y), i32(0))
    bottom = min(y * TILE + TILE, m)
    w2, w3, w4 = f32(1 if r > 1 else 0), f32(1 if r > 2 else 0), f32(1 if r > 3 else 0)
    tile = 0
    while tile < q:
        end = end_of(near, y, tile, q)
        if near[y, tile] != EDGE:
            flat = f32(0.5) + (f32(1 if near[y, tile] == ABOVE else 0) - f32(0.5)) * slope
            for x in range(tile, end):
                if beside(near, y, x, p, q):
                    for j in range(y * TILE, bottom):
                        for i in range(FAR + x * TILE, FAR + x * TILE + TILE):
                            out[j, 0, i] = f32(0)
                            out[j, 1, i] = f32(0)
                            out[j, 2, i] = f32(0)
                            out[j, 3, i] = flat
            tile = end
            continue
        end = min(end, tile + RUN // TILE)
        x = max(i32(tile) * i32(TILE), i32(0))
        count = (end - tile) * TILE
        for j in range(y * TILE, bottom):
            if j == y * TILE:
                for c in range(SUMS):
                    for i in range(count + 2 * FAR):
                        work[y, c, i] = f32(0)
                for row in range(max(j - r, 0), min(j + r, m)):
                    add_row(work, y, source, row, x, count + 2 * FAR, f32(1))
            elif j - r - 1 >= 0:
                add_row(work, y, source, j - r - 1, x, count + 2 * FAR, f32(-1))
            if j + r < m:
                add_row(work, y, source, j + r, x, count + 2 * FAR, f32(1))
            tall = window(j, r, m)
            c0, c1, c2, c3, c4 = work[y, 0], work[y, 1], work[y, 2], work[y, 3], work[y, 4]
            c5, c6, c7, c8, c9 = work[y, 5], work[y, 6], work[y, 7], work[y, 8], work[y, 9]
            c10, c11, c12 = work[y, 10], work[y, 11], work[y, 12]
            for i in range(count):
                v = f32(1) / f32(tall * max(window(x + i, r, n), 1))
                ar, ag, ab, b = solve(
                    across(c0, i, w2, w3, w4) * v, across(c1, i, w2, w3, w4) * v,
                    across(c2, i, w2, w3, w4) * v, across(c3, i, w2, w3, w4) * v,
                    across(c4, i, w2, w3, w4) * v, across(c5, i, w2, w3, w4) * v,
                    across(c6, i, w2, w3, w4) * v, across(c7, i, w2, w3, w4) * v,
                    across(c8, i, w2, w3, w4) * v, across(c9, i, w2, w3, w4) * v,
                    across(c10, i, w2, w3, w4) * v, across(c11, i, w2, w3, w4) * v,
                    across(c12, i, w2, w3, w4) * v, eps,
                )  # fmt: skip
                work[y, 13, i] = ar * (slope * f32(1 / 255))
                work[y, 14, i] = ag * (slope * f32(1 / 255))
                work[y, 15, i] = ab * (slope * f32(1 / 255))
                work[y, 16, i] = (b - f32(0.5)) * slope + f32(0.5)
            for c in range(4):
                line = out[j, c, x + FAR : x + FAR + count]
                for i in range(count):
                    line[i] = work[y, SUMS + c, i]
        tile = end
    for j in range(y * TILE, bottom):
        for c in range(4):
            for i in range(FAR):
                out[j, c, i] = f32(0)
            for i in range(FAR + n, 2 * FAR + q * TILE):
                out[j, c, i] = f32(0)


@kernel(
    over="p", near="u8[p,q]", source="f32[m,4,wide]", columns="f32[p,wide] out", out="f32[m,4,wide] out",
    r="i32", m="i32", n="i32", p="i32", q="i32",
)  # fmt: skip
def smooth(y, near, source, columns, out, r, m, n, p, q):
    """Their means over windows."""
    y = max(i32(y), i32(0))
    bottom = min(y * TILE + TILE, m)
    w2, w3, w4 = f32(1 if r > 1 else 0), f32(1 if r > 2 else 0), f32(1 if r > 3 else 0)
    tile = 0
    while tile < q:
        end = end_of(near, y, tile, q)
        x = max(i32(tile) * i32(TILE), i32(0))
        count = (end - tile) * TILE
        for c in range(4):
            if near[y, tile] != EDGE:
                for beyond in range(tile, end):
                    if beside(near, y, beyond, p, q):
                        for j in range(y * TILE, bottom):
                            for i in range(FAR + beyond * TILE, FAR + beyond * TILE + TILE):
                                out[j, c, i] = source[j, c, i]
                continue
            total = columns[y, x : x + count + 2 * FAR]
            for j in range(y * TILE, bottom):
                line = out[j, c, x + FAR : x + FAR + count]
                if j == y * TILE:
                    for i in range(count + 2 * FAR):
                        total[i] = f32(0)
                    for row in range(max(j - r, 0), min(j + r, m)):
                        more = source[row, c, x : x + count + 2 * FAR]
                        for i in range(count + 2 * FAR):
                            total[i] += more[i]
                elif j - r - 1 >= 0:
                    gone = source[j - r - 1, c, x : x + count + 2 * FAR]
                    for i in range(count + 2 * FAR):
                        total[i] -= gone[i]
                if j + r < m:
                    comes = source[j + r, c, x : x + count + 2 * FAR]
                    for i in range(count + 2 * FAR):
                        total[i] += comes[i]
                tall = window(j, r, m)
                for i in range(count):
                    line[i] = across(total, i, w2, w3, w4) / f32(tall * max(window(x + i, r, n), 1))
        tile = end
    for j in range(y * TILE, bottom):  # beyond the border a pixel sees the last cell again
        for c in range(4):
            out[j, c, FAR - 1] = out[j, c, FAR]
            out[j, c, FAR + n] = out[j, c, FAR + n - 1]
