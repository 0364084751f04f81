"""Small grey pictures, and each at half the size of the one before it: what motion is looked for in.

Brightness is u16 in sixteenths of a level, 0..4080. Each picture has a margin of PAD repeated pixels on each side, so
that no patch of it needs a border. A CPU makes a row at a time, in vectors; a GPU has a thread for each pixel.
"""

# mypy: allow-untyped-defs, disable-error-code="operator, arg-type, call-overload"
from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from bgflow.devices import device_of
from bgflow.frame import Array
from bgflow.kernel import function, kernel

f32, i32, u16 = np.float32, np.int32, np.uint16

PAD = 12  # pixels around a grey picture


@function
def mean(total, scale):
    """Sixteenths of a level, from the sum over red, twice green and blue."""
    return u16(i32(f32(total) * scale + f32(0.5)))


@function
def share(height, width):
    """What a pixel counts in the mean of so many."""
    return f32(4) / f32(height * width)


@function
def cells(row, out, count, k, scale):
    """The means of `count` cells, from a row of sums of red, green and blue."""
    for x in range(count):
        total = i32(0)
        for i in range(k):
            at = 3 * (k * x + i)
            total = i32(total + i32(row[at]) + 2 * i32(row[at + 1]) + i32(row[at + 2]))
        out[x] = mean(total, scale)


@function
def widen(out, y, m, n):
    """Fill the margin beside row y of m by n pixels; beside the first row that above it, too, and so with the last."""
    first = out[y + PAD, PAD]
    last = out[y + PAD, PAD + n - 1]
    for x in range(PAD):
        out[y + PAD, x] = first
        out[y + PAD, PAD + n + x] = last
    if y == 0:
        for j in range(PAD):
            for x in range(n + 2 * PAD):
                out[j, x] = out[PAD, x]
    if y == m - 1:
        for j in range(PAD):
            for x in range(n + 2 * PAD):
                out[PAD + m + j, x] = out[PAD + m - 1, x]


@kernel(
    over="ph,pw", image="u8[h,w,3]", out="u16[ph,pw] out", k="i32", m="i32", n="i32", h="i32", w="i32",
)  # fmt: skip
def grey_pixel(y, x, image, out, k, m, n, h, w):
    """The mean brightness of k by k pixels, with the margin; what is beyond the picture repeats its border."""
    top = min(min(max(y - PAD, 0), m - 1), (h - 1) // k) * k
    left = min(min(max(x - PAD, 0), n - 1), (w - 1) // k) * k
    bottom = min(top + k, h)
    right = min(left + k, w)
    total = i32(0)
    for j in range(top, bottom):
        for i in range(left, right):
            total += i32(image[j, i, 0]) + 2 * i32(image[j, i, 1]) + i32(image[j, i, 2])
    out[y, x] = mean(total, share(bottom - top, right - left))


@kernel(
    over="m", samples="u8[h,c]", sums="u16[m,c] out", out="u16[ph,pw] out", k="i32", n="i32", h="i32", w="i32", m="i32",
)  # fmt: skip
def grey_row(y, samples, sums, out, k, n, h, w, m):
    """A row of `grey_pixel`, from rows of bytes: first they are added, then the columns."""
    top = max(i32(min(i32(y), (h - 1) // k) * k), 0)
    bottom = min(top + k, h)
    total = sums[y]
    row = samples[top]
    for i in range(3 * w):
        total[i] = u16(row[i])
    for j in range(top + 1, bottom):
        row = samples[j]
        for i in range(3 * w):
            total[i] = u16(i32(total[i]) + i32(row[i]))
    row = out[y + PAD, PAD : PAD + n]
    scale = share(bottom - top, k)
    whole = w // k
    if k == 2:  # as a number, it makes the compiler unroll the sums over a cell
        cells(total, row, whole, 2, scale)
    elif k == 3:
        cells(total, row, whole, 3, scale)
    elif k == 4:
        cells(total, row, whole, 4, scale)
    else:
        cells(total, row, whole, k, scale)
    if whole * k < w:
        cells(total[3 * k * whole :], row[whole:], 1, w - k * whole, share(bottom - top, w - k * whole))
    known = (w - 1) // k
    for x in range(known + 1, n):
        row[x] = row[known]
    widen(out, y, m, n)


@function
def quarter(a, b, c, d):
    """The mean of four."""
    return u16((i32(a) + i32(b) + i32(c) + i32(d) + 2) >> 2)


@kernel(over="ph,pw", source="u16[sh,sw]", out="u16[ph,pw] out", m="i32", n="i32")
def halve_pixel(y, x, source, out, m, n):
    """The picture at half its size, with its margin."""
    j = PAD + 2 * min(max(y - PAD, 0), m - 1)
    i = PAD + 2 * min(max(x - PAD, 0), n - 1)
    out[y, x] = quarter(source[j, i], source[j, i + 1], source[j + 1, i], source[j + 1, i + 1])


@kernel(over="m", source="u16[sh,sw]", out="u16[ph,pw] out", n="i32", m="i32")
def halve_row(y, source, out, n, m):
    """A row of `halve_pixel`."""
    a = source[PAD + 2 * y, PAD : PAD + 2 * n]
    b = source[PAD + 2 * y + 1, PAD : PAD + 2 * n]
    row = out[y + PAD, PAD : PAD + n]
    for x in range(n):
        row[x] = quarter(a[2 * x], a[2 * x + 1], b[2 * x], b[2 * x + 1])
    widen(out, y, m, n)


def padded(m: int, n: int) -> tuple[int, int]:
    """The shape of a grey picture of m by n pixels with its margin."""
    return m + 2 * PAD, n + 2 * PAD


def inner(picture: Array) -> tuple[int, int]:
    """Rows and columns of a picture without its margin."""
    return picture.shape[0] - 2 * PAD, picture.shape[1] - 2 * PAD


def grey(image: Array, out: Array, k: int, sums: Array) -> None:
    """Reduce `u8[h,w,3]` k times to a grey picture; `sums` is u16[m,3*w] memory for a CPU."""
    (h, w, _), (m, n) = image.shape, inner(out)
    if device_of(image).simt:
        grey_pixel(image, out, k, m, n, h, w)
    else:
        grey_row(image.reshape(h, 3 * w), sums, out, k, n, h, w, m)


def halve(source: Array, out: Array) -> None:
    """The picture at half its size."""
    m, n = inner(out)
    if device_of(source).simt:
        halve_pixel(source, out, m, n)
    else:
        halve_row(source, out, n, m)


def build(pyramid: Sequence[Array]) -> None:
    """All levels of a pyramid, from its first."""
    for large, small in itertools.pairwise(pyramid):
        halve(large, small)
