"""A mixture of Gaussians learns a tile of 64 pixels at once: the update of mog.py, in vectors under masks.

Each step is one loop over the pixels of a tile that has no branches, so a CPU runs it in vectors; a step that no pixel
of the tile needs is left out. Sums keep their order, so this comes to the numbers of `mog_pixel`, bit for bit.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.kernel import function
from bgflow.kernels.modes import BLUE, EPSILON, GREEN, RED, VAR
from bgflow.kernels.mogfit import (
    HELD,
    LABEL,
    LEFT,
    NONE,
    OTHER,
    PLACE,
    TOTAL,
    UP,
    B,
    G,
    R,
    colours,
    fade,
    glance,
    lead,
    move,
    seeks,
    some,
)  # fmt: skip
from bgflow.kernels.tiles import LANES, first

f32, i32 = np.float32, np.int32


@function
def normal(y, count, work):
    """Turn the sums of the weights into the factors that make them 1."""
    for j in range(count):
        total = work[y, TOTAL + j]
        scale = f32(1) / total if abs(total) > EPSILON else f32(0)
        work[y, TOTAL + j] = f32(1) if work[y, PLACE + j] == HELD else scale


@function
def grow(y, t, count, deep, most, weight, gauss, work, rate, var_init):
    """Give each pixel that found no mode one of its own, in place of the lightest where it has `most` already."""
    keep = f32(1) - rate
    start = first(t, LANES)
    limit = f32(most - 1)
    for m in range(deep):
        new = i32(0)
        for j in range(count):
            x = start + j
            left = work[y, LEFT + j]
            own = work[y, PLACE + j] == NONE
            last = left if left < limit else limit
            old = weight[m, y, x]
            w = old * work[y, TOTAL + j] * keep if own & (f32(m) < last) else old
            fresh = f32(1) if m == 0 else rate
            here = own & (f32(m) == last)
            weight[m, y, x] = fresh if here else w
            new = max(new, i32(1) if here else i32(0))
        if new > 0:
            for j in range(count):
                left = work[y, LEFT + j]
                last = left if left < limit else limit
                here = (work[y, PLACE + j] == NONE) & (f32(m) == last)
                pr = work[y, R + j]
                pg = work[y, G + j]
                pb = work[y, B + j]
                v = gauss[m, y, t, j + VAR]
                r = gauss[m, y, t, j + RED]
                g = gauss[m, y, t, j + GREEN]
                b = gauss[m, y, t, j + BLUE]
                gauss[m, y, t, j + VAR] = var_init if here else v
                gauss[m, y, t, j + RED] = pr if here else r
                gauss[m, y, t, j + GREEN] = pg if here else g
                gauss[m, y, t, j + BLUE] = pb if here else b
    for j in range(count):
        total = work[y, TOTAL + j]
        left = work[y, LEFT + j]
        place = work[y, PLACE + j]
        own = place == NONE
        last = left if left < limit else limit
        work[y, TOTAL + j] = f32(1) if own else total
        work[y, LEFT + j] = last + f32(1) if own else left
        work[y, PLACE + j] = last if own else place


@function
def rise(y, t, count, deep, weight, gauss, work):
    """Move a mode that was hit, or is new, before those that are not heavier."""
    start = first(t, LANES)
    for back in range(deep - 1):
        m = max(i32(deep - 1 - back), i32(1))
        rises = i32(0)
        for j in range(count):
            x = start + j
            up = (work[y, PLACE + j] == f32(m)) & (weight[m, y, x] >= weight[m - 1, y, x])
            rises = max(rises, i32(1) if up else i32(0))
        if rises > 0:
            for j in range(count):
                x = start + j
                p = weight[m, y, x]
                q = weight[m - 1, y, x]
                place = work[y, PLACE + j]
                up = (place == f32(m)) & (p >= q)
                work[y, UP + j] = f32(1) if up else f32(0)
                weight[m, y, x] = q if up else p
                weight[m - 1, y, x] = p if up else q
                work[y, PLACE + j] = f32(m - 1) if up else place
            for k in range(4):
                for j in range(count):
                    at = k * LANES + j
                    up = work[y, UP + j] > f32(0)
                    c = gauss[m, y, t, at]
                    d = gauss[m - 1, y, t, at]
                    gauss[m, y, t, at] = d if up else c
                    gauss[m - 1, y, t, at] = c if up else d


@function
def finish(y, t, count, deep, modes, weight, work, prune):
    """Scale the weights, and keep the number of modes."""
    start = first(t, LANES)
    for m in range(deep):
        for j in range(count):
            x = start + j
            old = weight[m, y, x]
            w = f32(0) if (work[y, PLACE + j] == f32(m)) & (old < prune) else old
            weight[m, y, x] = w * work[y, TOTAL + j] if f32(m) < work[y, LEFT + j] else w
    for j in range(count):
        modes[y, start + j] = i32(work[y, LEFT + j])


@function
def shade(y, t, count, deep, weight, gauss, work, reach, ratio, shadow, tau):
    """Label the shadows among the pixels that are not background."""
    start = first(t, LANES)
    for j in range(count):
        work[y, TOTAL + j] = f32(0)
    for m in range(deep):
        for j in range(count):
            x = start + j
            total = work[y, TOTAL + j]
            left = work[y, LEFT + j]
            label = work[y, LABEL + j]
            share = weight[m, y, x]
            mv = gauss[m, y, t, j + VAR]
            mr = gauss[m, y, t, j + RED]
            mg = gauss[m, y, t, j + GREEN]
            mb = gauss[m, y, t, j + BLUE]
            r = work[y, R + j]
            g = work[y, G + j]
            b = work[y, B + j]
            dot = r * mr + g * mg + b * mb
            norm = mr * mr + mg * mg + mb * mb
            dark = dot / norm
            dr = dark * mr - r
            dg = dark * mg - g
            db = dark * mb - b
            near = dr * dr + dg * dg + db * db < reach * mv * dark * dark
            here = (label == OTHER) & (f32(m) < left) & (total <= ratio)
            dim = here & (norm != f32(0)) & (dot <= norm) & (dot >= tau * norm) & near
            work[y, LABEL + j] = f32(shadow) if dim else label
            work[y, TOTAL + j] = f32(2) if norm == f32(0) else total + share


@function
def learn(
    y, t, image, freeze, modes, weight, gauss, label, work, most, width, rate, prune, gate, reach, ratio, var_init,
    var_min, var_max, shadow, tau,
):  # fmt: skip
    """One frame of tile t of row y."""
    start = first(t, LANES)
    count = min(LANES, width - start)
    colours(y, t, count, image, work)
    lead(y, t, count, freeze, modes, weight, gauss, work, rate, prune, gate, reach, var_min, var_max)
    deep = i32(0)
    missed = i32(0)
    for j in range(count):
        deep = max(deep, i32(modes[y, start + j]))
    for j in range(count):
        missed = max(missed, i32(1) if work[y, PLACE + j] < f32(0) else i32(0))
    if missed + some(LABEL, OTHER, y, count, work) > 0 or deep > 1:
        seeking = missed
        for m in range(1, deep):
            if seeking > 0:
                seeking = seeks(m, y, count, work)
            if seeking > 0:
                glance(m, y, t, count, weight, gauss, work, rate, prune, gate, reach, ratio)
                if some(PLACE, f32(m), y, count, work) > 0:
                    move(m, y, t, count, weight, gauss, work, rate, var_min, var_max)
            else:
                fade(m, y, t, count, weight, work, rate, prune)
        normal(y, count, work)
        if missed > 0:
            if rate > f32(0) and some(PLACE, NONE, y, count, work) > 0:
                deep = min(deep + 1, most)
                grow(y, t, count, deep, most, weight, gauss, work, rate, var_init)
            rise(y, t, count, deep, weight, gauss, work)
        finish(y, t, count, deep, modes, weight, work, prune)
        if shadow != 255 and some(LABEL, OTHER, y, count, work) > 0:
            shade(y, t, count, deep, weight, gauss, work, reach, ratio, shadow, tau)
    for j in range(count):
        found = work[y, LABEL + j]
        label[y, start + j] = i32(255) if found == OTHER else i32(found)
