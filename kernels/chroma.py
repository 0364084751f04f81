"""Chroma keying: how much of each pixel is screen, and the subject's own colour without it.

A pixel is a mixture C = alpha F + (1 - alpha) K of the subject's colour F and the screen's K (Smith and Blinn, "Blue
screen matting", SIGGRAPH 1996). Both are taken from what is pure nearby: cells that are all screen or all subject,
spread into the gaps by normalised convolution (Knutsson and Westin, CVPR 1993) at several radii, the nearest counting
most. So the screen may be lit unevenly, and the subject may wear a hue of the screen. Alpha is the place of C between F
and K along the screen's chroma (Cb, Cr of ITU-R BT.601, in which grey is 0 at any brightness); F then solves the
mixture exactly.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import math

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import function, kernel
from bgflow.kernels import box
from bgflow.kernels.guided import Scratch

f32, i32, u8 = np.float32, np.int32, np.uint8

BORDER = 384  # places on the picture's border that `border` looks at
DULL = 8.0  # chroma, in levels, below which a colour is too grey to be a key
CELL = 4  # pixels a side of what is screen or subject as one
RADII = (1, 3, 9, 27)  # cells: how far pure colours spread; sums of more would not be exact
FADE = 0.03  # how much less what is found with the next radius counts
NOTHING = 1e-12  # weight of the key, and of black, where nothing pure is near
DIM = 0.4  # brightness, as a share of the key's, below which nothing is screen
EVEN = 0.2  # differences of brightness in a cell of screen; more is the edge of something dark
ALIEN = 0.6  # of the screen's hue: what is even and has less than that is subject
TEXTURE = 6.0  # tolerances by which the hue of a subject may vary that has next to none of the screen's; else 2
NARROW = 0.5  # how much the chroma across the key's takes off the hue
LEAST = 0.3  # distance of subject and screen below which alpha cannot be told
THIN = 1 / 8  # alpha below which a pixel holds too little of the subject to tell its colour


@function
def luma(r, g, b):
    """Brightness of a colour, in its own units."""
    return f32(0.299) * r + f32(0.587) * g + f32(0.114) * b


@function
def blue_chroma(r, g, b):
    """Cb, 0 for greys."""
    return f32(0.5) * b - f32(0.168736) * r - f32(0.331264) * g


@function
def red_chroma(r, g, b):
    """Cr, 0 for greys."""
    return f32(0.5) * r - f32(0.418688) * g - f32(0.081312) * b


@function
def level(v):
    """A channel as a byte."""
    return u8(i32(min(max(v, f32(0)), f32(255)) + f32(0.5)))


@kernel(
    over="m,n", image="u8[h,w,3]", out="f32[9,m,n] out", red="f32", green="f32", blue="f32", tolerance="f32",
    h="i32", w="i32",
)  # fmt: skip
def survey(y, x, image, out, red, green, blue, tolerance, h, w):
    """Planes 0..3 of cells that are all subject, and 4..7 all screen: sums of their colours, and their area.

    Plane 8: how many of a cell's pixels are screen. Whole numbers, so that their sums are exact.
    """
    kb = blue_chroma(red, green, blue)
    kr = red_chroma(red, green, blue)
    norm = f32(1) / (kb * kb + kr * kr)
    bright = luma(red, green, blue)
    sr, sg, sb = i32(0), i32(0), i32(0)
    area, screens = i32(0), i32(0)
    least, most, dark, bold = f32(9), f32(-9), f32(9), f32(-9)
    for j in range(y * CELL, min(y * CELL + CELL, h)):
        for i in range(x * CELL, min(x * CELL + CELL, w)):
            r = f32(image[j, i, 0])
            g = f32(image[j, i, 1])
            b = f32(image[j, i, 2])
            cb = blue_chroma(r, g, b)
            cr = red_chroma(r, g, b)
            share = ((cb * kb + cr * kr) - f32(NARROW) * abs(cb * kr - cr * kb)) * norm
            light = luma(r, g, b) / bright
            hue = share / max(light, f32(DIM))
            screens += i32(1) if hue >= f32(1) - tolerance else i32(0)
            least = min(least, hue)
            most = max(most, hue)
            dark = min(dark, light)
            bold = max(bold, light)
            sr += i32(image[j, i, 0])
            sg += i32(image[j, i, 1])
            sb += i32(image[j, i, 2])
            area += i32(1)
    screen = screens == area and dark >= f32(DIM) and bold - dark <= f32(EVEN)
    even = tolerance * (f32(TEXTURE) if most <= tolerance else f32(2))
    subject = most <= f32(ALIEN) and most - least <= even
    for p in range(2):
        one = i32(1) if (subject and p == 0) or (screen and p == 1) else i32(0)
        out[4 * p, y, x] = f32(one * sr)
        out[4 * p + 1, y, x] = f32(one * sg)
        out[4 * p + 2, y, x] = f32(one * sb)
        out[4 * p + 3, y, x] = f32(one * area)
    out[8, y, x] = f32(screens)


@kernel(over="p,h,w", source="f32[p,h,w]", out="f32[p,h,w] inout", weight="f32", fresh="i32")
def pool(p, y, x, source, out, weight, fresh):
    """Add planes with a weight to those that are there, or to nothing where they are `fresh`."""
    out[p, y, x] = source[p, y, x] * weight + (f32(0) if fresh == 1 else out[p, y, x])


@kernel(
    cells="f32[9,h,w]", pooled="f32[8,h,w]", near="f32[1,h,w]", out="f32[7,h,w] out",
    red="f32", green="f32", blue="f32", h="i32", w="i32",
)  # fmt: skip
def settle(y, x, cells, pooled, near, out, red, green, blue, h, w):
    """Planes 0..2: the subject's colour here; 3..5: the screen's; 6: what a pixel is: 0 screen, 1 subject, 2 both.

    A cell is sure where those around it are the same.
    """
    for p in range(2):
        area = pooled[4 * p + 3, y, x] + f32(NOTHING)
        for c in range(3):
            key = red if c == 0 else (green if c == 1 else blue)
            rest = key * f32(NOTHING) if p == 1 else f32(0)
            out[3 * p + c, y, x] = (pooled[4 * p + c, y, x] + rest) / area
    screen, subject = True, True
    for j in range(max(y - 1, 0), min(y + 2, h)):
        for i in range(max(x - 1, 0), min(x + 2, w)):
            subject = subject and cells[3, j, i] > f32(0)
            screen = screen and cells[7, j, i] > f32(0)
    out[6, y, x] = f32(0) if screen else (f32(1) if subject or near[0, y, x] == f32(0) else f32(2))


@function
def between(colours, p, j0, j1, v, i0, i1, u):
    """A plane's value between four cells' centres."""
    above = colours[p, j0, i0] + (colours[p, j0, i1] - colours[p, j0, i0]) * u
    below = colours[p, j1, i0] + (colours[p, j1, i1] - colours[p, j1, i0]) * u
    return above + (below - above) * v


@function
def own(v, f, k, a):
    """A channel without the screen's share 1 - a; next to no subject has the colour of the subject nearby."""
    known = min(a * f32(1 / THIN), f32(1))
    return f + ((v - (f32(1) - a) * k) / max(a, f32(THIN)) - f) * known


