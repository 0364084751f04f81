"""The fast guided filter, which fits a matte to the picture's edges.

He, Sun and Tang, "Guided Image Filtering", PAMI 35 (2013); He and Sun, "Fast Guided Filter", arXiv:1505.00996 (2015).
In every window the matte is explained as a * colour + b, with the colour picture as guide; a and b are found on a
picture shrunk k times and applied at full size. Windows are cut at the picture's border.

With small windows a CPU works only around the matte's edge (band.py), and on a GPU (NEAR) the thirteen means of a cell
never leave the thread that adds them.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bgflow.devices import device_of
from bgflow.frame import Array
from bgflow.kernel import function, kernel
from bgflow.kernels import band, bandfit, box
from bgflow.kernels.bandfit import solve
from bgflow.kernels.box import window

f32 = np.float32

Scratch = Callable[[str, tuple[int, ...], Any], Array]
"""Memory that lasts from call to call, by name, shape and dtype: a stage's `ctx.scratch`."""

MOMENTS = 13  # colour (3), its products (6), matte, matte times colour (3)
NEAR = 4  # cells to each side, up to which a GPU's thread adds a whole window: 81 cells


@function
def cell(image, alpha, y, x, k, h, w):
    """Colour and matte averaged over a cell of k by k pixels, all in 0..1."""
    r = f32(0)
    g = f32(0)
    b = f32(0)
    p = f32(0)
    y1 = min(y * k + k, h)
    x1 = min(x * k + k, w)
    for j in range(y * k, y1):
        colours = image[j, x * k : x1]
        matte = alpha[j, x * k : x1]
        for i in range(x1 - x * k):
            r += f32(colours[i, 0])
            g += f32(colours[i, 1])
            b += f32(colours[i, 2])
            p += matte[i]
    n = f32((y1 - y * k) * (x1 - x * k))
    r /= n * f32(255)
    g /= n * f32(255)
    b /= n * f32(255)
    p /= n
    return r, g, b, p


@kernel(over="m,n", image="u8[h,w,3]", alpha="f32[h,w]", out="f32[4,m,n] out", k="i32", h="i32", w="i32")
def shrink(y, x, image, alpha, out, k, h, w):
    """Colour and matte of every cell."""
    out[0, y, x], out[1, y, x], out[2, y, x], out[3, y, x] = cell(image, alpha, y, x, k, h, w)


@kernel(over="m,n", image="u8[h,w,3]", alpha="f32[h,w]", out="f32[13,m,n] out", k="i32", h="i32", w="i32")
def moments(y, x, image, alpha, out, k, h, w):
    """Colour and matte of every cell, and their products."""
    r, g, b, p = cell(image, alpha, y, x, k, h, w)
    out[0, y, x] = r
    out[1, y, x] = g
    out[2, y, x] = b
    out[3, y, x] = r * r
    out[4, y, x] = r * g
    out[5, y, x] = r * b
    out[6, y, x] = g * g
    out[7, y, x] = g * b
    out[8, y, x] = b * b
    out[9, y, x] = p
    out[10, y, x] = p * r
    out[11, y, x] = p * g
    out[12, y, x] = p * b


@kernel(over="m,n", mean="f32[13,m,n]", out="f32[4,m,n] out", eps="f32")
def fit(y, x, mean, out, eps):
    """The a (three planes) and b of every window, from its means."""
    out[0, y, x], out[1, y, x], out[2, y, x], out[3, y, x] = solve(
        mean[0, y, x], mean[1, y, x], mean[2, y, x], mean[3, y, x], mean[4, y, x], mean[5, y, x], mean[6, y, x],
        mean[7, y, x], mean[8, y, x], mean[9, y, x], mean[10, y, x], mean[11, y, x], mean[12, y, x], eps,
    )  # fmt: skip


