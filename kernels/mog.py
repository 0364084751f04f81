"""A mixture of up to five Gaussians per pixel: the colours that a fixed camera keeps seeing there.

The model and its update are Zivkovic's ("Improved Adaptive Gaussian Mixture Model for Background Subtraction", ICPR
2004; Zivkovic and van der Heijden, Pattern Recognition Letters 27, 2006), the shadow test is that of Prati et al.
("Detecting Moving Shadows", PAMI 25, 2003). Every sum keeps the order that OpenCV's MOG2 has, so labels are equal.

There are two forms of the update, which come to the same numbers: `mog_pixel` says what happens to one pixel, and is
what a GPU runs; `mog_row` takes a row in tiles of 64 pixels and runs in vectors on a CPU, see mogtile.py. Memory is as
in modes.py.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.devices import device_of
from bgflow.frame import Array
from bgflow.kernel import function, kernel
from bgflow.kernels.modes import BLUE, EPSILON, GREEN, RED, TILE, VAR, nearest
from bgflow.kernels.modes import evidence as look
from bgflow.kernels.mogfit import WORK
from bgflow.kernels.mogtile import learn
from bgflow.kernels.tiles import FROZEN, LANES, tiles

f32, i32 = np.float32, np.int32


@function
def lift(m, y, x, weight, gauss):
    """Exchange mode m with the one before it."""
    w = weight[m, y, x]
    weight[m, y, x] = weight[m - 1, y, x]
    weight[m - 1, y, x] = w
    tile = x // LANES
    for at in range(x % LANES, TILE, LANES):
        v = gauss[m, y, tile, at]
        gauss[m, y, tile, at] = gauss[m - 1, y, tile, at]
        gauss[m - 1, y, tile, at] = v


@function
def shadowed(y, x, r, g, b, n, weight, gauss, reach, ratio, tau):
    """Whether a background mode, darkened by a factor between tau and 1, is near the colour."""
    tile = x // LANES
    at = x % LANES
    total = f32(0)
    for m in range(n):
        mr = gauss[m, y, tile, at + RED]
        mg = gauss[m, y, tile, at + GREEN]
        mb = gauss[m, y, tile, at + BLUE]
        dot = r * mr + g * mg + b * mb
        norm = mr * mr + mg * mg + mb * mb
        if norm == f32(0):
            return False
        if dot <= norm and dot >= tau * norm:
            dark = dot / norm
            dr = dark * mr - r
            dg = dark * mg - g
            db = dark * mb - b
            if dr * dr + dg * dg + db * db < reach * gauss[m, y, tile, at + VAR] * dark * dark:
                return True
        total += weight[m, y, x]
        if total > ratio:
            return False
    return False


@kernel(
    image="u8[h,w,3]", freeze="f32[h,w]", modes="u8[h,w] inout", weight="f32[m,h,w] inout",
    gauss="f32[m,h,t,256] inout", label="u8[h,w] out", most="i32", rate="f32", prune="f32", gate="f32", reach="f32",
    ratio="f32", var_init="f32", var_min="f32", var_max="f32", shadow="i32", tau="f32",
)  # fmt: skip
def mog_pixel(
    y, x, image, freeze, modes, weight, gauss, label, most, rate, prune, gate, reach, ratio, var_init, var_min,
    var_max, shadow, tau,
):  # fmt: skip
    """Find the mode that explains the pixel and move it towards it, or make one; let the others fade, and label it.

    Where it is frozen it is labelled only, and subject where nothing was ever learned. The CUDA text takes the common
    case, a pixel that fits its heaviest mode, apart, reads and writes each number once there, and touches no other
    mode's colour.
    """
    tile = x // LANES
    at = x % LANES
    r = f32(image[y, x, 0])
    g = f32(image[y, x, 1])
    b = f32(image[y, x, 2])
    keep = f32(1) - rate
    n = i32(modes[y, x])
    total = f32(0)
    fits = False
    background = False
    held = freeze[y, x] > FROZEN
    if held:
        background = nearest(y, x, r, g, b, n, weight, gauss, ratio) < reach
    m = 0
    while m < n and not held:
        w = keep * weight[m, y, x] - prune
        place = m
        if not fits:
            v = gauss[m, y, tile, at + VAR]
            dr = gauss[m, y, tile, at + RED] - r
            dg = gauss[m, y, tile, at + GREEN] - g
            db = gauss[m, y, tile, at + BLUE] - b
            d2 = dr * dr + dg * dg + db * db
            if total < ratio and d2 < reach * v:
                background = True
            if d2 < gate * v:
                fits = True
                w += rate
                k = rate / w
                gauss[m, y, tile, at + RED] -= k * dr
                gauss[m, y, tile, at + GREEN] -= k * dg
                gauss[m, y, tile, at + BLUE] -= k * db
                v += k * (d2 - v)
                v = var_min if v < var_min else v
                gauss[m, y, tile, at + VAR] = var_max if v > var_max else v
                while place > 0 and w >= weight[place - 1, y, x]:
                    lift(place, y, x, weight, gauss)
                    place -= 1
        if w < prune:
            w = f32(0)
            n -= 1
        weight[place, y, x] = w
        total += w
        m += 1
    scale = f32(1) / total if abs(total) > EPSILON else f32(0)
    for q in range(n if not held else 0):
        weight[q, y, x] *= scale
    if not (fits or held) and rate > f32(0):
        n = min(n + 1, most)
        last = n - 1
        for q in range(last):
            weight[q, y, x] *= keep
        weight[last, y, x] = f32(1) if n == 1 else rate
        gauss[last, y, tile, at + VAR] = var_init
        gauss[last, y, tile, at + RED] = r
        gauss[last, y, tile, at + GREEN] = g
        gauss[last, y, tile, at + BLUE] = b
        while last > 0 and rate >= weight[last - 1, y, x]:
            lift(last, y, x, weight, gauss)
            last -= 1
    modes[y, x] = n
    if background:
        label[y, x] = 0
    elif shadow != 255 and shadowed(y, x, r, g, b, n, weight, gauss, reach, ratio, tau):
        label[y, x] = shadow
    else:
        label[y, x] = 255


@kernel(
    over="h", image="u8[h,w,3]", freeze="f32[h,w]", modes="u8[h,w] inout", weight="f32[m,h,w] inout",
    gauss="f32[m,h,t,256] inout", label="u8[h,w] out", work="f32[h,512] inout", tiles="i32", most="i32", width="i32",
    rate="f32", prune="f32", gate="f32", reach="f32", ratio="f32", var_init="f32", var_min="f32", var_max="f32",
    shadow="i32", tau="f32",
)  # fmt: skip
def mog_row(
    y, image, freeze, modes, weight, gauss, label, work, tiles, most, width, rate, prune, gate, reach, ratio, var_init,
    var_min, var_max, shadow, tau,
):  # fmt: skip
    """`mog_pixel` for a row of pixels, in tiles; `work` is left at zero."""
    for t in range(tiles):
        learn(
            y, t, image, freeze, modes, weight, gauss, label, work, most, width, rate, prune, gate, reach, ratio,
            var_init, var_min, var_max, shadow, tau,
        )  # fmt: skip
    for j in range(WORK):
        work[y, j] = f32(0)


def update(
    image: Array, freeze: Array, modes: Array, weight: Array, gauss: Array, work: Array, label: Array,
    evidence: Array | None = None, *, rate: float, fade: float, gate: float, reach: float, ratio: float,
    var_init: float, var_min: float, var_max: float, shadow: int, tau: float,
) -> None:  # fmt: skip
    """One frame: the model moves towards `image`, and `label` becomes 0, `shadow` or 255; a shadow of 255 is none.

    A mode fits within `gate` variances, is background within `reach`, and is forgotten below a weight of rate * fade.
    Where `freeze` is above FROZEN nothing changes. `evidence` is what the model knew before this frame.
    """
    if evidence is not None:
        look(image, modes, weight, gauss, evidence, reach, ratio)
    most, width = weight.shape[0], image.shape[1]
    numbers = (rate, rate * float(f32(fade)), gate, reach, ratio, var_init, var_min, var_max, shadow, tau)
    if device_of(image).simt:
        mog_pixel(image, freeze, modes, weight, gauss, label, most, *numbers)
    else:
        mog_row(image, freeze, modes, weight, gauss, label, work, tiles(width), most, width, *numbers)
