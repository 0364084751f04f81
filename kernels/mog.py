"""A mixture of up to five Gaussians per pixel: the colours that a fixed camera keeps seeing there.

The model and its update are Zivkovic's ("Improved Adaptive Gaussian Mixture Model for Background Subtraction", ICPR
2004; Zivkovic and van der Heijden, Pattern Recognition Letters 27, 2006), the shadow test is that of Prati et al.
("Detecting Moving Shadows", PAMI 25, 2003). Every sum keeps the order that OpenCV's MOG2 has.

What is kept has 16 bits a number, and most updates are smaller than their last: so before its fraction is cut off a
number is raised by a part of one unit, the same for the whole frame and another in each. The parts are multiples of the
golden ratio without their integers, which cover 0..1 evenly over any run of frames (Weyl, 1916). What moves by a
hundredth of a unit a frame thus moves by one in a hundred frames. Labels are those of MOG2 but for some in 10,000.

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
from bgflow.kernels.modes import (
    BLUE,
    EPSILON,
    FINEST,
    GREEN,
    LEVEL,
    MEAN,
    ONE,
    RED,
    SHARE,
    SPREAD,
    TILE,
    VAR,
    VARIANCE,
    WIDEST,
    nearest,
)
from bgflow.kernels.modes import evidence as look
from bgflow.kernels.mogfit import CHANNELS, WORK, dithered
from bgflow.kernels.mogtile import learn
from bgflow.kernels.tiles import FROZEN, LANES

f32, i32 = np.float32, np.int32
TURN, TURNS = 40503, 65536  # the golden ratio, in parts of all turns


@function
def faded(m, y, x, weight, keep, prune):
    """The weight of mode m a frame later, 0 where it is forgotten."""
    w = keep * (f32(weight[m, y, x]) * SHARE) - prune
    return f32(0) if w < prune else w


@function
def shadowed(y, x, r, g, b, n, weight, gauss, reach, ratio, tau):
    """Whether a background mode, darkened by a factor between tau and 1, is near the colour."""
    tile = x // LANES
    at = x % LANES
    total = f32(0)
    for m in range(n):
        mr = f32(gauss[m, y, tile, at + RED]) * MEAN
        mg = f32(gauss[m, y, tile, at + GREEN]) * MEAN
        mb = f32(gauss[m, y, tile, at + BLUE]) * MEAN
        dot = r * mr + g * mg + b * mb
        norm = mr * mr + mg * mg + mb * mb
        if norm == f32(0):
            return False
        if dot <= norm and dot >= tau * norm:
            dark = dot / norm
            dr = dark * mr - r
            dg = dark * mg - g
            db = dark * mb - b
            v = f32(gauss[m, y, tile, at + VAR]) * VARIANCE
            if dr * dr + dg * dg + db * db < reach * v * dark * dark:
                return True
        total += f32(weight[m, y, x]) * SHARE
        if total > ratio:
            return False
    return False


@kernel(over="n", turn="i32[n] inout")
def mog_turn(i, turn):
    """Go on to the next frame's rounding; on the device, so that a captured frame does it too when it is replayed."""
    turn[i] = (turn[i] + TURN) % TURNS


@kernel(
    image="u8[h,w,3]", freeze="f32[h,w]", turn="i32[n]", modes="u8[h,w] inout", weight="u16[m,h,w] inout",
    gauss="u16[m,h,t,256] inout", label="u8[h,w] out", most="i32", rate="f32", prune="f32", gate="f32", reach="f32",
    ratio="f32", var_init="f32", var_min="f32", var_max="f32", shadow="i32", tau="f32",
)  # fmt: skip
def mog_pixel(
    y, x, image, freeze, turn, modes, weight, gauss, label, most, rate, prune, gate, reach, ratio, var_init, var_min,
    var_max, shadow, tau,
):  # fmt: skip
    """Find the mode that explains the pixel and move it towards it, or make one; let the others fade, and label it.

    Where it is frozen it is labelled only, and subject where nothing was ever learned. The CUDA text reads and writes
    each weight once.
    """
    tile = x // LANES
    at = x % LANES
    r = f32(image[y, x, 0])
    g = f32(image[y, x, 1])
    b = f32(image[y, x, 2])
    dither = dithered(turn)
    keep = f32(1) - rate
    n = i32(modes[y, x])
    total = f32(0)
    fits = False
    background = False
    held = freeze[y, x] > FROZEN
    if held:
        background = nearest(y, x, r, g, b, n, weight, gauss, ratio) < reach
    heavy = f32(0)
    found = 0  # the mode that fits, or that is new
    place = 0  # and where it belongs
    m = 0
    while m < n and not held:
        w = keep * (f32(weight[m, y, x]) * SHARE) - prune
        if not fits:
            v = f32(gauss[m, y, tile, at + VAR]) * VARIANCE
            mr = f32(gauss[m, y, tile, at + RED]) * MEAN
            mg = f32(gauss[m, y, tile, at + GREEN]) * MEAN
            mb = f32(gauss[m, y, tile, at + BLUE]) * MEAN
            dr = mr - r
            dg = mg - g
            db = mb - b
            d2 = dr * dr + dg * dg + db * db
            if total < ratio and d2 < reach * v:
                background = True
            if d2 < gate * v:
                fits = True
                w += rate
                k = rate / max(w, max(rate, EPSILON))
                v += k * (d2 - v)
                v = var_min if v < var_min else v
                v = var_max if v > var_max else v
                gauss[m, y, tile, at + VAR] = i32(v * SPREAD + dither)
                gauss[m, y, tile, at + RED] = i32((mr - k * dr) * LEVEL + dither)
                gauss[m, y, tile, at + GREEN] = i32((mg - k * dg) * LEVEL + dither)
                gauss[m, y, tile, at + BLUE] = i32((mb - k * db) * LEVEL + dither)
                found = m
                place = m
                while place > 0 and w >= faded(place - 1, y, x, weight, keep, prune):
                    place -= 1
                heavy = f32(0) if w < prune else w
        if w < prune:
            w = f32(0)
            n -= 1
        total += w
        m += 1
    scale = f32(1) / total if abs(total) > EPSILON else f32(0)
    fresh = not (fits or held) and rate > f32(0)
    again = keep if fresh else f32(1)
    if fresh:
        n = min(n + 1, most)
        found = n - 1  # type: ignore[assignment]
        place = found
        while place > 0 and rate >= faded(place - 1, y, x, weight, keep, prune) * scale * keep:
            place -= 1
        gauss[found, y, tile, at + VAR] = i32(var_init * SPREAD)
        gauss[found, y, tile, at + RED] = i32(r * LEVEL)
        gauss[found, y, tile, at + GREEN] = i32(g * LEVEL)
        gauss[found, y, tile, at + BLUE] = i32(b * LEVEL)
        heavy = rate
    for q in range(found, place, -1):
        for k in range(at, TILE, LANES):
            v = gauss[q, y, tile, k]
            gauss[q, y, tile, k] = gauss[q - 1, y, tile, k]
            gauss[q - 1, y, tile, k] = v
    for q in range(n - 1 if not held else -1, -1, -1):
        source = q - 1 if place < q <= found else q
        w = faded(source, y, x, weight, keep, prune) * scale * again
        if q == place and (fits or fresh):
            w = heavy if fresh else heavy * scale
        w = max(min(w, f32(1)), f32(0))
        weight[q, y, x] = i32(ONE) if n == 1 else min(i32(w * ONE + dither), i32(ONE))
    modes[y, x] = n
    if background:
        label[y, x] = 0
    elif shadow != 255 and shadowed(y, x, r, g, b, n, weight, gauss, reach, ratio, tau):
        label[y, x] = shadow
    else:
        label[y, x] = 255


