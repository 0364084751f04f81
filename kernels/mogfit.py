"""Which mode of a mixture fits each pixel of a tile: the first half of mogtile.py, and the notes that both halves keep.

What is known of a pixel between the steps stands in `work`, a row of 832 numbers for each row of pixels:
    TOTAL   the sum of the weights so far, then the factor that makes it 1
    LEFT    the modes still in use
    PLACE   the mode that fits, or that is new; NONE so far; HELD where it is frozen
    LABEL   0 for background, OTHER, or a shadow's
    UP      1 where two modes change places
    KEPT    in the same place, later: how many modes get a new weight
    R G B   the pixel's colour, in the units of a mean
    W       the weights of five modes, before they are rounded

Colours and variances are reckoned in the units in which they are kept: those are powers of two, so this comes to the
same bits as levels would, without a product for each number that is read or written.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.kernel import function
from bgflow.kernels.modes import BLUE, EPSILON, GREEN, LEVEL, RED, SHARE, SPREAD, VAR
from bgflow.kernels.tiles import FROZEN, LANES, first

f32, i32 = np.float32, np.int32

TOTAL, LEFT, PLACE, LABEL, UP, R, G, B, W = (n * LANES for n in range(9))
KEPT = UP
WORK = (8 + 5) * LANES
CHANNELS = 3 * LANES
NONE, HELD = f32(-1), f32(-2)
OTHER = f32(2)
SQUARE = SPREAD / (LEVEL * LEVEL)
"""Units of a variance in a squared distance between means."""


@function
def dithered(turn):
    """The part of a unit that is added in this frame before a fraction is cut off."""
    return (f32(turn[0]) + f32(0.5)) * f32(1 / 65536)


@function
def colours(y, t, count, pixels, colour, work):
    """The colours of the tile's pixels, as f32 planes, in the units of a mean.

    Through `colour`, where they stand as floats in the order of `pixels`: taking bytes apart does not pay in LLVM's
    eyes, taking floats apart does, if they come from another array than they go to.
    """
    start = 3 * first(t, LANES)
    for j in range(3 * count):
        colour[y, j] = f32(pixels[y, start + j]) * LEVEL
    for j in range(count):
        work[y, R + j] = colour[y, 3 * j]
        work[y, G + j] = colour[y, 3 * j + 1]
        work[y, B + j] = colour[y, 3 * j + 2]


@function
def lead(y, t, count, freeze, modes, weight, gauss, work, rate, prune, gate, reach, var_min, var_max, dither):
    """Move the heaviest mode where the pixel is near it, let it fade elsewhere, and begin the notes on each pixel."""
    keep = f32(1) - rate
    least = max(rate, EPSILON)
    finest = var_min * SPREAD
    widest = var_max * SPREAD
    start = first(t, LANES)
    for j in range(count):
        x = start + j
        n = f32(modes[y, x])
        held = freeze[y, x] > FROZEN
        old = f32(weight[0, y, x]) * SHARE
        iv = i32(gauss[0, y, t, j + VAR])
        ir = i32(gauss[0, y, t, j + RED])
        ig = i32(gauss[0, y, t, j + GREEN])
        ib = i32(gauss[0, y, t, j + BLUE])
        v = f32(iv)
        r = f32(ir)
        g = f32(ig)
        b = f32(ib)
        dr = r - work[y, R + j]
        dg = g - work[y, G + j]
        db = b - work[y, B + j]
        d2 = (dr * dr + dg * dg + db * db) * SQUARE
        here = n > f32(0)
        near = here & (d2 < reach * v)
        hit = here & (not held) & (d2 < gate * v)
        w = keep * old - prune
        w = w + rate if hit else w
        k = rate / (w if w > least else least)
        u = v + k * (d2 - v)
        u = finest if u < finest else u
        u = widest if u > widest else u
        gauss[0, y, t, j + VAR] = i32(u + dither) if hit else iv
        gauss[0, y, t, j + RED] = i32(r - k * dr + dither) if hit else ir
        gauss[0, y, t, j + GREEN] = i32(g - k * dg + dither) if hit else ig
        gauss[0, y, t, j + BLUE] = i32(b - k * db + dither) if hit else ib
        gone = (w < prune) & (not held)
        less = f32(0) if gone else w
        less = old if held else less
        work[y, W + j] = w if hit else less
        work[y, TOTAL + j] = less if here else f32(0)
        work[y, LEFT + j] = n - f32(1) if here & gone else n
        found = HELD if held else NONE
        work[y, PLACE + j] = f32(0) if hit else found
        work[y, LABEL + j] = f32(0) if near else OTHER


@function
def some(row, value, y, count, work):
    """1 if a pixel of the tile has this value in a row of the notes, else 0."""
    found = i32(0)
    for j in range(count):
        found = max(found, i32(1) if work[y, row + j] == value else i32(0))
    return found


@function
def seeks(m, y, count, work):
    """1 if a pixel of the tile has found no mode yet and has a mode m, else 0."""
    found = i32(0)
    for j in range(count):
        found = max(found, i32(1) if (work[y, PLACE + j] < f32(0)) & (f32(m) < work[y, LEFT + j]) else i32(0))
    return found


@function
def glance(m, y, t, count, weight, gauss, work, rate, prune, gate, reach, ratio):
    """Note which pixels mode m is near to, and which it fits; add `rate` to its weight there, let it fade elsewhere."""
    keep = f32(1) - rate
    start = first(t, LANES)
    at = W + first(m, LANES)
    for j in range(count):
        x = start + j
        total = work[y, TOTAL + j]
        left = work[y, LEFT + j]
        place = work[y, PLACE + j]
        label = work[y, LABEL + j]
        old = f32(weight[m, y, x]) * SHARE
        v = f32(gauss[m, y, t, j + VAR])
        dr = f32(gauss[m, y, t, j + RED]) - work[y, R + j]
        dg = f32(gauss[m, y, t, j + GREEN]) - work[y, G + j]
        db = f32(gauss[m, y, t, j + BLUE]) - work[y, B + j]
        d2 = (dr * dr + dg * dg + db * db) * SQUARE
        held = place == HELD
        here = f32(m) < left
        near = here & (place < f32(0)) & (total < ratio) & (d2 < reach * v)
        hit = here & (place == NONE) & (d2 < gate * v)
        w = keep * old - prune
        w = w + rate if hit else w
        gone = (w < prune) & (not held)
        less = f32(0) if gone else w
        less = old if held else less
        work[y, at + j] = w if hit else less
        work[y, TOTAL + j] = total + less if here else total
        work[y, LEFT + j] = left - f32(1) if here & gone else left
        work[y, PLACE + j] = f32(m) if hit else place
        work[y, LABEL + j] = f32(0) if near else label


@function
def move(m, y, t, count, gauss, work, rate, var_min, var_max, dither):
    """Move mode m towards the pixels that it fits."""
    least = max(rate, EPSILON)
    finest = var_min * SPREAD
    widest = var_max * SPREAD
    at = W + first(m, LANES)
    for j in range(count):
        hit = work[y, PLACE + j] == f32(m)
        iv = i32(gauss[m, y, t, j + VAR])
        ir = i32(gauss[m, y, t, j + RED])
        ig = i32(gauss[m, y, t, j + GREEN])
        ib = i32(gauss[m, y, t, j + BLUE])
        v = f32(iv)
        r = f32(ir)
        g = f32(ig)
        b = f32(ib)
        dr = r - work[y, R + j]
        dg = g - work[y, G + j]
        db = b - work[y, B + j]
        d2 = (dr * dr + dg * dg + db * db) * SQUARE
        w = work[y, at + j]
        k = rate / (w if w > least else least)
        u = v + k * (d2 - v)
        u = finest if u < finest else u
        u = widest if u > widest else u
        gauss[m, y, t, j + VAR] = i32(u + dither) if hit else iv
        gauss[m, y, t, j + RED] = i32(r - k * dr + dither) if hit else ir
        gauss[m, y, t, j + GREEN] = i32(g - k * dg + dither) if hit else ig
        gauss[m, y, t, j + BLUE] = i32(b - k * db + dither) if hit else ib


@function
def fade(m, y, t, count, weight, work, rate, prune):
    """Let mode m fade, as no pixel looks for one any more."""
    keep = f32(1) - rate
    start = first(t, LANES)
    at = W + first(m, LANES)
    for j in range(count):
        x = start + j
        left = work[y, LEFT + j]
        total = work[y, TOTAL + j]
        old = f32(weight[m, y, x]) * SHARE
        here = (f32(m) < left) & (work[y, PLACE + j] > HELD)
        w = keep * old - prune
        gone = w < prune
        w = f32(0) if gone else w
        work[y, at + j] = w
        work[y, TOTAL + j] = total + w if here else total
        work[y, LEFT + j] = left - f32(1) if here & gone else left