@kernel(over="m,n", source="f32[4,m,n]", out="f32[4,m,n] out", eps="f32", r="i32", m="i32", n="i32")
def regress(y, x, source, out, eps, r, m, n):
    """The same from the cells in the window: colour and matte."""
    sr, sg, sb, srr, srg, srb, sgg = f32(0), f32(0), f32(0), f32(0), f32(0), f32(0), f32(0)
    sgb, sbb, sp, spr, spg, spb = f32(0), f32(0), f32(0), f32(0), f32(0), f32(0)
    for j in range(max(y - r, 0), min(y + r, m - 1) + 1):
        for i in range(max(x - r, 0), min(x + r, n - 1) + 1):
            red, green, blue, p = source[0, j, i], source[1, j, i], source[2, j, i], source[3, j, i]
            sr += red
            sg += green
            sb += blue
            srr += red * red
            srg += red * green
            srb += red * blue
            sgg += green * green
            sgb += green * blue
            sbb += blue * blue
            sp += p
            spr += p * red
            spg += p * green
            spb += p * blue
    q = f32(1) / f32(window(y, r, m) * window(x, r, n))
    out[0, y, x], out[1, y, x], out[2, y, x], out[3, y, x] = solve(
        sr * q, sg * q, sb * q, srr * q, srg * q, srb * q, sgg * q, sgb * q, sbb * q, sp * q, spr * q, spg * q,
        spb * q, eps,
    )  # fmt: skip


