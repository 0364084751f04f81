"""A clean plate, the picture of the empty scene, made from footage in which people may come and go.

Every pixel keeps some samples of the past in a ring, only those taken while nothing moved there; the plate is where
most of them agree: one step of mean shift from the densest sample (Comaniciu and Meer, PAMI 24, 2002).
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.devices import device_of, to_host
from bgflow.frame import Array
from bgflow.kernel import function, kernel
from bgflow.kernels.guided import Scratch

f32, i32, u8 = np.float32, np.int32, np.uint8

CELL = 4  # pixels a side of what is still or moves as one
UPSET = 0.5  # share of the picture that moves from which on it is not looked at: the camera or the light moves
LOUD = 1.25  # a cell's change, in standard deviations of the noise, that noise alone does not reach
WIDE = 2.5  # standard deviations of the noise by which samples of one colour may differ
DIFFERENCE = 0.886  # standard deviation of normal values whose differences are 1 on average: half the root of pi
CLEAR = 0.1  # alpha from which on a pixel is no background to learn


@kernel(image="u8[h,w,3]", ring="u8[n,h,w,3] inout", count="u8[h,w] out", last="u8[h,w,3] out")
def begin(y, x, image, ring, count, last):
    """Forget all samples; until there are any the picture itself is the plate."""
    count[y, x] = u8(0)
    for c in range(3):
        ring[0, y, x, c] = image[y, x, c]
        last[y, x, c] = image[y, x, c]


@kernel(
    over="m,n", image="u8[h,w,3]", last="u8[h,w,3]", alpha="f32[h,w]", out="u8[m,n] out",
    change="f32[m,n] out", levels="f32", h="i32", w="i32",
)  # fmt: skip
def moved(y, x, image, last, alpha, out, change, levels, h, w):
    """1 for a cell whose mean colour has changed by more than `levels`, or that a subject touches.

    `change` is how much its pixels have changed on average, each by itself.
    """
    r = i32(0)
    g = i32(0)
    b = i32(0)
    total = i32(0)
    subject = f32(0)
    y1 = min(y * CELL + CELL, h)
    x1 = min(x * CELL + CELL, w)
    for j in range(y * CELL, y1):
        for i in range(x * CELL, x1):
            dr = i32(image[j, i, 0]) - i32(last[j, i, 0])
            dg = i32(image[j, i, 1]) - i32(last[j, i, 1])
            db = i32(image[j, i, 2]) - i32(last[j, i, 2])
            r += dr
            g += dg
            b += db
            total += abs(dr) + abs(dg) + abs(db)
            subject = max(subject, alpha[j, i])
    most = max(abs(r), abs(g), abs(b))
    area = f32((y1 - y * CELL) * (x1 - x * CELL))
    busy = f32(most) > levels * area or subject > f32(CLEAR)
    change[y, x] = f32(total) / (f32(3) * area)
    out[y, x] = u8(1 if busy else 0)


@kernel(over="m", busy="u8[m,n]", change="f32[m,n]", out="f32[m,2] out", n="i32")
def count_busy(y, busy, change, out, n):
    """How many cells of each row are 1, and the sum of the change of the others."""
    total = i32(0)
    rest = f32(0)
    for x in range(n):
        total += i32(busy[y, x])
        rest += f32(1 - i32(busy[y, x])) * change[y, x]
    out[y, 0] = f32(total)
    out[y, 1] = rest


@kernel(
    over="m,n", image="u8[h,w,3]", busy="u8[m,n]", ring="u8[s,h,w,3] inout", count="u8[h,w] inout",
    last="u8[h,w,3] out", take="i32", size="i32", h="i32", w="i32", m="i32", n="i32",
)  # fmt: skip
def enter(y, x, image, busy, ring, count, last, take, size, h, w, m, n):
    """Put a cell's pixels into their rings if `take` is 1 and neither it nor a cell beside it is busy.

    A pixel's count runs from 0 to 2 * size - 1 and on from size: it tells the oldest sample, and how many there are.
    """
    around = i32(1) - take
    for j in range(max(y - 1, 0), min(y + 2, m)):
        for i in range(max(x - 1, 0), min(x + 2, n)):
            around += i32(busy[j, i])
    for j in range(y * CELL, min(y * CELL + CELL, h)):
        for i in range(x * CELL, min(x * CELL + CELL, w)):
            k = i32(count[j, i])
            for c in range(3):
                last[j, i, c] = image[j, i, c]
                if around == 0:
                    ring[k % size, j, i, c] = image[j, i, c]
            if around == 0:
                count[j, i] = u8(k + 1 if k + 1 < 2 * size else size)


@function
def alike(ring, i, y, x, r, g, b, reach):
    """Whether sample i of a pixel is within `reach` levels of a colour, in every channel."""
    far = max(abs(f32(ring[i, y, x, 0]) - r), abs(f32(ring[i, y, x, 1]) - g), abs(f32(ring[i, y, x, 2]) - b))
    return far <= reach


@kernel(
    ring="u8[n,h,w,3]", count="u8[h,w]", plate="u8[h,w,3] out", spread="f32[h,w] out", support="f32[h,w] out",
    reach="f32", size="i32",
)  # fmt: skip
def settle(y, x, ring, count, plate, spread, support, reach, size):
    """The mean of the samples around the densest one, their standard deviation, and their share of the ring."""
    n = min(i32(count[y, x]), size)
    most = i32(0)
    best = i32(0)
    for i in range(n):
        if 2 * most <= n:  # nothing is denser than a sample that more than half agree with
            r = f32(ring[i, y, x, 0])
            g = f32(ring[i, y, x, 1])
            b = f32(ring[i, y, x, 2])
            near = i32(0)
            for j in range(n):
                near += i32(1) if alike(ring, j, y, x, r, g, b, reach) else i32(0)
            if near > most:
                most = near
                best = i32(i)
    r = f32(ring[best, y, x, 0])
    g = f32(ring[best, y, x, 1])
    b = f32(ring[best, y, x, 2])
    square = f32(0)
    members = f32(0)
    for _ in range(2):
        sr, sg, sb, members, square = f32(0), f32(0), f32(0), f32(0), f32(0)
        for j in range(n):
            if alike(ring, j, y, x, r, g, b, reach):
                dr = f32(ring[j, y, x, 0]) - r
                dg = f32(ring[j, y, x, 1]) - g
                db = f32(ring[j, y, x, 2]) - b
                sr += dr
                sg += dg
                sb += db
                square += dr * dr + dg * dg + db * db
                members += f32(1)
        each = f32(1) / max(members, f32(1))
        square = square * each - (sr * sr + sg * sg + sb * sb) * each * each
        r += sr * each
        g += sg * each
        b += sb * each
    plate[y, x, 0] = u8(i32(r + f32(0.5)))
    plate[y, x, 1] = u8(i32(g + f32(0.5)))
    plate[y, x, 2] = u8(i32(b + f32(0.5)))
    spread[y, x] = np.sqrt(max(square, f32(0)) * f32(1 / 3))
    support[y, x] = members / f32(size)


@kernel(over="h", support="f32[h,w]", spread="f32[h,w]", out="f32[h,2] out", w="i32")
def grade(y, support, spread, out, w):
    """Of every row: how much is covered (wholly where half of the ring agrees), and the sum of the spread there."""
    covered = f32(0)
    noise = f32(0)
    for x in range(w):
        part = min(f32(2) * support[y, x], f32(1))
        covered += part
        noise += part * spread[y, x]
    out[y, 0] = covered
    out[y, 1] = noise


class Rings:
    """The samples of every pixel, and what is known about them."""

    def __init__(self, h: int, w: int, samples: int, scratch: Scratch) -> None:
        m, n = -(-h // CELL), -(-w // CELL)
        self.size, self.looks, self.motion, self.noise = samples, 0, 0.0, 0.0
        self._ring, self._count = scratch("ring", (samples, h, w, 3), u8), scratch("count", (h, w), u8)
        self._last, self._nobody = scratch("last", (h, w, 3), u8), scratch("nobody", (h, w), f32)
        self._busy, self._change = scratch("busy", (m, n), u8), scratch("change", (m, n), f32)
        self._rows, self._grades = scratch("rows", (m, 2), f32), scratch("grades", (h, 2), f32)
        self._support = scratch("support", (h, w), f32)
        device_of(self._nobody).upload(np.zeros((h, w), f32), self._nobody)

    def begin(self, image: Array) -> None:
        """Forget everything; `motion` is the share of the picture that moved at a look, `noise` is in levels."""
        begin(image, self._ring, self._count, self._last)
        self.looks, self.motion, self.noise = 0, 0.0, 0.0

    def look(self, image: Array, alpha: Array | None, levels: float) -> None:
        """Take one sample of every pixel that is still, unless most of them are not."""
        h, w = image.shape[:2]
        m, n = self._busy.shape
        levels = max(levels, LOUD * self.noise)
        moved(image, self._last, self._nobody if alpha is None else alpha, self._busy, self._change, levels, h, w)
        count_busy(self._busy, self._change, self._rows, n)
        busy, change = to_host(self._rows).sum(axis=0)
        share = float(busy) / (m * n)
        take = int(share <= UPSET)
        enter(image, self._busy, self._ring, self._count, self._last, take, self.size, h, w, m, n)
        if self.looks and take:
            self.noise = max(self.noise, float(change) / (m * n - float(busy)) * DIFFERENCE)
        self.motion = (self.motion * self.looks + share) / (self.looks + 1)
        self.looks += 1

    def settle(self, top: int, end: int, plate: Array, spread: Array, reach: float) -> None:
        """Work out the rows top..end of the plate and its spread from samples that are within `reach` levels."""
        rows = slice(top, end)
        reach = max(reach, WIDE * self.noise)
        settle(self._ring[:, rows], self._count[rows], plate[rows], spread[rows], self._support[rows], reach, self.size)

    def grade(self, spread: Array) -> tuple[float, float]:
        """The share of the plate that half of its samples agree on, and the standard deviation of these, in levels."""
        h, w = spread.shape
        grade(self._support, spread, self._grades, w)
        covered, noise = (float(v) for v in to_host(self._grades).sum(axis=0))
        return covered / (h * w), noise / max(covered, 1.0)
