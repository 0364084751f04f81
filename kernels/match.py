"""A picture compared with a clean plate of the same scene, whatever the light.

Gain and offset of each channel are fitted to the pixels that agree (iteratively reweighted least squares with the
weights of Geman and McClure, whose scale shrinks); what is a little darker or lighter by a factor may be shadow or
light; and an edge that only one of the two has speaks for a subject even where the colours agree.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import function, kernel
from bgflow.kernels.chroma import blue_chroma, luma, red_chroma
from bgflow.kernels.guided import Scratch, box

f32, i32, u8 = np.float32, np.int32, np.uint8

SUMS = 13  # a weight and, for each channel, its sums of x, y, x x and x y
MIDDLE = 128.0  # subtracted from the colours, so that sums of squares keep their digits
FIRM = 20.0  # variance that holds the gain where the plate has one colour only
SCALES = (60.0, 42.0, 29.0, 20.0, 14.0, 10.0, 7.0, 6.0)  # levels: from coarse to fine
ROWS = 120  # how many rows the fit looks at, about
LIKE = 1.2  # an edge this much stronger than those nearby in the other picture is not the same edge
FAINT = 2.0  # levels per pixel: noise and the rims of soft shadows have edges as strong as that
SLACK = 2  # pixels by which an edge may be off
TINT = 4 / 3  # weight of a difference of chroma
SHADY = 66.0  # levels that a brightness twice that of the plate counts for, light or not
SHADE = 0.92  # brightness, as a share of the plate's, below which a background pixel is a shadow


@kernel(
    plate="u8[h,w,3]", low="u8[h,w,3] out", high="u8[h,w,3] out", reach="i32", h="i32", w="i32",
)  # fmt: skip
def bounds(y, x, plate, low, high, reach, h, w):
    """The darkest and lightest value of each channel within `reach`: what a plate a pixel off would show."""
    for c in range(3):
        least = i32(255)
        most = i32(0)
        for j in range(max(y - reach, 0), min(y + reach + 1, h)):
            for i in range(max(x - reach, 0), min(x + reach + 1, w)):
                least = min(least, i32(plate[j, i, c]))
                most = max(most, i32(plate[j, i, c]))
        low[y, x, c] = u8(least)
        high[y, x, c] = u8(most)


@kernel(
    over="rows", image="u8[h,w,3]", plate="u8[h,w,3]", light="f32[3,2]", out="f32[rows,13] out",
    scale="f32", step="i32", rows="i32", w="i32",
)  # fmt: skip
def correlate(row, image, plate, light, out, scale, step, rows, w):
    """Weighted sums over every `step`-th pixel of every `step`-th row; what differs, or is saturated, weighs little."""
    y = row * step
    for k in range(SUMS):
        out[row, k] = f32(0)
    for x in range(0, w, step):
        d2 = f32(0)
        least = i32(255)
        most = i32(0)
        for c in range(3):
            d = f32(image[y, x, c]) - light[c, 0] * f32(plate[y, x, c]) - light[c, 1]
            d2 += d * d
            least = min(least, i32(image[y, x, c]), i32(plate[y, x, c]))
            most = max(most, i32(image[y, x, c]), i32(plate[y, x, c]))
        if least > 8 and most < 247:
            root = f32(1) / (f32(1) + d2 / (f32(3) * scale * scale))
            weight = root * root
            out[row, 0] += weight
            for c in range(3):
                p = f32(plate[y, x, c]) - f32(MIDDLE)
                q = f32(image[y, x, c]) - f32(MIDDLE)
                out[row, 1 + 4 * c] += weight * p
                out[row, 2 + 4 * c] += weight * q
                out[row, 3 + 4 * c] += weight * p * p
                out[row, 4 + 4 * c] += weight * p * q


@kernel(over="c", sums="f32[rows,13]", light="f32[c,2] inout", rows="i32")
def solve(c, sums, light, rows):
    """Gain and offset of a channel from the sums; they stay where next to nothing agrees."""
    s, p, q, pp, pq = f32(0), f32(0), f32(0), f32(0), f32(0)
    for row in range(rows):
        s += sums[row, 0]
        p += sums[row, 1 + 4 * c]
        q += sums[row, 2 + 4 * c]
        pp += sums[row, 3 + 4 * c]
        pq += sums[row, 4 + 4 * c]
    if s > f32(1):
        p /= s
        q /= s
        gain = (pq / s - p * q + f32(FIRM) * light[c, 0]) / (pp / s - p * p + f32(FIRM))
        gain = min(max(gain, f32(0.25)), f32(4))
        light[c, 0] = gain
        light[c, 1] = q - gain * p + f32(MIDDLE) * (f32(1) - gain)


@kernel(image="u8[h,w,3]", plate="u8[h,w,3]", light="f32[3,2]", out="f32[2,h,w] out")
def lumas(y, x, image, plate, light, out):
    """Brightness of the picture, and of the plate in the picture's light."""
    out[0, y, x] = luma(f32(image[y, x, 0]), f32(image[y, x, 1]), f32(image[y, x, 2]))
    out[1, y, x] = luma(
        light[0, 0] * f32(plate[y, x, 0]) + light[0, 1],
        light[1, 0] * f32(plate[y, x, 1]) + light[1, 1],
        light[2, 0] * f32(plate[y, x, 2]) + light[2, 1],
    )


