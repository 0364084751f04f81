"""Where a matte has an edge: tiles of 8 by 8 cells, and runs of neighbours in a row of them.

A tile is in the band of a matte's edge when the matte is neither all low nor all high within its reach. The band's runs
are long enough for vector instructions, where a single tile is not.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.kernel import function, kernel

i32, u8 = np.int32, np.uint8
f32 = np.float32

TILE = 8  # cells a side
ABOVE, BELOW, EDGE = 1, 2, 3  # a matte that is somewhere not low, somewhere not high, and both


@function
def end_of(near, y, x, q):
    """The first tile right of tile x that is in the band when x is not, or the other way round."""
    here = near[y, x] == EDGE
    while x < q and (near[y, x] == EDGE) == here:
        x += 1
    return x


@function
def beside(near, y, x, p, q):
    """Whether any of the nine tiles around is in the band."""
    some = i32(0)
    for j in range(max(y - 1, 0), min(y + 2, p)):
        for i in range(max(x - 1, 0), min(x + 2, q)):
            some += i32(1) if near[j, i] == EDGE else i32(0)
    return some > i32(0)


@kernel(
    over="p", alpha="f32[h,w]", high="f32[p,w] out", low="f32[p,w] out", kind="u8[p,q] out",
    flat="f32", side="i32", h="i32", w="i32", q="i32",
)  # fmt: skip
def sort(y, alpha, high, low, kind, flat, side, h, w, q):
    """Whether anything in a tile of so many pixels a side is above `flat`, and whether anything is below 1 - flat."""
    y = max(i32(y), i32(0))
    most, least = high[y], low[y]
    top = alpha[y * side]
    for i in range(w):
        most[i] = top[i]
        least[i] = top[i]
    for j in range(y * side + 1, min(y * side + side, h)):
        row = alpha[j]
        for i in range(w):
            most[i] = row[i] if row[i] > most[i] else most[i]
            least[i] = row[i] if row[i] < least[i] else least[i]
    for tile in range(q):
        found = i32(0)
        for i in range(tile * side, min(tile * side + side, w)):
            found |= i32(most[i] > flat) * i32(ABOVE) | i32(least[i] < f32(1) - flat) * i32(BELOW)
        kind[y, tile] = u8(found)


@kernel(over="p,q", kind="u8[p,q]", near="u8[p,q] out", reach="i32", p="i32", q="i32")
def spread(y, x, kind, near, reach, p, q):
    """What the tiles within reach are together: EDGE in the band, else all ABOVE or all BELOW."""
    found = u8(0)
    for j in range(max(y - reach, 0), min(y + reach + 1, p)):
        for i in range(max(x - reach, 0), min(x + reach + 1, q)):
            found |= kind[j, i]
    near[y, x] = found
