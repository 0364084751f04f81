"""What a pixel looks like: its colour, and how its neighbours differ from it.

Local binary similarity patterns (Bilodeau, Jodoin and Saunier, "Change Detection in Feature Space Using Local Binary
Similarity Patterns", CRV 2013): a bit for each neighbour that is not like the pixel. The limit for that grows with the
pixel's brightness, so a pattern hardly changes with the light. Here brightness alone counts, and the neighbours lie in
eight directions at distances 1 and 2.

A look is u8[h,t,320], in tiles of 64 pixels as in mog.py: 64 red, 64 green, 64 blue, 64 of the pattern at distance 2,
64 of the pattern at distance 1.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import function, kernel
from bgflow.kernels.tiles import LANES, first, spans

f32, i32, u8 = np.float32, np.int32, np.uint8

RED, GREEN, BLUE, FAR, NEAR = 0, LANES, 2 * LANES, 3 * LANES, 4 * LANES
LOOK = 5 * LANES
EDGE = 2  # pixels around the picture that a pattern reaches to
RELATIVE, ABSOLUTE = f32(0.1), f32(6)  # of the brightness, and levels, by which two pixels that are alike may differ


def look(image: Array, gray: Array, out: Array) -> None:
    """What every pixel of `image` u8[h,w,3] looks like; `gray` is scratch memory u8[h+4,w+4]."""
    h, w = image.shape[:2]
    count, span = spans(image)
    lbsp_gray(image, gray, h + 2 * EDGE, count, span, h, w)
    lbsp_look(image, gray, out, count, span, w)


@kernel(
    over="rows,spans", image="u8[h,w,3]", gray="u8[rows,v] out", rows="i32", spans="i32", span="i32", h="i32", w="i32"
)
def lbsp_gray(y, i, image, gray, rows, spans, span, h, w):
    """Brightness, with the picture's edge repeated EDGE times on every side."""
    line = min(max(i32(y) - EDGE, 0), h - 1)
    start = first(i, span)
    for x in range(start, min(start + span, w)):
        total = i32(image[line, x, 0]) * 77 + i32(image[line, x, 1]) * 150 + i32(image[line, x, 2]) * 29
        gray[y, x + EDGE] = u8(total >> 8)
    if start == 0:
        for k in range(EDGE):
            gray[y, k] = gray[y, EDGE]
    if start + span >= w:
        for k in range(EDGE):
            gray[y, w + EDGE + k] = gray[y, w + EDGE - 1]


@kernel(
    over="h,spans", image="u8[h,w,3]", gray="u8[rows,v]", out="u8[h,t,320] out", spans="i32", span="i32", w="i32",
)  # fmt: skip
def lbsp_look(y, i, image, gray, out, spans, span, w):
    """Colour, and for every neighbour whether it differs by more than the limit."""
    start = first(i, span)
    tile = start // LANES
    offset = start % LANES
    for j in range(min(span, w - start)):
        x = start + j
        at = offset + j
        for c in range(3):
            out[y, tile, at + c * LANES] = image[y, x, c]
        mid = f32(gray[y + EDGE, x + EDGE])
        limit = mid * RELATIVE + ABSOLUTE
        low = 0
        high = 0
        for k in range(8):
            dy = -1 if k < 3 else (1 if k > 4 else 0)
            dx = (k if k < 4 else k + 1) % 3 - 1
            far = f32(gray[y + EDGE + 2 * dy, x + EDGE + 2 * dx])
            near = f32(gray[y + EDGE + dy, x + EDGE + dx])
            low |= (1 << k) if abs(far - mid) > limit else 0
            high |= (1 << k) if abs(near - mid) > limit else 0
        out[y, tile, at + FAR] = u8(low)
        out[y, tile, at + NEAR] = u8(high)


@function
def ones(n):
    """How many of the lower 16 bits of n are set."""
    n = n - (n >> 1 & 0x5555)
    n = (n & 0x3333) + (n >> 2 & 0x3333)
    n = (n + (n >> 4)) & 0x0F0F
    return (n + (n >> 8)) & 0x1F
