"""Which mode of a mixture fits each pixel of a tile: the first half of mogtile.py, and the notes that both halves keep.

What is known of a pixel between the steps stands in `work`, a row of 512 numbers for each row of pixels:
    TOTAL   the sum of the weights so far, then the factor that makes it 1
    LEFT    the modes still in use
    PLACE   the mode that fits, or that is new; NONE so far; HELD where it is frozen
    LABEL   0 for background, OTHER, or a shadow's
    UP      1 where two modes change places
    R G B   the pixel's colour
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.kernel import function
from bgflow.kernels.modes import BLUE, EPSILON, GREEN, RED, VAR
from bgflow.kernels.tiles import FROZEN, LANES, first

f32, i32 = np.float32, np.int32

TOTAL, LEFT, PLACE, LABEL, UP, R, G, B = (n * LANES for n in range(8))
WORK = 8 * LANES
NONE, HELD = f32(-1), f32(-2)
OTHER = f32(2)


@function
def colours(y, t, count, image, work):
    """The colours of the tile's pixels, as f32 planes."""
    start = first(t, LANES)
    for j in range(count):
        x = start + j
        work[y, R + j] = f32(image[y, x, 0])
        work[y, G + j] = f32(image[y, x, 1])
        work[y, B + j] = f32(image[y, x, 2])


@function
def lead(y, t, count, freeze, modes, weight, gauss, work, rate, prune, gate, reach, var_min, var_max):
    """Move the heaviest mode where the pixel is near it, let it fade elsewhere, and begin the notes on each pixel."""
    keep = f32(1) - rate
    start = first(t, LANES)
    for j in range(count):
        x = start + j
        n = f32(modes[y, x])
        held = freeze[y, x] > FROZEN
        old = weight[0, y, x]
        v = gauss[0, y, t, j + VAR]
        r = gauss[0, y, t, j + RED]
        g = gauss[0, y, t, j + GREEN]
        b = gauss[0, y, t, j + BLUE]
        dr = r - work[y, R + j]
        dg = g - work[y, G + j]
        db = b - work[y, B + j]
        d2 = dr * dr + dg * dg + db * db
        here = n > f32(0)
        near = here & (d2 < reach * v)
        hit = here & (not held) & (d2 < gate * v)
        w = keep * old - prune
        w = w + rate if hit else w
        k = rate / w
        u = v + k * (d2 - v)
        u = var_min if u < var_min else u
        u = var_max if u > var_max else u
        gauss[0, y, t, j + VAR] = u if hit else v
        gauss[0, y, t, j + RED] = r - k * dr if hit else r
        gauss[0, y, t, j + GREEN] = g - k * dg if hit else g
        gauss[0, y, t, j + BLUE] = b - k * db if hit else b
        gone = (w < prune) & (not held)
        alone = hit & (n == f32(1)) & (not gone) & (w > EPSILON)
        w = w * (f32(1) / w) if alone else w
        less = f32(0) if gone else w
        less = old if held else less
        kept = w if hit else less
        weight[0, y, x] = kept if here else old
        less = f32(1) if alone else less
        found = HELD if held else NONE
        work[y, TOTAL + j] = less if here else f32(0)
        work[y, LEFT + j] = n - f32(1) if here & gone else n
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
    for j in range(count):
        x = start + j
        total = work[y, TOTAL + j]
        left = work[y, LEFT + j]
        place = work[y, PLACE + j]
        label = work[y, LABEL + j]
        old = weight[m, y, x]
        v = gauss[m, y, t, j + VAR]
        dr = gauss[m, y, t, j + RED] - work[y, R + j]
        dg = gauss[m, y, t, j + GREEN] - work[y, G + j]
        db = gauss[m, y, t, j + BLUE] - work[y, B + j]
        d2 = dr * dr + dg * dg + db * db
        held = place == HELD
        here = f32(m) < left
        near = here & (place < f32(0)) & (total < ratio) & (d2 < reach * v)
        hit = here & (place == NONE) & (d2 < gate * v)
        w = keep * old - prune
        w = w + rate if hit else w
        gone = (w < prune) & (not held)
        less = f32(0) if gone else w
        less = old if held else less
        kept = w if hit else less
        weight[m, y, x] = kept if here else old
        work[y, TOTAL + j] = total + less if here else total
        work[y, LEFT + j] = left - f32(1) if here & gone else left
        work[y, PLACE + j] = f32(m) if hit else place
        work[y, LABEL + j] = f32(0) if near else label


@function
def move(m, y, t, count, weight, gauss, work, rate, var_min, var_max):
    """Move mode m towards the pixels that it fits."""
    start = first(t, LANES)
    for j in range(count):
        x = start + j
        hit = work[y, PLACE + j] == f32(m)
        v = gauss[m, y, t, j + VAR]
        r = gauss[m, y, t, j + RED]
        g = gauss[m, y, t, j + GREEN]
        b = gauss[m, y, t, j + BLUE]
        dr = r - work[y, R + j]
        dg = g - work[y, G + j]
        db = b - work[y, B + j]
        d2 = dr * dr + dg * dg + db * db
        k = rate / weight[m, y, x]
        u = v + k * (d2 - v)
        u = var_min if u < var_min else u
        u = var_max if u > var_max else u
        gauss[m, y, t, j + VAR] = u if hit else v
        gauss[m, y, t, j + RED] = r - k * dr if hit else r
        gauss[m, y, t, j + GREEN] = g - k * dg if hit else g
        gauss[m, y, t, j + BLUE] = b - k * db if hit else b


@function
def fade(m, y, t, count, weight, work, rate, prune):
    """Let mode m fade, as no pixel looks for one any more."""
    keep = f32(1) - rate
    start = first(t, LANES)
    for j in range(count):
        x = start + j
        left = work[y, LEFT + j]
        total = work[y, TOTAL + j]
        old = weight[m, y, x]
        here = (f32(m) < left) & (work[y, PLACE + j] > HELD)
        w = keep * old - prune
        gone = w < prune
        w = f32(0) if gone else w
        weight[m, y, x] = w if here else old
        work[y, TOTAL + j] = total + w if here else total
        work[y, LEFT + j] = left - f32(1) if here & gone else left
