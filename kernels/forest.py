"""Connected things of a grid, and sums over each of them, for a GPU: every cell has a thread, and none follows another.

Cells are joined in a forest of disjoint sets, whose roots are the smallest cells of their things: each cell is united
with those of its neighbours that come before it, by atomics (Playne and Hawick, "A New Algorithm for Parallel
Connected-Component Labelling on GPUs", TPDS 29, 2018; Allegretti, Bolelli and Grana, "Optimized Block-Based Algorithms
to Label Connected Components on GPUs", TPDS 31, 2020). The grids here are so coarse that blocks of cells would gain
nothing. Sums are of integers, so they do not depend on the order of the threads.

    parent  i32[p,1+m*n]    for cell 1 + y * n + x the cell it hangs on, itself if that is a root, -1 where nothing is;
                            place 0 is the root of what belongs to the outside
    total   i32[q,1+m*n]    at the root: the sum over the thing, in `unit`ths
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import function, kernel
from bgflow.kernels.atomic import add, lower

f32, i32 = np.float32, np.int32

LARGEST = 2**30  # of a sum in units


@function
def root(parent, p, at):
    """Where the way up from a cell ends."""
    while parent[p, at] != at:
        at = parent[p, at]
    return at


@function
def unite(parent, p, a, b):
    """Hang the larger of two cells' roots on the smaller, whatever other threads do to them meanwhile."""
    while a != b:
        a = root(parent, p, a)
        b = root(parent, p, b)
        low = min(a, b)
        high = max(a, b)
        a = low
        b = low if low == high else lower(parent, p, high, low)
        b = low if b == high else b  # nobody was faster: it hangs


@kernel(
    over="p,m,n", member="f32[p,m,n]", parent="i32[p,places] out", total="i32[q,places] out",
    least="f32", rim="i32", m="i32", n="i32", planes="i32", forests="i32",
)  # fmt: skip
def plant(p, y, x, member, parent, total, least, rim, m, n, planes, forests):
    """Every cell of `least` or more is a thing of its own; on the border of forest `rim` it belongs to the outside."""
    at = i32(1 + y * n + x)
    outside = p == rim and (y == 0 or x == 0 or y == m - 1 or x == n - 1)
    parent[p, at] = (i32(0) if outside else at) if member[p, y, x] >= least else i32(-1)
    for q in range(p, planes, forests):
        total[q, at] = i32(0)
    if at == 1:
        parent[p, 0] = i32(0)
        for q in range(p, planes, forests):
            total[q, 0] = i32(0)


@kernel(over="p,m,n", parent="i32[p,places] inout", m="i32", n="i32")
def link(p, y, x, parent, m, n):
    """Join a cell with those of its 8 neighbours that come before it."""
    at = i32(1 + y * n + x)
    if parent[p, at] >= 0:
        if x > 0 and parent[p, at - 1] >= 0:
            unite(parent, p, at, at - 1)
        if y > 0:
            for i in range(max(x - 1, 0), min(x + 2, n)):
                above = i32(1 + (y - 1) * n + i)
                if parent[p, above] >= 0:
                    unite(parent, p, at, above)


@kernel(
    over="q,m,n", mass="f32[q,m,n]", parent="i32[p,places] inout", total="i32[q,places] inout",
    unit="f32", n="i32", forests="i32",
)  # fmt: skip
def collect(q, y, x, mass, parent, total, unit, n, forests):
    """Hang a cell on its root, and add its mass there; plane q belongs to forest q modulo `forests`."""
    p = q % forests
    at = i32(1 + y * n + x)
    if parent[p, at] >= 0:
        top = root(parent, p, at)
        parent[p, at] = top
        add(total, q, top, i32(mass[q, y, x] * unit + f32(0.5)))


def unit_of(most: float) -> float:
    """The finest unit, a power of two, in which a sum of up to `most` fits into an i32."""
    return float(2.0 ** np.floor(np.log2(LARGEST / most)))


def sums(
    member: Array, least: float, mass: Array, unit: float, parent: Array, total: Array, rim: int = -1
) -> None:  # fmt: skip
    """Join the 8-connected cells of f32[p,m,n] `member` that are `least` or more, and sum `mass` f32[q,m,n] over each.

    After it every cell hangs on its root, so that the sum over its thing is `total[q, parent[p, cell]]`. What touches
    the grid's border in forest `rim` is all one, with root 0.
    """
    p, m, n = member.shape
    plant(member, parent, total, least, rim, m, n, mass.shape[0], p)
    link(parent, m, n)
    collect(mass, parent, total, unit, n, p)
