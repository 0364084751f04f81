"""One Gaussian per pixel that follows the background: the cheapest model of a fixed camera.

The running average of Wren et al. ("Pfinder", PAMI 19, 1997) with the selective update that Piccardi reviews
("Background subtraction techniques", IEEE SMC 2004): what looks like subject is learned more slowly. The shadow test
is that of Prati et al. (PAMI 25, 2003). There are no branches, so a CPU runs it in vectors.

    gauss   f32[h,t,256]    in tiles of 64 pixels: 64 variances, then 64 means each of red, green and blue
"""

from __future__ import annotations

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import kernel
from bgflow.kernels.mog import BLUE, GREEN, LANES, RED, VAR, first, spans

f32, i32 = np.float32, np.int32


@kernel(
    over="h,spans", image="u8[h,w,3]", gauss="f32[h,t,256] inout", label="u8[h,w] out", spans="i32", span="i32",
    width="i32", fresh="i32", rate="f32", slow="f32", reach="f32", var_init="f32", var_min="f32", var_max="f32",
    shadow="i32", tau="f32",
)  # fmt: skip
def running_update(  # type: ignore[no-untyped-def]
    y, i, image, gauss, label, spans, span, width, fresh, rate, slow, reach, var_init, var_min, var_max, shadow, tau
):  # fmt: skip
    """Label the pixels of a span and move their Gaussians; where `fresh` is 1 the picture becomes the background."""
    start = first(i, span)
    tile = start // LANES
    offset = start % LANES
    for j in range(min(span, width - start)):
        x = start + j
        at = offset + j
        r = f32(image[y, x, 0])
        g = f32(image[y, x, 1])
        b = f32(image[y, x, 2])
        v = gauss[y, tile, at + VAR]
        mr = gauss[y, tile, at + RED]
        mg = gauss[y, tile, at + GREEN]
        mb = gauss[y, tile, at + BLUE]
        v = var_init if fresh == 1 else v  # loaded first all the same: a load under a condition does not vectorise
        mr = r if fresh == 1 else mr
        mg = g if fresh == 1 else mg
        mb = b if fresh == 1 else mb
        dr = r - mr
        dg = g - mg
        db = b - mb
        d2 = dr * dr + dg * dg + db * db
        near = d2 < reach * v
        dot = r * mr + g * mg + b * mb
        norm = mr * mr + mg * mg + mb * mb
        dark = dot / max(norm, f32(1e-6))
        sr = dark * mr - r
        sg = dark * mg - g
        sb = dark * mb - b
        darker = (dot <= norm) & (dot >= tau * norm) & (sr * sr + sg * sg + sb * sb < reach * v * dark * dark)
        k = rate if near else slow
        u = v + rate * (d2 - v) if near else v
        u = var_min if u < var_min else u
        gauss[y, tile, at + VAR] = var_max if u > var_max else u
        gauss[y, tile, at + RED] = mr + k * dr
        gauss[y, tile, at + GREEN] = mg + k * dg
        gauss[y, tile, at + BLUE] = mb + k * db
        label[y, x] = i32(0) if near else (shadow if darker else i32(255))


@kernel(gauss="f32[h,t,256]", plate="u8[h,w,3] out")
def running_plate(y, x, gauss, plate):  # type: ignore[no-untyped-def]
    """The means as a picture."""
    tile = x // LANES
    at = x % LANES
    plate[y, x, 0] = i32(gauss[y, tile, at + RED] + f32(0.5))
    plate[y, x, 1] = i32(gauss[y, tile, at + GREEN] + f32(0.5))
    plate[y, x, 2] = i32(gauss[y, tile, at + BLUE] + f32(0.5))


def update(
    image: Array, gauss: Array, label: Array, *, fresh: bool, rate: float, slow: float, reach: float, var_init: float,
    var_min: float, var_max: float, shadow: int, tau: float,
) -> None:  # fmt: skip
    """One frame: `label` becomes 0, `shadow` or 255; background is learned at `rate`, the rest at `slow`."""
    running_update(
        image, gauss, label, *spans(image), label.shape[1], fresh, rate, slow, reach, var_init, var_min, var_max,
        shadow, tau,
    )  # fmt: skip
