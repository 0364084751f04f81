"""A mixture of Gaussians learns a tile of 64 pixels at once: the update of mog.py, in vectors under masks.

Each step is one loop over the pixels of a tile that has no branches, so a CPU runs it in vectors; a step that no pixel
of the tile needs is left out. Sums keep their order, so this comes to the numbers of `mog_pixel`, bit for bit.

A tile whose pixels have one mode each, and fit it, writes no weights: they are 1 and stay so.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.kernel import function
from bgflow.kernels.modes import BLUE, EPSILON, GREEN, ONE, RED, SHARE, SPREAD, VAR
from bgflow.kernels.mogfit import (
    HELD,
    KEPT,
    LABEL,
    LEFT,
    NONE,
    OTHER,
    PLACE,
    SQUARE,
    TOTAL,
    UP,
    B,
    G,
    R,
    W,
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
        work[y, TOTAL + j] = f32(1) / total if abs(total) > EPSILON else f32(0)


@function
def grow(y, t, count, deep, most, gauss, work, rate, var_init):
    """Give each pixel that found no mode one of its own, in place of the lightest where it has `most` already."""
    keep = f32(1) - rate
    limit = f32(most - 1)
    for m in range(deep):
        at = W + first(m, LANES)
        new = i32(0)
        for j in range(count):
            left = work[y, LEFT + j]
            own = work[y, PLACE + j] == NONE
            last = left if left < limit else limit
            old = work[y, at + j]
            w = old * work[y, TOTAL + j] * keep if own & (f32(m) < last) else old
            fresh = f32(1) if m == 0 else rate
            here = own & (f32(m) == last)
            work[y, at + j] = fresh if here else w
            new = max(new, i32(1) if here else i32(0))
        if new > 0:
            for j in range(count):
                left = work[y, LEFT + j]
                last = left if left < limit else limit
                here = (work[y, PLACE + j] == NONE) & (f32(m) == last)
                pr = i32(work[y, R + j])
                pg = i32(work[y, G + j])
                pb = i32(work[y, B + j])
                v = i32(gauss[m, y, t, j + VAR])
                r = i32(gauss[m, y, t, j + RED])
                g = i32(gauss[m, y, t, j + GREEN])
                b = i32(gauss[m, y, t, j + BLUE])
                gauss[m, y, t, j + VAR] = i32(var_init * SPREAD) if here else v
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
def rise(y, t, count, deep, gauss, work):
    """Move a mode that was hit, or is new, before those that are not heavier."""
    for back in range(deep - 1):
        m = max(i32(deep - 1 - back), i32(1))
        at = W + first(m, LANES)
        rises = i32(0)
        for j in range(count):
            up = (work[y, PLACE + j] == f32(m)) & (work[y, at + j] >= work[y, at - LANES + j])
            rises = max(rises, i32(1) if up else i32(0))
        if rises > 0:
            for j in range(count):
                p = work[y, at + j]
                q = work[y, at - LANES + j]
                place = work[y, PLACE + j]
                up = (place == f32(m)) & (p >= q)
                work[y, UP + j] = f32(1) if up else f32(0)
                work[y, at + j] = q if up else p
                work[y, at - LANES + j] = p if up else q
                work[y, PLACE + j] = f32(m - 1) if up else place
            for k in range(4):
                for j in range(count):
                    to = k * LANES + j
                    up = work[y, UP + j] > f32(0)
                    c = gauss[m, y, t, to]
                    d = gauss[m - 1, y, t, to]
                    gauss[m, y, t, to] = d if up else c
                    gauss[m - 1, y, t, to] = c if up else d


@function
def forget(y, count, deep, work, prune):
    """Take their weight from modes that were hit and are too light all the same."""
    for m in range(deep):
        at = W + first(m, LANES)
        for j in range(count):
            w = work[y, at + j]
            work[y, at + j] = f32(0) if (work[y, PLACE + j] == f32(m)) & (w < prune) else w


@function
def finish(y, t, count, deep, modes, weight, work, dither):
    """Scale the weights and round them, and keep the number of modes; a weight that is alone is 1."""
    start = first(t, LANES)
    for j in range(count):
        left = work[y, LEFT + j]
        held = work[y, PLACE + j] == HELD
        alone = left == f32(1)
        work[y, KEPT + j] = f32(0) if held else left
        work[y, TOTAL + j] = f32(1) if alone else work[y, TOTAL + j]
        work[y, W + j] = f32(1) if alone else work[y, W + j]
        modes[y, start + j] = i32(left)
    for m in range(deep):
        at = W + first(m, LANES)
        for j in range(count):
            x = start + j
            old = i32(weight[m, y, x])
            w = work[y, at + j] * work[y, TOTAL + j]
            w = w if w < f32(1) else f32(1)
            u = i32(w * ONE + dither)
            u = u if u < i32(ONE) else i32(ONE)
            weight[m, y, x] = u if f32(m) < work[y, KEPT + j] else old


@function
def shade(y, t, count, deep, weight, gauss, work, reach, ratio, shadow, tau):
    """Label the shadows among the pixels that are not background."""
    start = first(t, LANES)
    for j in range(count):
        work[y, TOTAL + j] = f32(0)
    sought = i32(1)
    for m in range(deep):
        if sought == 0:
            break
        sought = i32(0)
        for j in range(count):
            x = start + j
            total = work[y, TOTAL + j]
            left = work[y, LEFT + j]
            label = work[y, LABEL + j]
            share = f32(weight[m, y, x]) * SHARE
            mv = f32(gauss[m, y, t, j + VAR])
            mr = f32(gauss[m, y, t, j + RED])
            mg = f32(gauss[m, y, t, j + GREEN])
            mb = f32(gauss[m, y, t, j + BLUE])
            r = work[y, R + j]
            g = work[y, G + j]
            b = work[y, B + j]
            dot = r * mr + g * mg + b * mb
            norm = mr * mr + mg * mg + mb * mb
            dark = dot / norm
            dr = dark * mr - r
            dg = dark * mg - g
            db = dark * mb - b
            near = (dr * dr + dg * dg + db * db) * SQUARE < reach * mv * dark * dark
            here = (label == OTHER) & (f32(m) < left) & (total <= ratio)
            dim = here & (norm != f32(0)) & (dot <= norm) & (dot >= tau * norm) & near
            work[y, LABEL + j] = f32(shadow) if dim else label
            total = f32(2) if norm == f32(0) else total + share
            work[y, TOTAL + j] = total
            sought = max(sought, i32(1) if here & (not dim) & (total <= ratio) else i32(0))


@function
def learn(
    y, t, count, pixels, freeze, modes, weight, gauss, label, work, colour, most, rate, prune, gate, reach, ratio,
    var_init, var_min, var_max, shadow, tau, dither,
):  # fmt: skip
    """One frame of tile t of row y, which has `count` pixels."""
    start = first(t, LANES)
    colours(y, t, count, pixels, colour, work)
    lead(y, t, count, freeze, modes, weight, gauss, work, rate, prune, gate, reach, var_min, var_max, dither)
    deep = i32(0)
    missed = i32(0)
    others = i32(0)
    for j in range(count):
        deep = max(deep, i32(modes[y, start + j]))
        missed = max(missed, i32(1) if work[y, PLACE + j] < f32(0) else i32(0))
        others = max(others, i32(1) if work[y, LABEL + j] == OTHER else i32(0))
    if missed + others > 0 or deep > 1 or prune > f32(0.5):
        seeking = missed
        for m in range(1, deep):
            if seeking > 0:
                seeking = seeks(m, y, count, work)
            if seeking > 0:
                glance(m, y, t, count, weight, gauss, work, rate, prune, gate, reach, ratio)
                if some(PLACE, f32(m), y, count, work) > 0:
                    move(m, y, t, count, gauss, work, rate, var_min, var_max, dither)
            else:
                fade(m, y, t, count, weight, work, rate, prune)
        normal(y, count, work)
        if missed > 0:
            if rate > f32(0) and some(PLACE, NONE, y, count, work) > 0:
                deep = min(deep + 1, most)
                grow(y, t, count, deep, most, gauss, work, rate, var_init)
            rise(y, t, count, deep, gauss, work)
        if prune > rate * f32(0.25):  # below, what was hit has at least rate - prune
            forget(y, count, deep, work, prune)
        finish(y, t, count, deep, modes, weight, work, dither)
        if shadow != 255 and some(LABEL, OTHER, y, count, work) > 0:
            shade(y, t, count, deep, weight, gauss, work, reach, ratio, shadow, tau)
    for j in range(count):
        found = work[y, LABEL + j]
        label[y, start + j] = i32(255) if found == OTHER else i32(found)
