"""One Gaussian per pixel that follows the background: the cheapest model of a fixed camera.

The running average of Wren et al. ("Pfinder", PAMI 19, 1997) with the selective update that Piccardi reviews
("Background subtraction techniques", IEEE SMC 2004): what looks like subject is learned more slowly. The shadow test
is that of Prati et al. (PAMI 25, 2003). There are no branches, so a CPU runs it in vectors.

    gauss   f32[h,t,256]    in tiles of 64 pixels: 64 variances, then 64 means each of red, green and blue; a variance
                            of 0 is that of a pixel where nothing was ever learned
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import function, kernel
from bgflow.kernels.modes import BLUE, GREEN, RED, VAR
from bgflow.kernels.tiles import FROZEN, LANES, first, spans

f32, i32 = np.float32, np.int32


@function
def darkened(r, g, b, mr, mg, mb, limit, tau):
    """Whether the colour is near to the mean darkened by a factor between tau and 1."""
    dot = r * mr + g * mg + b * mb
    norm = mr * mr + mg * mg + mb * mb
    dark = dot / max(norm, f32(1e-6))
    dr = dark * mr - r
    dg = dark * mg - g
    db = dark * mb - b
    return (dot <= norm) & (dot >= tau * norm) & (dr * dr + dg * dg + db * db < limit * dark * dark)


@kernel(
    over="h,spans", image="u8[h,w,3]", freeze="f32[h,w]", gauss="f32[h,t,256] inout", label="u8[h,w] out", spans="i32",
    span="i32", width="i32", rate="f32", slow="f32", reach="f32", var_init="f32", var_min="f32", var_max="f32",
    shadow="i32", tau="f32",
)  # fmt: skip
def running_update(
    y, i, image, freeze, gauss, label, spans, span, width, rate, slow, reach, var_init, var_min, var_max, shadow, tau
):  # fmt: skip
    """Label the pixels of a span and move their Gaussians; where nothing was learned yet the picture is background.

    Where it is frozen nothing moves, and what was not learned yet is subject.
    """
    start = first(i, span)
    tile = start // LANES
    offset = start % LANES
    for j in range(min(span, width - start)):
        x = start + j
        at = offset + j
        r = f32(image[y, x, 0])
        g = f32(image[y, x, 1])
        b = f32(image[y, x, 2])
        old = gauss[y, tile, at + VAR]
        old_r = gauss[y, tile, at + RED]
        old_g = gauss[y, tile, at + GREEN]
        old_b = gauss[y, tile, at + BLUE]
        held = freeze[y, x] > FROZEN
        unseen = old == f32(0)
        v = var_init if unseen else old  # loaded first all the same: a load under a condition does not vectorise
        mr = r if unseen else old_r
        mg = g if unseen else old_g
        mb = b if unseen else old_b
        dr = r - mr
        dg = g - mg
        db = b - mb
        d2 = dr * dr + dg * dg + db * db
        near = d2 < reach * v
        darker = darkened(r, g, b, mr, mg, mb, reach * v, tau)
        k = rate if near else slow
        u = v + rate * (d2 - v) if near else v
        u = var_min if u < var_min else u
        u = var_max if u > var_max else u
        gauss[y, tile, at + VAR] = old if held else u
        gauss[y, tile, at + RED] = old_r if held else mr + k * dr
        gauss[y, tile, at + GREEN] = old_g if held else mg + k * dg
        gauss[y, tile, at + BLUE] = old_b if held else mb + k * db
        known = i32(0) if near else (shadow if darker else i32(255))
        label[y, x] = i32(255) if held & unseen else known


@kernel(
    over="h,spans", image="u8[h,w,3]", gauss="f32[h,t,256]", evidence="f32[h,w] out", spans="i32", span="i32", w="i32",
    reach="f32",
)  # fmt: skip
def running_evidence(y, i, image, gauss, evidence, spans, span, w, reach):
    """How far a pixel is from the background, 0..1: a half at the threshold, or where nothing was learned yet."""
    start = first(i, span)
    tile = start // LANES
    offset = start % LANES
    for j in range(min(span, w - start)):
        x = start + j
        at = offset + j
        limit = reach * gauss[y, tile, at + VAR]
        dr = f32(image[y, x, 0]) - gauss[y, tile, at + RED]
        dg = f32(image[y, x, 1]) - gauss[y, tile, at + GREEN]
        db = f32(image[y, x, 2]) - gauss[y, tile, at + BLUE]
        d2 = dr * dr + dg * dg + db * db
        sure = d2 / max(d2 + limit, f32(1e-6))
        evidence[y, x] = sure if limit > f32(0) else f32(0.5)


@kernel(
    over="h,spans", gauss="f32[h,t,256]", plate="u8[h,w,3] out", spans="i32", span="i32", w="i32",
)  # fmt: skip
def running_plate(y, i, gauss, plate, spans, span, w):
    """The means as a picture."""
    start = first(i, span)
    tile = start // LANES
    offset = start % LANES
    for j in range(min(span, w - start)):
        plate[y, start + j, 0] = i32(gauss[y, tile, offset + j + RED] + f32(0.5))
        plate[y, start + j, 1] = i32(gauss[y, tile, offset + j + GREEN] + f32(0.5))
        plate[y, start + j, 2] = i32(gauss[y, tile, offset + j + BLUE] + f32(0.5))


def plate(gauss: Array, out: Array) -> None:
    """The background u8[h,w,3]."""
    running_plate(gauss, out, *spans(out), out.shape[1])


def update(
    image: Array, freeze: Array, gauss: Array, label: Array, evidence: Array | None = None, *, rate: float,
    slow: float, reach: float, var_init: float, var_min: float, var_max: float, shadow: int, tau: float,
) -> None:  # fmt: skip
    """One frame: `label` becomes 0, `shadow` or 255; background is learned at `rate`, the rest at `slow`.

    Where `freeze` is above FROZEN nothing changes. `evidence` is what the model knew before this frame.
    """
    if evidence is not None:
        running_evidence(image, gauss, evidence, *spans(image), label.shape[1], reach)
    running_update(
        image, freeze, gauss, label, *spans(image), label.shape[1], rate, slow, reach, var_init, var_min, var_max,
        shadow, tau,
    )  # fmt: skip
