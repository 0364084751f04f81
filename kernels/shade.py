"""The shadow that a subject casts: how much light it leaves to the background, also where the subject hides it.

Light is the picture's brightness over the plate's, in cells of some pixels and only near pixels that are labelled as
shadow. Under the subject it is filled in from what is around it, by means over windows that grow where nothing is
known (normalised convolution: Knutsson and Westin, CVPR 1993).
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import kernel
from bgflow.kernels import box, resize
from bgflow.kernels.chroma import luma
from bgflow.kernels.guided import Scratch

f32, i32, u8 = np.float32, np.int32, np.uint8

ROWS = 135  # of cells, about
FAINT = 0.1  # alpha from which a pixel's colour is the subject's too
NEAR = 0.08  # of the height: that far from pixels of a shadow light may be missing, labelled or not
CROWD = 4.0  # one pixel in so many, that near, must be shadow
HALF = 0.25  # share of known cells in a window from which its mean counts wholly
REACHES = (0.5, 0.12, 0.03)  # of the height: the windows that fill in, from wide to narrow
DARKEST = 0.1  # light that any shadow leaves


@kernel(
    over="m,n", image="u8[h,w,3]", plate="u8[h,w,3]", label="u8[h,w]", alpha="f32[h,w]", out="f32[4,m,n] out",
    k="i32", h="i32", w="i32",
)  # fmt: skip
def weigh_cells(y, x, image, plate, label, alpha, out, k, h, w):
    """Of a cell of k by k pixels: 1 if nothing is subject, the share of shadow, brightness of picture and of plate."""
    seen = f32(0)
    shadow = f32(0)
    lit = f32(0)
    full = f32(0)
    known = f32(1)
    bottom = min(y * k + k, h)
    right = min(x * k + k, w)
    for j in range(y * k, bottom):
        for i in range(x * k, right):
            if alpha[j, i] > f32(FAINT):
                known = f32(0)
            seen += f32(1)
            shadow += f32(1) if label[j, i] == 127 else f32(0)
            lit += luma(f32(image[j, i, 0]), f32(image[j, i, 1]), f32(image[j, i, 2]))
            full += luma(f32(plate[j, i, 0]), f32(plate[j, i, 1]), f32(plate[j, i, 2]))
    out[0, y, x] = known
    out[1, y, x] = known * shadow / seen
    out[2, y, x] = lit / seen
    out[3, y, x] = full / seen


@kernel(over="m", cells="f32[4,m,n]", out="f32[m,2] out", n="i32")
def sum_light(y, cells, out, n):
    """Brightness of picture and plate over the cells of a row that are background without a shadow."""
    lit = f32(0)
    full = f32(0)
    for x in range(n):
        if cells[0, y, x] > f32(0) and cells[1, y, x] == f32(0):
            lit += cells[2, y, x]
            full += cells[3, y, x]
    out[y, 0] = lit
    out[y, 1] = full


@kernel(over="one", rows="f32[m,2]", out="f32[one] out", m="i32")
def exposure(i, rows, out, m):
    """By what factor the picture is brighter than the plate where no shadow falls; 1 where shadow is everywhere."""
    lit = f32(0)
    full = f32(0)
    for y in range(m):
        lit += rows[y, 0]
        full += rows[y, 1]
    out[i] = min(max(lit / full, f32(0.25)), f32(4)) if full > f32(0) else f32(1)


@kernel(over="m,n", cells="f32[4,m,n]", near="f32[2,m,n]", gain="f32[1]", out="f32[2,m,n] out")
def missing_light(y, x, cells, near, gain, out):
    """Plane 0: whether a cell is known; plane 1: if so, the share of the light that a shadow takes from it."""
    share = min(f32(CROWD) * near[1, y, x] / max(near[0, y, x], f32(1e-6)), f32(1))
    left = (cells[2, y, x] + f32(1)) / (gain[0] * cells[3, y, x] + f32(1))  # 1: black has a ratio of noise
    out[0, y, x] = cells[0, y, x]
    out[1, y, x] = cells[0, y, x] * share * (f32(1) - min(max(left, f32(DARKEST)), f32(1)))


@kernel(over="m,n", means="f32[2,m,n]", shade="f32[m,n] inout", strength="f32")
def fill(y, x, means, shade, strength):
    """Take the mean of a window as far as enough of it is known; the light of wider windows stays where it is not."""
    sure = min(means[0, y, x] / f32(HALF), f32(1))
    there = f32(1) - min(strength * means[1, y, x] / max(means[0, y, x], f32(1e-6)), f32(1))
    shade[y, x] += (there - shade[y, x]) * sure


@kernel(over="m,n", label="u8[h,w]", out="f32[1,m,n] out", k="i32", h="i32", w="i32")
def count_shadow(y, x, label, out, k, h, w):
    """The share of shadow in a cell of k by k pixels."""
    total = f32(0)
    bottom = min(y * k + k, h)
    right = min(x * k + k, w)
    for j in range(y * k, bottom):
        for i in range(x * k, right):
            total += f32(1) if label[j, i] == 127 else f32(0)
    out[0, y, x] = total / f32((bottom - y * k) * (right - x * k))


@kernel(alpha="f32[h,w]", share="f32[h,w]", out="f32[h,w] out", strength="f32")
def keep_shadow(y, x, alpha, share, out, strength):
    """The matte, and beside it the shadow: not where single pixels are, and wholly where most pixels are."""
    s = min(max(f32(2) * share[y, x] - f32(0.5), f32(0)), f32(1))
    out[y, x] = max(alpha[y, x], strength * s)


def cast(
    image: Array, plate: Array, label: Array, alpha: Array, out: Array, strength: float, blur: float, scratch: Scratch
) -> None:
    """Write to `out` f32[h,w] the light that the subject's shadow leaves, 0..1; `blur` softens it, in pixels."""
    h, w = label.shape
    k, m, n = grid(h, w)
    cells, near = scratch("shade cells", (4, m, n), f32), scratch("shade near", (2, m, n), f32)
    between, missing = scratch("shade between", (2, m, n), f32), scratch("shade missing", (2, m, n), f32)
    rows, gain = scratch("shade rows", (m, 2), f32), scratch("shade gain", (1,), f32)
    weigh_cells(image, plate, label, alpha, cells, k, h, w)
    sum_light(cells, rows, n)
    exposure(rows, gain, m)
    box.mean(cells[:2], near, max(round(NEAR * m), 1), between)
    missing_light(cells, near, gain, missing)
    small = scratch("shade small", (m, n), f32)
    small.fill(1)
    for reach in REACHES:
        box.mean(missing, near, max(round(reach * m), 1), between)
        fill(near, small, strength)
    fill(missing, small, strength)
    if radius := round(blur / k):
        box.mean(small[None], small[None], radius, between[:1])
    resize.matte(small, out)


def keep(label: Array, alpha: Array, out: Array, strength: float, scratch: Scratch) -> None:
    """Write to `out` f32[h,w] the matte with the shadow in it."""
    h, w = label.shape
    k, m, n = grid(h, w)
    share, between = scratch("shade share", (1, m, n), f32), scratch("shade between", (1, m, n), f32)
    full = scratch("shade full", (h, w), f32)
    count_shadow(label, share, k, h, w)
    box.mean(share, share, 1, between)
    resize.matte(share[0], full)
    keep_shadow(alpha, full, out, strength)


def grid(h: int, w: int) -> tuple[int, int, int]:
    """The side of a cell, and how many cells there are down and across."""
    k = max(round(min(h, w) / ROWS), 1)
    return k, -(-h // k), -(-w // k)
