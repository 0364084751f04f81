"""Shapes of mattes: grow and shrink them, and take away specks and holes.

Grey-scale dilation and erosion by a regular octagon, put together from four lines (Jones and Soille, Signal Processing
45, 1995), cost O(radius). Specks and holes are connected components by area: an area opening and closing (Vincent,
1992) that is decided on a coarse grid, so that a component is followed cell by cell and not pixel by pixel: by one
thread on a CPU (`judge`), by all of them at once on a GPU (forest.py).
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.devices import device_of
from bgflow.frame import Array
from bgflow.kernel import kernel
from bgflow.kernels import forest
from bgflow.kernels.box import run_length
from bgflow.kernels.guided import Scratch

f32 = np.float32
i32 = np.int32
u8 = np.uint8

CELLS = 96  # rows of the coarse grid, at most
FAINT = f32(1 / 16)  # what covers less of a pixel connects nothing
UNSEEN, KEPT, GONE = 0, 1, 2
PACK = 16  # bits of a cell's column in the queue; its row is above them


@kernel(
    over="h,blocks", source="f32[h,w]", out="f32[h,w] out",
    dy="i32", dx="i32", r="i32", part="f32", sign="f32", h="i32", w="i32", blocks="i32", step="i32",
)  # fmt: skip
def line(y, block, source, out, dy, dx, r, part, sign, h, w, blocks, step):
    """The largest (sign 1) or smallest (-1) value among 2r + 1 pixels along a line; the next two count for a `part`.

    Pixels outside the picture do not count.
    """
    left = block * step
    right = min(left + step, w)
    for x in range(left, right):
        out[y, x] = source[y, x]
    for i in range(2 * r + 3):
        k = i - r if i <= 2 * r else (i - 2 * r - 1) * (2 * r + 2) - r - 1
        share = f32(1) if i <= 2 * r else part
        first = max(left, -k * dx)
        last = min(right, w - k * dx)
        if 0 <= y + k * dy < h and first < last and share > f32(0):
            mine = out[y, first:last]  # slices, because numba vectorises no index that could be negative
            other = source[y + k * dy, first + k * dx : last + k * dx]
            for x in range(last - first):
                a = mine[x]
                b = other[x]
                mine[x] = a + (b - a) * share if sign * b > sign * a else a


@kernel(
    over="m,n", alpha="f32[h,w]", mass="f32[2,m,n] out", peak="f32[2,m,n] out",
    k="i32", h="i32", w="i32",
)  # fmt: skip
def survey(y, x, alpha, mass, peak, k, h, w):
    """Of every cell of k by k pixels, how much is subject (plane 0) and background (1): in all, and at most."""
    total = f32(0)
    most = f32(0)
    least = f32(1)
    y1 = min(y * k + k, h)
    x1 = min(x * k + k, w)
    for j in range(y * k, y1):
        for i in range(x * k, x1):
            total += alpha[j, i]
            most = max(most, alpha[j, i])
            least = min(least, alpha[j, i])
    mass[0, y, x] = total
    mass[1, y, x] = f32((y1 - y * k) * (x1 - x * k)) - total
    peak[0, y, x] = most
    peak[1, y, x] = f32(1) - least


@kernel(
    over="m", alpha="f32[h,w]", columns="f32[m,3,w] out", mass="f32[2,m,n] out", peak="f32[2,m,n] out",
    k="i32", h="i32", w="i32", n="i32",
)  # fmt: skip
def survey_row(y, alpha, columns, mass, peak, k, h, w, n):
    """The same of a row of cells, whose columns of pixels are added up first, for vector instructions."""
    top = max(i32(y) * k, i32(0))
    bottom = min(top + k, h)
    total, most, least = columns[y, 0], columns[y, 1], columns[y, 2]
    row = alpha[top]
    for x in range(w):
        total[x] = row[x]
        most[x] = row[x]
        least[x] = row[x]
    for j in range(top + 1, bottom):
        row = alpha[j]
        for x in range(w):
            total[x] += row[x]
            most[x] = row[x] if row[x] > most[x] else most[x]
            least[x] = row[x] if row[x] < least[x] else least[x]
    for cell in range(n):
        first = cell * k
        last = min(first + k, w)
        added, high, low = f32(0), f32(0), f32(1)
        for x in range(first, last):
            added += total[x]
            high = max(high, most[x])
            low = min(low, least[x])
        mass[0, y, cell] = added
        mass[1, y, cell] = f32((bottom - top) * (last - first)) - added
        peak[0, y, cell] = high
        peak[1, y, cell] = f32(1) - low


@kernel(
    over="planes", mass="f32[planes,m,n]", peak="f32[planes,m,n]", verdict="u8[planes,m,n] out",
    queue="i32[planes,cells] out", least="f32", m="i32", n="i32",
)  # fmt: skip
def judge(plane, mass, peak, verdict, queue, least, m, n):
    """Follow every connected component; those of a mass below `least` go, except background at the picture's border."""
    for y in range(m):
        for x in range(n):
            verdict[plane, y, x] = u8(UNSEEN)
    for row in range(m):
        for column in range(n):
            if verdict[plane, row, column] != UNSEEN or peak[plane, row, column] < FAINT:
                continue
            queue[plane, 0] = row << PACK | column
            verdict[plane, row, column] = u8(KEPT)
            head = 0
            tail = 1
            total = f32(0)
            outside = False
            while head < tail:
                y = queue[plane, head] >> PACK
                x = queue[plane, head] & ((1 << PACK) - 1)
                head += 1
                total += mass[plane, y, x]
                outside = outside or (plane == 1 and (y == 0 or x == 0 or y == m - 1 or x == n - 1))
                for j in range(max(y - 1, 0), min(y + 2, m)):
                    for i in range(max(x - 1, 0), min(x + 2, n)):
                        if verdict[plane, j, i] == UNSEEN and peak[plane, j, i] >= FAINT:
                            verdict[plane, j, i] = u8(KEPT)
                            queue[plane, tail] = j << PACK | i
                            tail += 1
            if total < least and not outside:
                for k in range(tail):
                    verdict[plane, queue[plane, k] >> PACK, queue[plane, k] & ((1 << PACK) - 1)] = u8(GONE)