@function
def ratio(pair, y, x, dark, bright):
    """How much lighter the picture is than the plate, as far as that may be shadow or light."""
    return min(max(pair[0, y, x] / max(pair[1, y, x], f32(1)), dark), bright)


@function
def excess(v, low, high):
    """How far a value is outside of a range, with its sign."""
    return v - high if v > high else (v - low if v < low else f32(0))


@kernel(
    image="u8[h,w,3]", low="u8[h,w,3]", high="u8[h,w,3]", light="f32[3,2]", pair="f32[2,h,w]", out="f32[4,h,w] out",
    dark="f32", bright="f32",
)  # fmt: skip
def stray(y, x, image, low, high, light, pair, out, dark, bright):
    """Planes 0..2: by how much luma, Cb and Cr are outside of what the plate shows in this light or shade."""
    k = ratio(pair, y, x, dark, bright)
    g0 = k * light[0, 0]
    g1 = k * light[1, 0]
    g2 = k * light[2, 0]
    o0 = k * light[0, 1]
    o1 = k * light[1, 1]
    o2 = k * light[2, 1]
    r = excess(f32(image[y, x, 0]), g0 * f32(low[y, x, 0]) + o0, g0 * f32(high[y, x, 0]) + o0)
    g = excess(f32(image[y, x, 1]), g1 * f32(low[y, x, 1]) + o1, g1 * f32(high[y, x, 1]) + o1)
    b = excess(f32(image[y, x, 2]), g2 * f32(low[y, x, 2]) + o2, g2 * f32(high[y, x, 2]) + o2)
    out[0, y, x] = luma(r, g, b)
    out[1, y, x] = blue_chroma(r, g, b)
    out[2, y, x] = red_chroma(r, g, b)


@kernel(over="p,h,w", source="f32[p,h,w]", out="f32[p,h,w] out", h="i32", w="i32")
def slope(p, y, x, source, out, h, w):
    """The length of the gradient, in levels per pixel; differences are taken over two pixels."""
    dy = source[p, min(y + 1, h - 1), x] - source[p, max(y - 1, 0), x]
    dx = source[p, y, min(x + 1, w - 1)] - source[p, y, max(x - 1, 0)]
    out[p, y, x] = f32(0.5) * np.sqrt(dy * dy + dx * dx)


