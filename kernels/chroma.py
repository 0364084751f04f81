"""Chroma keying: how much of the key colour is in a pixel, and the pixel without it.

A pixel's chroma (Cb, Cr of ITU-R BT.601, in which grey is 0 at any brightness) is measured along the key's own: 1 is
the key, 0 is any grey, and a mixture of the two lies between them in exact proportion. Chroma across that direction is
taken off, so that other hues hold none of the key (van den Bergh and Lalioti, "Software chroma keying in an immersive
virtual environment", SACJ 24, 1999). Alpha known, the compositing equation is solved for the subject's own colour
(Smith and Blinn, "Blue screen matting", SIGGRAPH 1996).
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import math

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import function, kernel

f32, i32, u8 = np.float32, np.int32, np.uint8

BORDER = 384  # places on the picture's border that `border` looks at
DULL = 8.0  # chroma, in levels, below which a colour is too grey to be a key
NARROW = 0.5  # how much of the chroma across the key's is taken off
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
def own(v, k, a, spill):
    """A channel without the key's share 1 - a, as far as `spill` says."""
    f = (v - (f32(1) - a) * k) / max(a, f32(THIN))
    return v + (f - v) * spill


@function
def level(v):
    """A channel as a byte."""
    return u8(i32(min(max(v, f32(0)), f32(255)) + f32(0.5)))


@kernel(
    image="u8[h,w,3]", alpha="f32[h,w] out", clean="u8[h,w,3] out", red="f32", green="f32", blue="f32",
    tolerance="f32", softness="f32", spill="f32",
)  # fmt: skip
def unmix(y, x, image, alpha, clean, red, green, blue, tolerance, softness, spill):
    """Alpha from the share of the key, and the colour that is left when the key is taken out."""
    r = f32(image[y, x, 0])
    g = f32(image[y, x, 1])
    b = f32(image[y, x, 2])
    kb = blue_chroma(red, green, blue)
    kr = red_chroma(red, green, blue)
    cb = blue_chroma(r, g, b)
    cr = red_chroma(r, g, b)
    norm = f32(1) / (kb * kb + kr * kr)
    along = (cb * kb + cr * kr) * norm
    across = abs(cb * kr - cr * kb) * norm
    share = along - across * f32(NARROW)
    a = min(max((f32(1) - tolerance - share) / softness, f32(0)), f32(1))
    alpha[y, x] = a
    r = own(r, red, a, spill)
    g = own(g, green, a, spill)
    b = own(b, blue, a, spill)
    # what the key's light has tinted: chroma along the key that is more than the chroma across it
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
    image: Array, alpha: Array, clean: Array, rgb: tuple[float, float, float], tolerance: float, softness: float,
    spill: float,
) -> None:  # fmt: skip
    """Write alpha f32[h,w] and the picture u8[h,w,3] without the key `rgb`, whose `saturation` is DULL at least."""
    unmix(image, alpha, clean, *rgb, tolerance, softness, spill)