@kernel(
    over="m", alpha="f32[h,w]", verdict="u8[2,m,n]", out="f32[h,w] out", k="i32", h="i32", w="i32", n="i32",
)  # fmt: skip
def sweep(y, alpha, verdict, out, k, h, w, n):
    """A row of cells: 0 where a speck was, 1 where a hole was, alpha elsewhere."""
    for j in range(y * k, min(y * k + k, h)):
        row, made = alpha[j], out[j]
        for x in range(w):
            made[x] = row[x]
    for cell in range(n):
        hole = verdict[1, y, cell] == GONE
        if hole or verdict[0, y, cell] == GONE:
            for j in range(y * k, min(y * k + k, h)):
                for x in range(cell * k, min(cell * k + k, w)):
                    out[j, x] = f32(1) if hole else f32(0)


@kernel(
    alpha="f32[h,w]", parent="i32[2,places]", total="i32[2,places]", out="f32[h,w] out", least="f32", k="i32", n="i32",
)  # fmt: skip
def clear(y, x, alpha, parent, total, out, least, k, n):
    """The same, pixel by pixel, from the sums over things: root 0 is the background outside, which is no hole."""
    at = 1 + (y // k) * n + x // k
    subject = parent[0, at]
    background = parent[1, at]
    speck = subject >= 0 and f32(total[0, subject]) < least
    hole = background > 0 and f32(total[1, background]) < least
    out[y, x] = f32(1) if hole else (f32(0) if speck else alpha[y, x])


@kernel(alpha="f32[h,w]", out="f32[h,w] out", slope="f32")
def steepen(y, x, alpha, out, slope):
    """Make the way from 0 to 1 `slope` times as steep; a half stays a half."""
    out[y, x] = min(max((alpha[y, x] - f32(0.5)) * slope + f32(0.5), f32(0)), f32(1))


def grow(alpha: Array, out: Array, r: float, scratch: Scratch) -> None:
    """Grow (r > 0) or shrink (r < 0) a matte f32[h,w] by r pixels, fractions too, into `out`, another array."""
    h, w = alpha.shape
    step = run_length(alpha, w)
    slant = abs(r) * (1 - 0.5**0.5)
    straight = abs(r) - 2 * slant
    other = scratch("grow", (h, w), f32)
    for source, target, dy, dx, length in (
        (alpha, other, 0, 1, straight),
        (other, out, 1, 0, straight),
        (out, other, 1, 1, slant),
        (other, out, 1, -1, slant),
    ):
        whole = int(length)
        line(source, target, dy, dx, whole, length - whole, 1 if r > 0 else -1, h, w, -(-w // step), step)


def despeckle(alpha: Array, out: Array, least: float, scratch: Scratch) -> None:
    """Take away specks and fill holes of less than `least` pixels, each as large as its alpha adds up to.

    Two things count as one when they are less than a cell apart (a 96th of the height). Background that touches the
    picture's border is no hole.
    """
    h, w = alpha.shape
    k = -(-h // CELLS)
    m, n = -(-h // k), -(-w // k)
    mass, peak = (scratch(name, (2, m, n), f32) for name in ("mass", "peak"))
    if device_of(alpha).simt:
        survey(alpha, mass, peak, k, h, w)
        parent, total = (scratch(name, (2, 1 + m * n), i32) for name in ("parent", "total"))
        unit = forest.unit_of(h * w)
        forest.sums(peak, float(FAINT), mass, unit, parent, total, rim=1)
        clear(alpha, parent, total, out, least * unit, k, n)
        return
    survey_row(alpha, scratch("columns", (m, 3, w), f32), mass, peak, k, h, w, n)
    verdict = scratch("verdict", (2, m, n), u8)
    judge(mass, peak, verdict, scratch("queue", (2, m * n), i32), least, m, n)
    sweep(alpha, verdict, out, k, h, w, n)
