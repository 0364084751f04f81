"""Tell the subjects of a matte apart: connected components on a coarse grid.

Two subjects are two when at least a cell between them is free (a 180th of the height, which is as fine as a network of
320x320 sees a picture of 16:9). What is fainter than the subjects belongs to the nearest one, so that hair and soft
edges stay whole. Following the components is a matter of some ten thousand cells and is done on the host; the picture
itself stays where it is.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.kernel import kernel

f32 = np.float32
i32 = np.int32
u8 = np.uint8

CELLS = 180  # rows of the grid, at most


def cell(h: int) -> int:
    """Rows and columns of pixels in a cell of a picture of `h` rows."""
    return -(-h // CELLS)


@kernel(over="m,n", alpha="f32[h,w]", mass="f32[m,n] out", peak="f32[m,n] out", k="i32", h="i32", w="i32")
def measure(y, x, alpha, mass, peak, k, h, w):
    """The sum and the largest value of alpha in every cell of k by k pixels."""
    total = f32(0)
    most = f32(0)
    for j in range(y * k, min(y * k + k, h)):
        for i in range(x * k, min(x * k + k, w)):
            a = alpha[j, i]
            total += a
            most = max(most, a)
    mass[y, x] = total
    peak[y, x] = most


@kernel(over="m,n", image="u8[h,w,3]", tint="u8[m,n,3] out", k="i32", h="i32", w="i32")
def glance(y, x, image, tint, k, h, w):
    """The colour in the middle of every cell."""
    j = min(y * k + k // 2, h - 1)
    i = min(x * k + k // 2, w - 1)
    for c in range(3):
        tint[y, x, c] = image[j, i, c]


@kernel(
    over="one", peak="f32[m,n]", labels="i32[m,n] out", queue="i32[one,cells] out", found="i32[one,1] out",
    strong="f32", m="i32", n="i32",
)  # fmt: skip
def label(batch, peak, labels, queue, found, strong, m, n):
    """Number the 8-connected components of what is `strong`, from 1 on; every other cell gets the nearest one's number.

    Nearest is by steps to any of the 8 neighbours, and of two as near it is the one that was found first. `found` is
    how many there are; without any, all numbers are 0.
    """
    for y in range(m):
        for x in range(n):
            labels[y, x] = 0
    count = 0
    head = 0
    tail = 0
    for start in range(m * n):
        y = start // n
        x = start % n
        if labels[y, x] != 0 or peak[y, x] < strong:
            continue
        count += 1
        labels[y, x] = count
        queue[batch, tail] = start
        tail += 1
        while head < tail:
            y = i32(queue[batch, head]) // n
            x = i32(queue[batch, head]) % n
            head += 1
            for j in range(max(y - 1, 0), min(y + 2, m)):
                for i in range(max(x - 1, 0), min(x + 2, n)):
                    if labels[j, i] == 0 and peak[j, i] >= strong:
                        labels[j, i] = count
                        queue[batch, tail] = j * n + i
                        tail += 1
    head = 0
    while head < tail:
        y = i32(queue[batch, head]) // n
        x = i32(queue[batch, head]) % n
        head += 1
        for j in range(max(y - 1, 0), min(y + 2, m)):
            for i in range(max(x - 1, 0), min(x + 2, n)):
                if labels[j, i] == 0:
                    labels[j, i] = labels[y, x]
                    queue[batch, tail] = j * n + i
                    tail += 1
    found[batch, 0] = count


@kernel(over="h,n", alpha="f32[h,w]", kept="u8[m,n]", out="f32[h,w] out", k="i32", w="i32")
def keep(y, x, alpha, kept, out, k, w):
    """One row of a cell: alpha where the cell is kept, else 0."""
    stays = kept[y // k, x] != 0
    for i in range(x * k, min(x * k + k, w)):
        out[y, i] = alpha[y, i] if stays else f32(0)


@kernel(over="h,n", alpha="f32[h,w]", numbers="u8[m,n]", ids="u8[h,w] out", strong="f32", k="i32", w="i32")
def identify(y, x, alpha, numbers, ids, strong, k, w):
    """One row of a cell: its subject's number where alpha is `strong`, else 0."""
    number = numbers[y // k, x]
    for i in range(x * k, min(x * k + k, w)):
        ids[y, i] = number if alpha[y, i] >= strong else u8(0)
