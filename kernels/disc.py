"""Draw on pictures: discs with a ring around them that fills clockwise, and stamps of text; and how much of a disc an
alpha covers.

They blend over what is there already, in a part of the picture given as a view, so that the cost is that of the part.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import math

import numpy as np

from bgflow.devices import to_host
from bgflow.frame import Array
from bgflow.kernel import function, kernel

f32, i32, u8 = np.float32, np.int32, np.uint8
Colour = tuple[int, int, int]

GRID = 24  # places a side at which it is looked whether an alpha covers a disc
HALF = 0.5  # alpha from which on a place is covered


@function
def inside(d):
    """How much of a pixel lies inside an edge that is d pixels outwards of its centre."""
    return min(max(d + f32(0.5), f32(0)), f32(1))


@function
def blend(back, front, a):
    """A byte on the way from back to front."""
    return u8(i32(f32(back) + (f32(front) - f32(back)) * a + f32(0.5)))


@kernel(
    image="u8[h,w,3] inout", cy="f32", cx="f32", radius="f32", red="i32", green="i32", blue="i32", opacity="f32",
    ring="f32", ey="f32", ex="f32", reflex="i32", ring_red="i32", ring_green="i32", ring_blue="i32",
)  # fmt: skip
def draw(y, x, image, cy, cx, radius, red, green, blue, opacity, ring, ey, ex, reflex, ring_red, ring_green, ring_blue):
    """A disc of one colour, and the sector of a ring `ring` pixels wide inside its edge.

    The sector goes clockwise from the top to the direction (ey, ex); it is more than half a turn where `reflex` is 1.
    """
    dy = f32(y) - cy
    dx = f32(x) - cx
    d = np.sqrt(dy * dy + dx * dx)
    a = inside(radius - d) * opacity
    right = dx >= f32(0)  # of the top
    before = dy * ex - dx * ey <= f32(0)  # counterclockwise of the end
    within = (right or before) if reflex == 1 else (right and before)
    b = inside(radius - d) * inside(d - (radius - ring)) if within and ring > f32(0) else f32(0)
    image[y, x, 0] = blend(blend(image[y, x, 0], red, a), ring_red, b)
    image[y, x, 1] = blend(blend(image[y, x, 1], green, a), ring_green, b)
    image[y, x, 2] = blend(blend(image[y, x, 2], blue, a), ring_blue, b)


@kernel(image="u8[h,w,3] inout", mask="u8[h,w,2]", red="i32", green="i32", blue="i32")
def stamp(y, x, image, mask, red, green, blue):
    """Text: mask 0 is the letters, in a colour, and mask 1 their outline, which is black."""
    a = f32(mask[y, x, 0]) * f32(1 / 255)
    b = f32(1) - f32(mask[y, x, 1]) * f32(1 / 255)
    image[y, x, 0] = blend(u8(i32(f32(image[y, x, 0]) * b + f32(0.5))), red, a)
    image[y, x, 1] = blend(u8(i32(f32(image[y, x, 1]) * b + f32(0.5))), green, a)
    image[y, x, 2] = blend(u8(i32(f32(image[y, x, 2]) * b + f32(0.5))), blue, a)


@kernel(over="n,k", alpha="f32[h,w]", places="f32[n,3]", out="f32[n,k,2] out", h="i32", w="i32", k="i32")
def count(i, j, alpha, places, out, h, w, k):
    """Of row j of a grid of k by k places around disc i (y, x, radius): how many lie on it, how many are covered."""
    cy = places[i, 0]
    cx = places[i, 1]
    r = places[i, 2]
    step = f32(2) * r / f32(k)
    dy = (f32(j) + f32(0.5)) * step - r
    on = i32(0)
    covered = i32(0)
    for n in range(k):
        dx = (f32(n) + f32(0.5)) * step - r
        y = i32(np.floor(cy + dy + f32(0.5)))
        x = i32(np.floor(cx + dx + f32(0.5)))
        if dy * dy + dx * dx <= r * r and y >= i32(0) and y < h and x >= i32(0) and x < w:
            on += i32(1)
            covered += i32(1) if alpha[y, x] > f32(HALF) else i32(0)
    out[i, j, 0] = f32(on)
    out[i, j, 1] = f32(covered)


def disc(
    image: Array, y: float, x: float, radius: float, colour: Colour, opacity: float, filled: float = 0.0,
    ring: float = 0.0, ring_colour: Colour = (255, 255, 255),
) -> None:  # fmt: skip
    """Blend a disc around (y, x), in pixels, over u8[h,w,3]; its ring is filled to a share of 0..1."""
    h, w = image.shape[:2]
    top, left = max(math.floor(y - radius), 0), max(math.floor(x - radius), 0)
    bottom, right = min(math.ceil(y + radius) + 1, h), min(math.ceil(x + radius) + 1, w)
    if top >= bottom or left >= right:
        return
    turn = 2 * math.pi * min(max(filled, 0.0), 1.0)
    if filled >= 1:
        reflex, ey, ex = 1, -1.0, 0.0
    else:
        reflex, ey, ex = int(filled > 0.5), -math.cos(turn), math.sin(turn)
    draw(
        image[top:bottom, left:right], y - top, x - left, radius, *colour, opacity,
        ring if filled > 0 else 0.0, ey, ex, reflex, *ring_colour,
    )  # fmt: skip


def text(image: Array, top: int, left: int, mask: Array, colour: Colour) -> None:
    """Blend a text's mask u8[m,n,2] over u8[h,w,3] with its corner at (top, left); what lies outside is cut off."""
    h, w = image.shape[:2]
    y0, x0 = max(top, 0), max(left, 0)
    y1, x1 = min(top + mask.shape[0], h), min(left + mask.shape[1], w)
    if y0 < y1 and x0 < x1:
        stamp(image[y0:y1, x0:x1], mask[y0 - top : y1 - top, x0 - left : x1 - left], *colour)


def covered(alpha: Array, places: Array, rows: Array) -> list[float]:
    """The share of each disc (y, x, radius in pixels, f32[n,3]) that f32[h,w] covers; `rows` is f32[n,GRID,2]."""
    h, w = alpha.shape
    count(alpha, places, rows, h, w, GRID)
    sums = to_host(rows).sum(1)
    return [float(c / max(on, 1)) for on, c in sums]
