"""A mixture of Gaussians per pixel: how it lies in memory, and what it says of a colour; mog.py is how it learns.

Memory, for m modes, is laid out for vector loads and for warps alike, and so that a mode nobody uses is not touched:
    modes   u8[h,w]         modes in use, the heaviest first
    weight  u16[m,h,w]      their share of the pixel's history, in 65535ths; they sum to 1
    gauss   u16[m,h,t,256]  in tiles of 64 pixels: 64 variances, in 64ths, then 64 means each of red, green and blue, in
                            256ths of a level; one tile in one array lets a compiler see that its rows do not overlap,
                            five planes do not
    turn    i32[1]          how the next frame is rounded, see mog.py

Numbers of 16 bits are half of the traffic that floats are, and traffic is most of what a frame costs.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import function, kernel
from bgflow.kernels.tiles import LANES, first, spans

f32, i32, u8 = np.float32, np.int32, np.uint8

VAR, RED, GREEN, BLUE = 0, LANES, 2 * LANES, 3 * LANES
TILE = 4 * LANES
EPSILON = f32(np.finfo(np.float32).eps)
FAR = f32(1e9)
ONE, LEVEL, SPREAD = f32(65535), f32(256), f32(64)
"""Units in a share of 1, in a level of a colour, and in a variance of 1."""
SHARE, MEAN, VARIANCE = f32(1) / ONE, f32(1) / LEVEL, f32(1) / SPREAD
FINEST, WIDEST = 1 / 64, 1000.0
"""The variances that can be told apart from 0, and that fit."""


@function
def nearest(y, x, r, g, b, n, weight, gauss, ratio):
    """The squared distance, in variances, to the nearest background mode."""
    tile = x // LANES
    at = x % LANES
    total = f32(0)
    least = FAR
    for m in range(n):
        if total >= ratio:
            break
        dr = f32(gauss[m, y, tile, at + RED]) * MEAN - r
        dg = f32(gauss[m, y, tile, at + GREEN]) * MEAN - g
        db = f32(gauss[m, y, tile, at + BLUE]) * MEAN - b
        least = min(least, (dr * dr + dg * dg + db * db) / (f32(gauss[m, y, tile, at + VAR]) * VARIANCE))
        total += f32(weight[m, y, x]) * SHARE
    return least


@kernel(
    over="h,spans", image="u8[h,w,3]", modes="u8[h,w]", weight="u16[m,h,w]", gauss="u16[m,h,t,256]",
    evidence="f32[h,w] out", spans="i32", span="i32", w="i32", reach="f32", ratio="f32",
)  # fmt: skip
def modes_evidence(y, i, image, modes, weight, gauss, evidence, spans, span, w, reach, ratio):
    """How far a pixel is from the background, 0..1: a half at the threshold, or where nothing was learned yet.

    The heaviest mode comes first, in vectors; where there are others, they make it nearer.
    """
    start = first(i, span)
    tile = start // LANES
    offset = start % LANES
    more = 0
    for j in range(min(span, w - start)):
        x = start + j
        at = offset + j
        dr = f32(gauss[0, y, tile, at + RED]) * MEAN - f32(image[y, x, 0])
        dg = f32(gauss[0, y, tile, at + GREEN]) * MEAN - f32(image[y, x, 1])
        db = f32(gauss[0, y, tile, at + BLUE]) * MEAN - f32(image[y, x, 2])
        d2 = (dr * dr + dg * dg + db * db) / (f32(gauss[0, y, tile, at + VAR]) * VARIANCE)
        n = i32(modes[y, x])
        more += 1 if (n > 1) & (f32(weight[0, y, x]) * SHARE < ratio) else 0
        evidence[y, x] = d2 / (d2 + reach) if n > 0 else f32(0.5)
    if more == 0:
        return
    for x in range(start, min(start + span, w)):
        n = i32(modes[y, x])
        if n > 1 and f32(weight[0, y, x]) * SHARE < ratio:
            d2 = nearest(y, x, f32(image[y, x, 0]), f32(image[y, x, 1]), f32(image[y, x, 2]), n, weight, gauss, ratio)
            evidence[y, x] = d2 / (d2 + reach)


@kernel(
    over="h,spans", modes="u8[h,w]", weight="u16[m,h,w]", gauss="u16[m,h,t,256]", plate="u8[h,w,3] out", spans="i32",
    span="i32", w="i32", ratio="f32",
)  # fmt: skip
def modes_plate(y, i, modes, weight, gauss, plate, spans, span, w, ratio):
    """The mean of the heaviest modes that together make up `ratio` of the history; black where there is no mode."""
    start = first(i, span)
    tile = start // LANES
    offset = start % LANES
    more = 0
    for j in range(min(span, w - start)):
        x = start + j
        at = offset + j
        share = f32(weight[0, y, x]) * SHARE
        n = i32(modes[y, x])
        more += 1 if (n > 1) & (share <= ratio) else 0
        scale = f32(1) / share if (n > 0) & (abs(share) > EPSILON) else f32(0)
        known = n > 0
        plate[y, x, 0] = u8(i32(np.rint(share * f32(gauss[0, y, tile, at + RED]) * MEAN * scale)) if known else 0)
        plate[y, x, 1] = u8(i32(np.rint(share * f32(gauss[0, y, tile, at + GREEN]) * MEAN * scale)) if known else 0)
        plate[y, x, 2] = u8(i32(np.rint(share * f32(gauss[0, y, tile, at + BLUE]) * MEAN * scale)) if known else 0)
    if more == 0:
        return
    for j in range(min(span, w - start)):
        x = start + j
        at = offset + j
        if i32(modes[y, x]) > 1 and f32(weight[0, y, x]) * SHARE <= ratio:
            total = f32(0)
            r = f32(0)
            g = f32(0)
            b = f32(0)
            for m in range(i32(modes[y, x])):
                share = f32(weight[m, y, x]) * SHARE
                r += share * f32(gauss[m, y, tile, at + RED]) * MEAN
                g += share * f32(gauss[m, y, tile, at + GREEN]) * MEAN
                b += share * f32(gauss[m, y, tile, at + BLUE]) * MEAN
                total += share
                if total > ratio:
                    break
            scale = f32(1) / total if abs(total) > EPSILON else f32(0)
            plate[y, x, 0] = i32(np.rint(r * scale))
            plate[y, x, 1] = i32(np.rint(g * scale))
            plate[y, x, 2] = i32(np.rint(b * scale))


def evidence(image: Array, modes: Array, weight: Array, gauss: Array, out: Array, reach: float, ratio: float) -> None:
    """How far every pixel is from the background, f32[h,w], by a model of another instant."""
    modes_evidence(image, modes, weight, gauss, out, *spans(image), image.shape[1], reach, ratio)


def plate(modes: Array, weight: Array, gauss: Array, out: Array, ratio: float) -> None:
    """The background u8[h,w,3] as the mixture sees it."""
    modes_plate(modes, weight, gauss, out, *spans(out), out.shape[1], ratio)
