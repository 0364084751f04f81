"""What most of the pixels around a pixel are: the median of labels, at a cost that does not grow with its area."""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import kernel
from bgflow.kernels.guided import Scratch
from bgflow.kernels.tiles import first, spans

i32, u8, u16 = np.int32, np.uint8, np.uint16

RADIUS = 7  # at most, or a sum of votes would not fit into a byte


def majority(raw: Array, label: Array, r: int, shadow: int, scratch: Scratch) -> None:
    """Subject (255) where most of the 2r + 1 by 2r + 1 pixels of `raw` are, else `shadow` where most are not 0, else 0.

    Pixels outside of the picture have no vote; r is at most RADIUS.
    """
    h, w = raw.shape
    count, span = spans(raw)
    votes, sums = scratch("votes", (h, w + 2 * r), u16), scratch("sums", (h, w), u16)
    majority_column(raw, votes, count, span, h, w, r)
    majority_square(votes, sums, label, count, span, h, w, r, shadow)


@kernel(over="h,spans", raw="u8[h,w]", votes="u16[h,v] out", spans="i32", span="i32", h="i32", w="i32", r="i32")
def majority_column(y, i, raw, votes, spans, span, h, w, r):
    """Of the 2r + 1 pixels above and below, how many are subject, and 256 times how many are not background.

    `votes` has r more columns, of 0, on either side of the picture; r is 7 at most, or sums of votes would not fit.
    """
    start = first(i, span)
    pad = max(i32(r), i32(0))  # r itself; it tells the compiler that no index is negative
    stop = min(start + span, w)
    for x in range(start, stop):
        votes[y, x + pad] = u16(0)
    for k in range(max(i32(y) - r, 0), min(i32(y) + r, h - 1) + 1):
        line = max(i32(k), i32(0))
        for x in range(start, stop):
            vote = (1 if raw[line, x] == 255 else 0) + (256 if raw[line, x] != 0 else 0)
            votes[y, x + pad] = u16(i32(votes[y, x + pad]) + vote)
    if start == 0:
        for x in range(r):
            votes[y, x] = u16(0)
    if stop == w:
        for x in range(w + r, w + 2 * r):
            votes[y, x] = u16(0)


@kernel(
    over="h,spans", votes="u16[h,v]", sums="u16[h,w] out", label="u8[h,w] out", spans="i32", span="i32", h="i32",
    w="i32", r="i32", shadow="i32",
)  # fmt: skip
def majority_square(y, i, votes, sums, label, spans, span, h, w, r, shadow):
    """The median over the square of 2r + 1 pixels a side; pixels outside of the picture have no vote."""
    start = first(i, span)
    stop = min(start + span, w)
    rows = min(i32(y) + r, h - 1) - max(i32(y) - r, 0) + 1
    for x in range(start, stop):
        sums[y, x] = u16(0)
    for k in range(2 * r + 1):
        for x in range(start, stop):
            sums[y, x] = u16(i32(sums[y, x]) + i32(votes[y, x + k]))
    for x in range(start, stop):
        half = rows * (min(x + r, w - 1) - max(x - r, 0) + 1) // 2
        total = i32(sums[y, x])
        label[y, x] = u8(255) if total % 256 > half else (u8(shadow) if total // 256 > half else u8(0))
