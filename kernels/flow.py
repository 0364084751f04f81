"""Dense optical flow between two small grey pictures: from where in the past each pixel of the present has come.

The flow of a pixel is the mean over the patches on it (see `bgflow.kernels.patches`), weighted by how well each
explains the pixel, so that the motion of neighbours does not leak across an edge. Patches are looked for on coarse
levels of a pyramid first, and last at half the size, where a quarter of them is enough. What stands still has a flow of
exactly 0. A flow is f32[2,m,n]: rows, columns to go from a pixel of the present to find it in the past.
"""

# mypy: allow-untyped-defs, disable-error-code="operator, arg-type, call-overload"
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import function, kernel
from bgflow.kernels.patches import PARTS, across, down, fixed, grid, search
from bgflow.kernels.pyramid import PAD

f32, i32 = np.float32, np.int32

CELL = 8  # pixels of the whole picture along each side of what the same four patches lie on
COARSEST = 10  # rows below which a picture is not halved any more

Scratch = Callable[[str, tuple[int, ...], Any], Array]
"""Memory that lasts from call to call, by name, shape and dtype: a stage's `ctx.scratch`."""


@function
def gap(now, past, y, x, j, i, part_y, part_x):
    """How far, in levels, pixel (y, x) is from the past picture so many parts of a pixel after pixel (j, i)."""
    there = down(across(past, j, i, part_x), across(past, j + 1, i, part_x), part_y)
    return f32(i32(there - i32(now[y, x]))) * f32(1 / 16)


@function
def likeness(d):
    """How much a patch counts that is off by d levels."""
    return f32(1) / (f32(1) + d * d)


@function
def reach(v, start, size):
    """Where a cell that begins at `start` comes from, in whole parts of a pixel, inside of a padded picture."""
    return i32(min(max(i32(PARTS * start + fixed(v)), 0), PARTS * (size - CELL - 1)))


@kernel(
    over="rows,columns", now="u16[ph,pw]", past="u16[ph,pw]", patches="f32[2,pr,pc]", out="f32[2,m,n] out",
    difference="f32[m,n] out", rows="i32", columns="i32", ph="i32", pw="i32",
)  # fmt: skip
def spread(row, column, now, past, patches, out, difference, rows, columns, ph, pw):
    """The flow of one cell from the four patches on it; the better one explains a pixel, the more it counts.

    `difference` is how far the brightness of each pixel is from what it was where it has come from.
    """
    top = max(i32(CELL * row), 0)
    left = max(i32(CELL * column), 0)
    y = top + PAD
    x = left + PAD
    va = f32(2) * patches[0, row, column]
    ua = f32(2) * patches[1, row, column]
    vb = f32(2) * patches[0, row, column + 1]
    ub = f32(2) * patches[1, row, column + 1]
    vc = f32(2) * patches[0, row + 1, column]
    uc = f32(2) * patches[1, row + 1, column]
    ve = f32(2) * patches[0, row + 1, column + 1]
    ue = f32(2) * patches[1, row + 1, column + 1]
    ya = reach(va, y, ph)
    xa = reach(ua, x, pw)
    yb = reach(vb, y, ph)
    xb = reach(ub, x, pw)
    yc = reach(vc, y, ph)
    xc = reach(uc, x, pw)
    ye = reach(ve, y, ph)
    xe = reach(ue, x, pw)
    ja = max(i32(ya >> 5), 0)
    ia = max(i32(xa >> 5), 0)
    jb = max(i32(yb >> 5), 0)
    ib = max(i32(xb >> 5), 0)
    jc = max(i32(yc >> 5), 0)
    ic = max(i32(xc >> 5), 0)
    je = max(i32(ye >> 5), 0)
    ie = max(i32(xe >> 5), 0)
    ya = i32(ya & (PARTS - 1))
    xa = i32(xa & (PARTS - 1))
    yb = i32(yb & (PARTS - 1))
    xb = i32(xb & (PARTS - 1))
    yc = i32(yc & (PARTS - 1))
    xc = i32(xc & (PARTS - 1))
    ye = i32(ye & (PARTS - 1))
    xe = i32(xe & (PARTS - 1))
    if va == vb and va == vc and va == ve and ua == ub and ua == uc and ua == ue:
        for j in range(CELL):
            for i in range(CELL):
                out[0, top + j, left + i] = va
                out[1, top + j, left + i] = ua
            for i in range(CELL):
                difference[top + j, left + i] = abs(gap(now, past, y + j, x + i, ja + j, ia + i, ya, xa))
    else:
        for j in range(CELL):
            for i in range(CELL):
                da = gap(now, past, y + j, x + i, ja + j, ia + i, ya, xa)
                db = gap(now, past, y + j, x + i, jb + j, ib + i, yb, xb)
                dc = gap(now, past, y + j, x + i, jc + j, ic + i, yc, xc)
                de = gap(now, past, y + j, x + i, je + j, ie + i, ye, xe)
                a = likeness(da)
                b = likeness(db)
                c = likeness(dc)
                e = likeness(de)
                over = f32(1) / (a + b + c + e)
                out[0, top + j, left + i] = (va * a + vb * b + vc * c + ve * e) * over
                out[1, top + j, left + i] = (ua * a + ub * b + uc * c + ue * e) * over
                difference[top + j, left + i] = (abs(da) * a + abs(db) * b + abs(dc) * c + abs(de) * e) * over


@function
def lerp(plane, v, u, m, n):
    """A plane's value between its pixels; beyond the border the border's."""
    v = min(max(v, f32(0)), f32(m - 1))
    u = min(max(u, f32(0)), f32(n - 1))
    j = max(i32(v), 0)
    i = max(i32(u), 0)
    fy = v - f32(j)
    fx = u - f32(i)
    j1 = min(j + 1, m - 1)
    i1 = min(i + 1, n - 1)
    upper = plane[j, i] + (plane[j, i1] - plane[j, i]) * fx
    lower = plane[j1, i] + (plane[j1, i1] - plane[j1, i]) * fx
    return upper + (lower - upper) * fy


@kernel(over="m,n", first="f32[2,m,n]", then="f32[2,m,n]", out="f32[2,m,n] out", m="i32", n="i32")
def chain(y, x, first, then, out, m, n):
    """From the present to the past by `first`, and on to what was before it by `then`."""
    v = first[0, y, x]
    u = first[1, y, x]
    out[0, y, x] = v + lerp(then[0], f32(y) + v, f32(x) + u, m, n)
    out[1, y, x] = u + lerp(then[1], f32(y) + v, f32(x) + u, m, n)


def sizes(m: int, n: int) -> list[tuple[int, int]]:
    """The sizes of all levels of a pyramid for m by n pixels: two at least."""
    out = [(m, n)]
    while len(out) < 2 or min(out[-1]) // 2 >= COARSEST:
        out.append((-(-out[-1][0] // 2), -(-out[-1][1] // 2)))
    return out


def flow(now: Sequence[Array], past: Sequence[Array], out: Array, difference: Array, still: Array, s: Scratch) -> None:
    """The flow f32[2,m,n] from one pyramid to another, and how much f32[m,n] differs along it.

    m and n are multiples of CELL; `still` is a flow f32[2,1,1] of nothing.
    """
    coarse = still
    for depth in range(len(now) - 1, 0, -1):
        patches = s(f"patches {depth}", (2, *grid(now[depth])), f32)
        search(now[depth], past[depth], coarse, patches, *coarse.shape[1:], *now[depth].shape)
        coarse = patches
    spread(now[0], past[0], coarse, out, difference, out.shape[1] // CELL, out.shape[2] // CELL, *now[0].shape)
