"""Things that a background model votes for, and how much of each a network finds too.

A thing is connected cells with votes. A CPU follows each from cell to cell; a GPU joins neighbours in a forest.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.devices import device_of
from bgflow.frame import Array
from bgflow.kernel import function, kernel
from bgflow.kernels import forest
from bgflow.kernels.guided import Scratch

f32, i32 = np.float32, np.int32

VOTED, FOUND = 0, 1
FEW = f32(1)  # pixels of evidence that count as none
THING = f32(4)  # votes that make a cell part of a thing


@function
def share(part, whole):
    """part / whole, and next to 0 where there is next to no whole."""
    return min(max(part / (whole + FEW), f32(0)), f32(1))


@kernel(
    over="one", cells="f32[2,m,n]", backing="f32[m,n] out", queue="i32[size] out", m="i32", n="i32", size="i32",
    one="i32",
)  # fmt: skip
def follow(i, cells, backing, queue, m, n, size, one):
    """Of every thing that is voted for, in connected cells, the share that the network finds too."""
    for y in range(m):
        for x in range(n):
            backing[y, x] = f32(-1) if cells[VOTED, y, x] >= THING else f32(0)
    for start in range(m * n):
        if backing[start // n, start % n] >= f32(0):
            continue
        backing[start // n, start % n] = f32(0)
        queue[0] = start
        head = 0
        tail = 1
        voted = f32(0)
        found = f32(0)
        while head < tail:
            y = int(queue[head]) // n
            x = int(queue[head]) % n
            head += 1
            voted += cells[VOTED, y, x]
            found += cells[FOUND, y, x]
            for j in range(max(y - 1, 0), min(y + 2, m)):
                for k in range(max(x - 1, 0), min(x + 2, n)):
                    if backing[j, k] < f32(0):
                        backing[j, k] = f32(0)
                        queue[tail] = j * n + k
                        tail += 1
        for k in range(tail):
            backing[int(queue[k]) // n, int(queue[k]) % n] = share(found, voted)


@kernel(
    over="m,n", parent="i32[1,places]", total="i32[2,places]", backing="f32[m,n] out", unit="f32", n="i32",
)  # fmt: skip
def back(y, x, parent, total, backing, unit, n):
    """The same from the sums over all things: of votes, and of those that the network finds."""
    top = parent[0, 1 + y * n + x]
    backing[y, x] = share(f32(total[1, top]) / unit, f32(total[0, top]) / unit) if top >= 0 else f32(0)


def back_up(cells: Array, backing: Array, pixels: int, scratch: Scratch) -> None:
    """Write to f32[m,n], for each cell of a thing that is voted for, the share of it that the network finds too.

    `cells` f32[2,m,n] counts the votes of a cell, and those of them that the network finds; a cell has so many pixels.
    """
    m, n = backing.shape
    if device_of(cells).simt:
        parent, total = scratch("parent", (1, 1 + m * n), i32), scratch("total", (2, 1 + m * n), i32)
        unit = forest.unit_of(m * n * pixels)
        forest.sums(cells[:1], float(THING), cells, unit, parent, total)
        back(parent, total, backing, unit, n)
    else:
        follow(cells, backing, scratch("queue", (m * n,), i32), m, n, m * n, 1)