@kernel(
    image="u8[h,w,3]", colours="f32[7,m,n]", alpha="f32[h,w] out", clean="u8[h,w,3] out", spill="f32",
    m="i32", n="i32",
)  # fmt: skip
def unmix(y, x, image, colours, alpha, clean, spill, m, n):
    """Alpha, and the colour that is left when the screen is taken out."""
    v = min(max((f32(y) + f32(0.5)) * f32(1 / CELL) - f32(0.5), f32(0)), f32(m - 1))
    u = min(max((f32(x) + f32(0.5)) * f32(1 / CELL) - f32(0.5), f32(0)), f32(n - 1))
    j0 = max(i32(v), i32(0))
    i0 = max(i32(u), i32(0))
    j1 = min(j0 + 1, m - 1)
    i1 = min(i0 + 1, n - 1)
    v -= f32(j0)
    u -= f32(i0)
    r = f32(image[y, x, 0])
    g = f32(image[y, x, 1])
    b = f32(image[y, x, 2])
    red = between(colours, 3, j0, j1, v, i0, i1, u)
    green = between(colours, 4, j0, j1, v, i0, i1, u)
    blue = between(colours, 5, j0, j1, v, i0, i1, u)
    kb = blue_chroma(red, green, blue)
    kr = red_chroma(red, green, blue)
    norm = f32(1) / (kb * kb + kr * kr)
    what = colours[6, y // CELL, x // CELL]
    a = what
    if what == f32(2):
        fr = between(colours, 0, j0, j1, v, i0, i1, u)
        fg = between(colours, 1, j0, j1, v, i0, i1, u)
        fb = between(colours, 2, j0, j1, v, i0, i1, u)
        here = f32(1) - (blue_chroma(r, g, b) * kb + red_chroma(r, g, b) * kr) * norm
        pure = f32(1) - (blue_chroma(fr, fg, fb) * kb + red_chroma(fr, fg, fb) * kr) * norm
        a = min(max(here / max(pure, f32(LEAST)), f32(0)), f32(1))
        r = own(r, fr, red, a)
        g = own(g, fg, green, a)
        b = own(b, fb, blue, a)
    alpha[y, x] = a
    # what the screen's light has tinted: chroma along the key that is more than the chroma across it
    cb = blue_chroma(r, g, b)
    cr = red_chroma(r, g, b)
    left = max((cb * kb + cr * kr - abs(cb * kr - cr * kb)) * norm, f32(0)) * spill
    grey = luma(red, green, blue)
    clean[y, x, 0] = level(r - left * (red - grey))
    clean[y, x, 1] = level(g - left * (green - grey))
    clean[y, x, 2] = level(b - left * (blue - grey))


@kernel(over="n", image="u8[h,w,3]", out="u8[n,3] out", n="i32", h="i32", w="i32")
def border(i, image, out, n, h, w):
    """Colours at n places along the left, the upper and the right border; people stand on the lower one."""
    around = 2 * h + w
    at = min(int((f32(i) + f32(0.5)) * f32(around) / f32(n)), around - 1)
    y = h - 1 - at if at < h else (0 if at < h + w else at - h - w)
    x = 0 if at < h else (at - h if at < h + w else w - 1)
    for c in range(3):
        out[i, c] = image[y, x, c]


def saturation(rgb: tuple[float, float, float]) -> float:
    """The length of a colour's chroma, in levels."""
    r, g, b = (f32(v) for v in rgb)
    return math.hypot(blue_chroma(r, g, b), red_chroma(r, g, b))


def key(
    image: Array, alpha: Array, clean: Array, rgb: tuple[float, float, float], tolerance: float, edge: float,
    spill: float, scratch: Scratch,
) -> None:  # fmt: skip
    """Write alpha f32[h,w] and the picture u8[h,w,3] without the key `rgb`, whose `saturation` is DULL at least.

    An edge is soft over `edge` pixels at most: farther than that from any screen there is only subject.
    """
    h, w = alpha.shape
    m, n = -(-h // CELL), -(-w // CELL)
    cells, pooled, colours = (scratch(name, (p, m, n), f32) for name, p in (("cells", 9), ("pooled", 8), ("own", 7)))
    mean, between = scratch("mean", (8, m, n), f32), scratch("between", (8, m, n), f32)
    survey(image, cells, *rgb, tolerance, h, w)
    pool(cells[:8], pooled, 1, 1)
    for i, r in enumerate(RADII):
        box.mean(cells[:8], mean, r, between)
        pool(mean, pooled, FADE ** (i + 1), 0)
    box.mean(cells[8:], mean[:1], max(round(edge / CELL), 1), between[:1])
    settle(cells, pooled, mean[:1], colours, *rgb, m, n)
    unmix(image, colours, alpha, clean, spill, m, n)