@kernel(over="p,h,w", source="f32[p,h,w]", out="f32[p,h,w] out", dy="i32", dx="i32", h="i32", w="i32")
def widest(p, y, x, source, out, dy, dx, h, w):
    """The largest of five values along an axis."""
    most = source[p, y, x]
    for k in range(-SLACK, SLACK + 1):
        most = max(most, source[p, min(max(y + k * dy, 0), h - 1), min(max(x + k * dx, 0), w - 1)])
    out[p, y, x] = most


@kernel(slopes="f32[2,h,w]", wide="f32[2,h,w]", out="f32[4,h,w] inout")
def lonely(y, x, slopes, wide, out):
    """Plane 3: how strong an edge is that only one of picture and plate has."""
    new = slopes[0, y, x] - f32(LIKE) * wide[1, y, x]
    gone = slopes[1, y, x] - f32(LIKE) * wide[0, y, x]
    out[3, y, x] = max(new, gone, f32(FAINT)) - f32(FAINT)


@kernel(
    planes="f32[4,h,w]", pair="f32[2,h,w]", spread="f32[h,w]", alpha="f32[h,w] out", shade="u8[h,w] out",
    tolerance="f32", softness="f32", edges="f32", dark="f32", bright="f32",
)  # fmt: skip
def weigh(y, x, planes, pair, spread, alpha, shade, tolerance, softness, edges, dark, bright):
    """The evidence for a subject, 0..1, and 127 where a shadow would explain the pixel."""
    k = ratio(pair, y, x, dark, bright)
    v = planes[0, y, x]
    cb = planes[1, y, x]
    cr = planes[2, y, x]
    e = edges * planes[3, y, x]
    s = f32(SHADY) * (k - f32(1))
    d2 = v * v + f32(TINT * TINT) * (cb * cb + cr * cr) + e * e + s * s
    a = (np.sqrt(d2) - tolerance - f32(2) * spread[y, x]) / softness
    alpha[y, x] = min(max(a, f32(0)), f32(1))
    shade[y, x] = u8(127 if k < f32(SHADE) and k > dark else 0)


@kernel(alpha="f32[h,w]", shade="u8[h,w]", label="u8[h,w] out")
def annotate(y, x, alpha, shade, label):
    """255 where alpha is a half or more, else what the shade says."""
    label[y, x] = u8(255) if alpha[y, x] >= f32(0.5) else shade[y, x]


def relight(image: Array, plate: Array, light: Array, scratch: Scratch) -> None:
    """Fit `light` f32[3,2], the gain and offset of each channel from plate to image, starting from what it holds."""
    h, w = image.shape[:2]
    step = max(h // ROWS, 1)
    rows = -(-h // step)
    sums = scratch("light sums", (rows, SUMS), f32)
    for scale in SCALES:
        correlate(image, plate, light, sums, scale, step, rows, w)
        solve(sums, light, rows)


def compare(
    image: Array, plate: Array, low: Array, high: Array, spread: Array, light: Array, alpha: Array, shade: Array, *,
    tolerance: float, softness: float, edges: float, dark: float, bright: float, scratch: Scratch,
) -> None:  # fmt: skip
    """Write the evidence f32[h,w] for a subject at every pixel, and u8[h,w] with 127 where a shadow would explain it.

    All pictures are u8[h,w,3] of one size; `low` and `high` are the plate's `bounds`, `light` is from `relight`.
    """
    h, w = alpha.shape
    pair, slopes, wide = (scratch(name, (2, h, w), f32) for name in ("luma", "slopes", "wide"))
    planes, between = (scratch(name, (4, h, w), f32) for name in ("planes", "between"))
    lumas(image, plate, light, pair)
    box(pair, pair, 1, between[:2])
    slope(pair, slopes, h, w)
    widest(slopes, between[:2], 0, 1, h, w)
    widest(between[:2], wide, 1, 0, h, w)
    stray(image, low, high, light, pair, planes, dark, bright)
    lonely(slopes, wide, planes)
    box(planes, planes, 1, between)
    weigh(planes, pair, spread, alpha, shade, tolerance, softness, edges, dark, bright)