@kernel(
    over="h", pixels="u8[h,k]", freeze="f32[h,w]", turn="i32[n]", modes="u8[h,w] inout", weight="u16[m,h,w] inout",
    gauss="u16[m,h,t,256] inout", label="u8[h,w] out", work="f32[h,832] inout", colour="f32[h,192] inout", most="i32",
    width="i32", rate="f32", prune="f32", gate="f32", reach="f32", ratio="f32", var_init="f32", var_min="f32",
    var_max="f32", shadow="i32", tau="f32",
)  # fmt: skip
def mog_row(
    y, pixels, freeze, turn, modes, weight, gauss, label, work, colour, most, width, rate, prune, gate, reach, ratio,
    var_init, var_min, var_max, shadow, tau,
):  # fmt: skip
    """`mog_pixel` for a row of pixels, in tiles; `work` and `colour` are left at zero.

    A whole tile has its number of pixels as a constant, so that its loops need neither a rest nor a test for one.
    """
    dither = dithered(turn)
    whole = width // LANES
    for t in range(whole):
        learn(
            y, t, LANES, pixels, freeze, modes, weight, gauss, label, work, colour, most, rate, prune, gate, reach,
            ratio, var_init, var_min, var_max, shadow, tau, dither,
        )  # fmt: skip
    rest = width - whole * LANES
    if rest > 0:
        learn(
            y, whole, rest, pixels, freeze, modes, weight, gauss, label, work, colour, most, rate, prune, gate, reach,
            ratio, var_init, var_min, var_max, shadow, tau, dither,
        )  # fmt: skip
    for j in range(WORK):
        work[y, j] = f32(0)
    for j in range(CHANNELS):
        colour[y, j] = f32(0)


def update(
    image: Array, freeze: Array, modes: Array, weight: Array, gauss: Array, turn: Array, work: Array, colour: Array,
    label: Array, evidence: Array | None = None, *, rate: float, fade: float, gate: float, reach: float, ratio: float,
    var_init: float, var_min: float, var_max: float, shadow: int, tau: float,
) -> None:  # fmt: skip
    """One frame: the model moves towards `image`, and `label` becomes 0, `shadow` or 255; a shadow of 255 is none.

    A mode fits within `gate` variances, is background within `reach`, and is forgotten below a weight of rate * fade.
    Where `freeze` is above FROZEN nothing changes. `evidence` is what the model knew before this frame. Variances are
    held within FINEST..WIDEST.
    """
    if evidence is not None:
        look(image, modes, weight, gauss, evidence, reach, ratio)
    most, (h, width) = weight.shape[0], label.shape
    least, largest = max(var_min, FINEST), min(var_max, WIDEST)
    numbers = (
        rate, rate * float(f32(fade)), gate, reach, ratio, min(max(var_init, FINEST), WIDEST), least, largest, shadow,
        tau,
    )  # fmt: skip
    mog_turn(turn)
    if device_of(image).simt:
        mog_pixel(image, freeze, turn, modes, weight, gauss, label, most, *numbers)
    else:
        pixels = image.reshape(h, 3 * width)
        mog_row(pixels, freeze, turn, modes, weight, gauss, label, work, colour, most, width, *numbers)
