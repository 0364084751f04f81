"""A mixture of up to five Gaussians per pixel: the colours that a fixed camera keeps seeing there.

The model and its update are Zivkovic's ("Improved Adaptive Gaussian Mixture Model for Background Subtraction", ICPR
2004; Zivkovic and van der Heijden, Pattern Recognition Letters 27, 2006), the shadow test is that of Prati et al.
("Detecting Moving Shadows", PAMI 25, 2003). Every sum keeps the order that OpenCV's MOG2 has, so labels are equal.

A frame takes three passes, because nearly all pixels need only the first two, which have no branches and so run in
vectors on a CPU: `mog_lead` updates the heaviest mode where it fits, `mog_decay` the weights of the other modes
there, and `mog_rest` does the whole update for the few pixels that are left. A GPU takes one pass, `mog_rest` for every
pixel, which comes to the same numbers. Memory is as in modes.py.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.devices import device_of
from bgflow.frame import Array
from bgflow.kernel import function, kernel
from bgflow.kernels.modes import BLUE, EPSILON, GREEN, RED, TILE, VAR, nearest
from bgflow.kernels.modes import evidence as look
from bgflow.kernels.tiles import FROZEN, LANES, first, spans

f32, i32 = np.float32, np.int32

SETTLED, SHARED, MISSED = 0, 1, 2
"""What a label holds between the passes: done, other modes' weights to do, everything to do."""


@kernel(
    over="h,spans", image="u8[h,w,3]", freeze="f32[h,w]", modes="u8[h,w]", weight="f32[m,h,w] inout",
    gauss="f32[m,h,t,256] inout", label="u8[h,w] out", spans="i32", span="i32", width="i32", rate="f32", prune="f32",
    gate="f32", reach="f32", var_min="f32", var_max="f32",
)  # fmt: skip
def mog_lead(
    y, i, image, freeze, modes, weight, gauss, label, spans, span, width, rate, prune, gate, reach, var_min, var_max
):  # fmt: skip
    """Move the heaviest mode towards the pixel where the pixel is near it, and mark what is left to do."""
    keep = f32(1) - rate
    start = first(i, span)
    tile = start // LANES
    offset = start % LANES
    for j in range(min(span, width - start)):
        x = start + j
        at = offset + j
        w = weight[0, y, x]
        v = gauss[0, y, tile, at + VAR]
        r = gauss[0, y, tile, at + RED]
        g = gauss[0, y, tile, at + GREEN]
        b = gauss[0, y, tile, at + BLUE]
        dr = r - f32(image[y, x, 0])
        dg = g - f32(image[y, x, 1])
        db = b - f32(image[y, x, 2])
        d2 = dr * dr + dg * dg + db * db
        heavy = keep * w - prune + rate
        fits = (i32(modes[y, x]) > 0) & (d2 < gate * v) & (d2 < reach * v) & (heavy >= prune) & (heavy > EPSILON)
        fits = fits & (freeze[y, x] <= FROZEN)
        alone = i32(modes[y, x]) == 1
        k = rate / heavy
        u = v + k * (d2 - v)
        u = var_min if u < var_min else u
        u = var_max if u > var_max else u
        heavy = heavy * (f32(1) / heavy) if alone else heavy
        weight[0, y, x] = heavy if fits else w
        gauss[0, y, tile, at + VAR] = u if fits else v
        gauss[0, y, tile, at + RED] = r - k * dr if fits else r
        gauss[0, y, tile, at + GREEN] = g - k * dg if fits else g
        gauss[0, y, tile, at + BLUE] = b - k * db if fits else b
        label[y, x] = (SETTLED if alone else SHARED) if fits else MISSED


@kernel(
    over="h,spans", modes="u8[h,w] inout", weight="f32[m,h,w] inout", work="f32[2,h,w] inout", label="u8[h,w] inout",
    spans="i32", span="i32", width="i32", rate="f32", prune="f32",
)  # fmt: skip
def mog_decay(y, i, modes, weight, work, label, spans, span, width, rate, prune):
    """Let the other modes fade where the heaviest was hit, drop those that are too light, and scale the sum to 1.

    `work` holds the sum of the weights and the number of modes still in use; its content is of no use afterwards.
    """
    keep = f32(1) - rate
    start = first(i, span)
    stop = min(start + span, width)
    most = i32(0)
    for x in range(start, stop):
        if label[y, x] == SHARED:
            most = max(most, i32(modes[y, x]))
    if most == 0:
        return
    for x in range(start, stop):
        work[0, y, x] = weight[0, y, x]
        work[1, y, x] = f32(modes[y, x]) if label[y, x] == SHARED else f32(0)
    for m in range(1, most):
        for x in range(start, stop):
            left = work[1, y, x]
            here = f32(m) < left
            w = weight[m, y, x]
            faded = keep * w - prune
            gone = faded < prune
            faded = f32(0) if gone else faded
            weight[m, y, x] = faded if here else w
            work[0, y, x] += faded if here else f32(0)
            work[1, y, x] = left - f32(1) if here & gone else left
    for m in range(most):
        for x in range(start, stop):
            w = weight[m, y, x]
            scaled = w * (f32(1) / work[0, y, x])
            weight[m, y, x] = scaled if f32(m) < work[1, y, x] else w
    for x in range(start, stop):
        if label[y, x] == SHARED:
            label[y, x] = SETTLED
            modes[y, x] = i32(work[1, y, x])


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
    gauss="f32[m,h,t,256] inout", label="u8[h,w] inout", most="i32", rate="f32", prune="f32", gate="f32", reach="f32",
    ratio="f32", var_init="f32", var_min="f32", var_max="f32", shadow="i32", tau="f32", every="i32",
)  # fmt: skip
def mog_rest(
    y, x, image, freeze, modes, weight, gauss, label, most, rate, prune, gate, reach, ratio, var_init, var_min,
    var_max, shadow, tau, every,
):  # fmt: skip
    """Update a pixel that its heaviest mode does not explain: find another mode or make one, and label it.

    Where it is frozen it is labelled only, and subject where nothing was ever learned. With `every` 1 no pass came
    before, and every pixel is updated: the CUDA text then takes the common case, a pixel that fits its heaviest mode,
    apart, reads and writes each number once, and touches no other mode's colour.
    """
    if every == 0 and label[y, x] != MISSED:
        return
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
    count, span = spans(image)
    prune = rate * float(f32(fade))
    whole = (most, rate, prune, gate, reach, ratio, var_init, var_min, var_max, shadow, tau)
    if device_of(image).simt:
        mog_rest(image, freeze, modes, weight, gauss, label, *whole, 1)
        return
    mog_lead(image, freeze, modes, weight, gauss, label, count, span, width, rate, prune, gate, reach, var_min, var_max)
    mog_decay(modes, weight, work, label, count, span, width, rate, prune)
    mog_rest(image, freeze, modes, weight, gauss, label, *whole, 0)
