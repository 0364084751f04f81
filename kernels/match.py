"""A picture compared with a clean plate of the same scene, whatever the light.

Gain and offset of each channel are fitted to the pixels that agree (iteratively reweighted least squares with the
weights of Geman and McClure, whose scale shrinks); what is a little darker or lighter by a factor may be shadow or
light; and an edge that only one of the two has speaks for a subject even where the colours agree.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.devices import device_of
from bgflow.frame import Array
from bgflow.kernel import function, kernel
from bgflow.kernels.chroma import blue_chroma, luma, red_chroma
from bgflow.kernels.guided import Scratch

f32, i32, u8 = np.float32, np.int32, np.uint8

SUMS = 14  # a weight, for each channel its sums of x, y, x x and x y, and one of squared noise
MIDDLE = 128.0  # subtracted from the colours, so that sums of squares keep their digits
FIRM = 20.0  # variance that holds the gain where the plate has one colour only
SCALES = (60.0, 42.0, 29.0, 20.0, 14.0, 10.0, 7.0, 6.0)  # levels: from coarse to fine
BROAD = 2.5  # standard deviations of the noise, below which the scale does not shrink
ROWS = 120  # how many rows the fit looks at, about
PARTS, FEW = 32, 40  # threads of a GPU that share a row, and sums that all rows are added up to before the last step
LIKE = 1.2  # an edge this much stronger than those nearby in the other picture is not the same edge
FAINT = 2.0  # levels per pixel: noise and the rims of soft shadows have edges as strong as that
SLACK = 2  # pixels by which an edge may be off
TINT = 4 / 3  # weight of a difference of chroma
SHADY = 38.0  # levels that a brightness twice that of the plate counts for, light or not
QUIET = 5.0  # levels of noise that the tolerance is made for
LOUD = 16.0  # levels of noise above which no more is believed
CLIPPED = 252  # level from which on a brighter plate would look the same
SHADE = 0.92  # brightness, as a share of the plate's, below which a background pixel is a shadow


@kernel(over="m,n", image="u8[h,w,3]", out="u8[m,n,3] out", k="i32", h="i32", w="i32")
def shrink(y, x, image, out, k, h, w):
    """The mean colour of every cell of k by k pixels."""
    r = i32(0)
    g = i32(0)
    b = i32(0)
    y1 = min(y * k + k, h)
    x1 = min(x * k + k, w)
    for j in range(y * k, y1):
        for i in range(x * k, x1):
            r += i32(image[j, i, 0])
            g += i32(image[j, i, 1])
            b += i32(image[j, i, 2])
    area = i32((y1 - y * k) * (x1 - x * k))
    out[y, x, 0] = u8((r + area // 2) // area)
    out[y, x, 1] = u8((g + area // 2) // area)
    out[y, x, 2] = u8((b + area // 2) // area)


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
    over="rows,parts", image="u8[h,w,3]", plate="u8[h,w,3]", light="f32[3,2]", noise="f32[3,1]",
    out="f32[all,14] out", scale="f32", step="i32", rows="i32", parts="i32", w="i32",
)  # fmt: skip
def correlate(row, part, image, plate, light, noise, out, scale, step, rows, parts, w):
    """Weighted sums over every `step`-th pixel of every `step`-th row; what differs, or is saturated, weighs little.

    Each `parts`-th of these pixels of a row goes into the same sums.
    """
    y = row * step
    at = row * parts + part
    reach = max(scale, f32(BROAD) * noise[0, 0])
    for k in range(SUMS):
        out[at, k] = f32(0)
    for x in range(part * step, w, parts * step):
        i = min(x + 1, w - 1)
        e2 = f32(0)
        d2 = f32(0)
        least = i32(255)
        most = i32(0)
        for c in range(3):
            d = f32(image[y, x, c]) - light[c, 0] * f32(plate[y, x, c]) - light[c, 1]
            d2 += d * d
            e = d - f32(image[y, i, c]) + light[c, 0] * f32(plate[y, i, c]) + light[c, 1]
            e2 += e * e
            least = min(least, i32(image[y, x, c]), i32(plate[y, x, c]))
            most = max(most, i32(image[y, x, c]), i32(plate[y, x, c]))
        if least > 8 and most < 247:
            root = f32(1) / (f32(1) + d2 / (f32(3) * reach * reach))
            weight = root * root
            out[at, 0] += weight
            out[at, 13] += weight * e2 * f32(1 / 6)
            for c in range(3):
                p = f32(plate[y, x, c]) - f32(MIDDLE)
                q = f32(image[y, x, c]) - f32(MIDDLE)
                out[at, 1 + 4 * c] += weight * p
                out[at, 2 + 4 * c] += weight * q
                out[at, 3 + 4 * c] += weight * p * p
                out[at, 4 + 4 * c] += weight * p * q


@kernel(over="few,k", sums="f32[all,k]", out="f32[few,k] out", all="i32", few="i32")
def fold(i, k, sums, out, all, few):
    """What every `few`-th row of sums adds up to."""
    total = f32(0)
    for row in range(i, all, few):
        total += sums[row, k]
    out[i, k] = total


@kernel(over="c", sums="f32[rows,14]", light="f32[c,2] inout", noise="f32[c,1] out", rows="i32")
def solve(c, sums, light, noise, rows):
    """Gain and offset of a channel, and the noise of all, from the sums; they stay where next to nothing agrees."""
    s, p, q, pp, pq, ee = f32(0), f32(0), f32(0), f32(0), f32(0), f32(0)
    for row in range(rows):
        s += sums[row, 0]
        p += sums[row, 1 + 4 * c]
        q += sums[row, 2 + 4 * c]
        pp += sums[row, 3 + 4 * c]
        pq += sums[row, 4 + 4 * c]
        ee += sums[row, 13]
    noise[c, 0] = min(np.sqrt(ee / max(s, f32(1))), f32(LOUD))
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
def excess(image, low, high, gain, offset):
    """How far a value is outside of what a plate of low..high shows in a light, with its sign; a camera clips."""
    least = min(gain * f32(low) + offset, f32(255))
    most = f32(255) if high >= CLIPPED else min(gain * f32(high) + offset, f32(255))
    v = f32(image)
    return v - most if v > most else (v - least if v < least else f32(0))


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


@kernel(
    image="u8[h,w,3]", low="u8[h,w,3]", high="u8[h,w,3]", light="f32[3,2]", pair="f32[2,h,w]", slopes="f32[2,h,w]",
    wide="f32[2,h,w]", spread="f32[h,w]", noise="f32[3,1]", distance="f32[h,w] out", shade="u8[h,w] out",
    edges="f32", dark="f32", bright="f32",
)  # fmt: skip
def differ(y, x, image, low, high, light, pair, slopes, wide, spread, noise, distance, shade, edges, dark, bright):
    """How far the picture is outside of what the plate shows in this light or shade, and 127 where it is in shade."""
    k = min(max(pair[0, y, x] / max(pair[1, y, x], f32(1)), dark), bright)
    r = excess(image[y, x, 0], low[y, x, 0], high[y, x, 0], k * light[0, 0], k * light[0, 1])
    g = excess(image[y, x, 1], low[y, x, 1], high[y, x, 1], k * light[1, 0], k * light[1, 1])
    b = excess(image[y, x, 2], low[y, x, 2], high[y, x, 2], k * light[2, 0], k * light[2, 1])
    v = luma(r, g, b)
    cb = blue_chroma(r, g, b)
    cr = red_chroma(r, g, b)
    new = slopes[0, y, x] - f32(LIKE) * wide[1, y, x]
    gone = slopes[1, y, x] - f32(LIKE) * wide[0, y, x]
    loud = max(noise[0, 0] - f32(QUIET), f32(0))
    faint = f32(FAINT) + f32(2) * loud
    e = edges * (max(new, gone, faint) - faint)
    s = f32(SHADY) * (k - f32(1))
    d2 = v * v + f32(TINT * TINT) * (cb * cb + cr * cr) + e * e + s * s
    distance[y, x] = max(np.sqrt(d2) - max(spread[y, x], loud), f32(0))
    shade[y, x] = u8(127 if k < f32(SHADE) and k > dark else 0)


@kernel(alpha="f32[h,w]", shade="u8[h,w]", label="u8[h,w] out")
def annotate(y, x, alpha, shade, label):
    """255 where alpha is a half or more, else what the shade says."""
    label[y, x] = u8(255) if alpha[y, x] >= f32(0.5) else shade[y, x]


def relight(image: Array, plate: Array, light: Array, noise: Array, scratch: Scratch) -> None:
    """Fit `light` f32[3,2], the gain and offset of each channel from plate to image, starting from what it holds.

    `noise` f32[3,1] becomes the standard deviation of the noise, in levels.
    """
    h, w = image.shape[:2]
    step = max(h // ROWS, 1)
    rows = -(-h // step)
    parts = PARTS if device_of(image).simt else 1
    sums, few = scratch("light sums", (rows * parts, SUMS), f32), scratch("light few", (FEW, SUMS), f32)
    for scale in SCALES:
        correlate(image, plate, light, noise, sums, scale, step, rows, parts, w)
        if parts > 1:
            fold(sums, few, rows * parts, FEW)
            solve(few, light, noise, FEW)
        else:
            solve(sums, light, noise, rows)


def compare(
    image: Array, plate: Array, low: Array, high: Array, spread: Array, light: Array, noise: Array, distance: Array,
    shade: Array, *, edges: float, dark: float, bright: float, scratch: Scratch,
) -> None:  # fmt: skip
    """Write how far every pixel is off the plate, in levels, and u8[h,w] with 127 where a shadow would explain it.

    All pictures are u8[h,w,3] of one size; `low` and `high` are the plate's `bounds`, `light` and `noise` come from
    `relight`.
    """
    h, w = distance.shape
    pair, slopes, wide, between = (scratch(name, (2, h, w), f32) for name in ("luma", "slopes", "wide", "between"))
    lumas(image, plate, light, pair)
    slope(pair, slopes, h, w)
    widest(slopes, between, 0, 1, h, w)
    widest(between, wide, 1, 0, h, w)
    differ(image, low, high, light, pair, slopes, wide, spread, noise, distance, shade, edges, dark, bright)