@kernel(
    over="h,spans", image="u8[h,w,3]", model="f32[4,m,n]", out="f32[h,w] out",
    slope="f32", k="i32", m="i32", n="i32", w="i32", spans="i32",
)  # fmt: skip
def predict(y, span, image, model, out, slope, k, m, n, w, spans):
    """a * colour + b in 0..1, with a and b interpolated; a span is the pixels between two cells' centres.

    A half stays a half, and the way from 0 to 1 becomes `slope` times as steep.
    """
    v = min(max((f32(y) + f32(0.5)) / f32(k) - f32(0.5), f32(0)), f32(m - 1))
    j0 = int(v)
    j1 = min(j0 + 1, m - 1)
    v -= f32(j0)
    i0 = max(span - 1, 0)
    i1 = min(span, n - 1)
    r0 = model[0, j0, i0] + (model[0, j1, i0] - model[0, j0, i0]) * v
    g0 = model[1, j0, i0] + (model[1, j1, i0] - model[1, j0, i0]) * v
    b0 = model[2, j0, i0] + (model[2, j1, i0] - model[2, j0, i0]) * v
    c0 = model[3, j0, i0] + (model[3, j1, i0] - model[3, j0, i0]) * v
    r1 = model[0, j0, i1] + (model[0, j1, i1] - model[0, j0, i1]) * v - r0
    g1 = model[1, j0, i1] + (model[1, j1, i1] - model[1, j0, i1]) * v - g0
    b1 = model[2, j0, i1] + (model[2, j1, i1] - model[2, j0, i1]) * v - b0
    c1 = model[3, j0, i1] + (model[3, j1, i1] - model[3, j0, i1]) * v - c0
    first = max(k * span - (k + 1) // 2, 0)
    last = min(k * span - (k + 1) // 2 + k, w)
    each = f32(1) / f32(k)
    start = (f32(first) + f32(0.5)) * each + f32(0.5) - f32(span)
    for i in range(last - first):
        u = start + f32(i) * each
        x = first + i
        q = (r0 + r1 * u) * f32(image[y, x, 0]) + (g0 + g1 * u) * f32(image[y, x, 1])
        q = (q + (b0 + b1 * u) * f32(image[y, x, 2])) * f32(1 / 255) + (c0 + c1 * u)
        q = (q - f32(0.5)) * slope + f32(0.5)
        out[y, x] = f32(0) if q < f32(0) else (f32(1) if q > f32(1) else q)


@kernel(
    image="u8[h,w,3]", model="f32[4,m,n]", out="f32[h,w] out", slope="f32", k="i32", m="i32", n="i32",
)  # fmt: skip
def predict_pixel(y, x, image, model, out, slope, k, m, n):
    """The same, pixel by pixel."""
    v = min(max((f32(y) + f32(0.5)) / f32(k) - f32(0.5), f32(0)), f32(m - 1))
    u = min(max((f32(x) + f32(0.5)) / f32(k) - f32(0.5), f32(0)), f32(n - 1))
    j0 = int(v)
    i0 = int(u)
    j1 = min(j0 + 1, m - 1)
    i1 = min(i0 + 1, n - 1)
    v -= f32(j0)
    u -= f32(i0)
    q = f32(0)
    for c in range(4):
        left = model[c, j0, i0] + (model[c, j1, i0] - model[c, j0, i0]) * v
        right = model[c, j0, i1] + (model[c, j1, i1] - model[c, j0, i1]) * v
        q += (left + (right - left) * u) * (f32(image[y, x, c]) * f32(1 / 255) if c < 3 else f32(1))
    out[y, x] = min(max((q - f32(0.5)) * slope + f32(0.5), f32(0)), f32(1))


def refine(
    image: Array, alpha: Array, out: Array, r: int, eps: float, k: int, scratch: Scratch, slope: float = 1.0
) -> None:
    """Fit the matte f32[h,w] to the edges of u8[h,w,3] `image`, in windows of r pixels around each.

    `eps` is the variance (of colours in 0..1) from which on something counts as an edge. The picture is shrunk k times
    in between; k is 1 for the exact filter, and r / 4 loses nothing to be seen. `slope` makes the edge steeper. Far
    from any edge a matte near 0 or 1 may stay as it is, but for the slope.
    """
    cells = max(round(r / k), 1)
    if not device_of(image).simt and cells <= bandfit.FAR:
        band.refine(image, alpha, out, cells, eps, k, scratch, slope)
    else:
        _apply(image, _model(image, alpha, cells, eps, k, scratch), out, slope, k)


def enlarge(
    matte: Array, small: Array, image: Array, out: Array, r: int, eps: float, k: int, scratch: Scratch,
    slope: float = 1.0,
) -> None:  # fmt: skip
    """Write a matte f32[m,n], found on `small`, at the size of `image`, each k by k of whose pixels are one of `small`.

    It is fitted to the edges in windows of r pixels of `small` around each.
    """
    model = _model(small, matte, r, eps, 1, scratch)
    _apply(image, model, out, slope, k)


def _model(image: Array, alpha: Array, r: int, eps: float, k: int, scratch: Scratch) -> Array:
    """The smoothed a and b, f32[4,m,n], of windows of r cells around each cell of k by k pixels."""
    h, w = alpha.shape
    m, n = -(-h // k), -(-w // k)  # part of the names: a stage that fits two sizes in turn would take memory each time
    if device_of(image).simt and r <= NEAR:
        cells, model = (scratch(f"{name} {m}x{n}", (4, m, n), f32) for name in ("guide", "model"))
        shrink(image, alpha, cells, k, h, w)
        regress(cells, model, eps, r, m, n)
        box.mean_near(model, cells, r, m, n)
        return cells
    planes, sums = (scratch(f"{name} {m}x{n}", (MOMENTS, m, n), f32) for name in ("moments", "sums"))
    moments(image, alpha, planes, k, h, w)
    box.mean(planes, planes, r, sums)
    model = sums[:4]
    fit(planes, model, eps)
    box.mean(model, model, r, planes[:4])
    return model


def _apply(image: Array, model: Array, out: Array, slope: float, k: int) -> None:
    """Write the matte that a model of cells of k by k pixels makes of a picture."""
    m, n = model.shape[1:]
    if device_of(image).simt:
        predict_pixel(image, model, out, slope, k, m, n)
    else:
        predict(image, model, out, slope, k, m, n, image.shape[1], n + 1)
