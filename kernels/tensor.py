"""A network's input made of a picture, and a matte made of its answer.

The picture is resampled with Keys' cubic (IEEE Trans. ASSP 29, 1981; a = -0.5), stretched over as many pixels as one
pixel of the result spans, so that shrinking does not alias; columns first, then rows. It is what Pillow's BICUBIC does,
without its rounding to bytes in between. A network is judged on what it was trained on, pictures shrunk smoothly: the
mean of a box, which is cheaper, costs U²-Netp half a point of IoU.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from bgflow.devices import device_of
from bgflow.frame import Array
from bgflow.kernel import function, kernel
from bgflow.kernels import turn, yuv
from bgflow.kernels.yuv import bright, level, tinge

f32, i32, i16, u8 = np.float32, np.int32, np.int16, np.uint8

Scratch = Callable[[str, tuple[int, ...], Any], Array]
"""Memory that lasts from call to call, by name, shape and dtype: a stage's `ctx.scratch`."""
Layout = Literal["nchw", "nhwc"]
Activation = Literal["none", "sigmoid", "softmax"]
ACTIVATIONS = {"none": 0, "sigmoid": 1, "softmax": 2}

SUPPORT = 2  # pixels to each side that the cubic reaches
AT_ONCE = 4  # pixels that are added in one go; the number of taps is a multiple of it


def fill(image: Array, out: Array, mean: Sequence[float], std: Sequence[float], layout: Layout, s: Scratch) -> None:
    """RGB `u8[h,w,3]` resampled to the size of `out`, then (v - mean) / std for each channel, v in 0..1.

    `out` is `f32[1,3,oh,ow]` for nchw, `f32[1,oh,ow,3]` for nhwc.
    """
    h, w = image.shape[:2]
    oh, ow = out.shape[2:] if layout == "nchw" else out.shape[1:3]
    down, weigh_down, i = _taps("down", h, oh, s)
    if device_of(image).simt:
        between = s("between", (oh, w * 3), f32)
        columns(image.reshape(h, w * 3), down, weigh_down, between, h, i)
        _finish(between.reshape(oh, w, 3), out, mean, std, layout, s)
        return
    right, weigh_right, _ = _taps("right", w, ow, s)
    turn.fill(image, (down, weigh_down), (right, weigh_right), out[0], *_normal(mean, std), s)


def fill_nv12(
    nv12: Array, h: int, w: int, out: Array, mean: Sequence[float], std: Sequence[float], layout: Layout, s: Scratch
) -> None:
    """The same from an array of the port type `nv12[h,w]`, as `fill` gives it for its picture in RGB.

    On a GPU the colours are converted while the columns are added up, so that the picture is never written in RGB. A
    CPU writes it: there every pixel would be converted once for each of the rows that it counts in, about four.
    """
    luma, uv = yuv.nv12_planes(nv12, h, w)
    if not device_of(nv12).simt:
        image = s("rgb", (h, w, 3), u8)
        yuv.nv12_to_rgb(luma, uv, image, yuv.usual(h))
        fill(image, out, mean, std, layout, s)
        return
    oh = out.shape[2] if layout == "nchw" else out.shape[1]
    down, weigh_down, i = _taps("down", h, oh, s)
    between = s("between", (oh, w * 3), f32).reshape(oh, w, 3)
    columns_nv12(luma, uv, down, weigh_down, between, h, i, *yuv.decoding(yuv.usual(h), False))
    _finish(between, out, mean, std, layout, s)


def _finish(
    between: Array, out: Array, mean: Sequence[float], std: Sequence[float], layout: Layout, s: Scratch
) -> None:
    """Resample the rows of `between`, whose columns are summed up already, and normalise; on a GPU."""
    w, ow = between.shape[1], out.shape[3] if layout == "nchw" else out.shape[2]
    right, weigh_right, j = _taps("right", w, ow, s)
    rows = planes if layout == "nchw" else pixels
    scale, shift = _normal(mean, std)
    rows(between, right, weigh_right, out[0], w, j, *scale, *shift)


def _normal(mean: Sequence[float], std: Sequence[float]) -> tuple[list[float], list[float]]:
    """What a byte is multiplied with, and what is added then."""
    return [1 / (255 * v) for v in std], [-m / v for m, v in zip(mean, std, strict=True)]


def matte(answer: Array, out: Array, activation: Activation, channel: int, layout: Layout) -> None:
    """One channel of a network's answer, after its activation, as `f32[oh,ow]` of the answer's own size.

    `answer` is `f32[c,oh,ow]` for nchw, `f32[oh,ow,c]` for nhwc; channel -1 is the last.
    """
    count = answer.shape[0 if layout == "nchw" else 2]
    pick = of_planes if layout == "nchw" else of_pixels
    pick(answer, out, channel % count, count, ACTIVATIONS[activation])


def _taps(name: str, size: int, count: int, s: Scratch) -> tuple[Array, Array, int]:
    """The first pixel of the source and the weights for each of `count` pixels, and how many weights those are."""
    scale = size / count
    stretch = max(scale, 1)
    taps = math.ceil((2 * SUPPORT * stretch + 1) / AT_ONCE) * AT_ONCE
    first, weight = s(f"first {name}", (count, 1), i32), s(f"weight {name}", (count, taps), f32)
    weigh(first, weight, size, taps, scale, stretch)
    return first, weight, taps


@function
def cubic(x):
    """Keys' interpolation kernel at `x`: 1 in the middle, 0 from 2 on."""
    x = abs(x)
    near = (f32(1.5) * x - f32(2.5)) * x * x + f32(1)
    far = ((f32(2.5) - f32(0.5) * x) * x - f32(4)) * x + f32(2)
    return near if x < f32(1) else (far if x < f32(2) else f32(0))


@kernel(over="n", first="i32[n,1] out", weight="f32[n,k] out", size="i32", taps="i32", scale="f32", stretch="f32")
def weigh(i, first, weight, size, taps, scale, stretch):
    """Where the taps of pixel `i` begin, and their weights, whose sum is 1; behind the source they are 0."""
    centre = (f32(i) + f32(0.5)) * scale
    start = i32(max(centre - f32(2) * stretch + f32(0.5), f32(0)))
    total = f32(0)
    for j in range(taps):
        inside = f32(1 if start + j < size else 0)
        w = cubic((f32(start + j) + f32(0.5) - centre) / stretch) * inside
        weight[i, j] = w
        total += w
    for j in range(taps):
        weight[i, j] /= total
    first[i, 0] = start


@kernel(
    over="m,n", src="u8[h,n]", first="i32[m,1]", weight="f32[m,k]", out="f32[m,n] out", h="i32", taps="i32"
)  # fmt: skip
def columns(y, x, src, first, weight, out, h, taps):
    """The weighted sum of a column, four rows at a time as `turn.resample` adds them."""
    total = f32(0)
    for j in range(0, taps, 4):
        at = first[y, 0] + j
        p = weight[y, j] * f32(src[min(at, h - 1), x])
        q = weight[y, j + 1] * f32(src[min(at + 1, h - 1), x])
        r = weight[y, j + 2] * f32(src[min(at + 2, h - 1), x])
        s = weight[y, j + 3] * f32(src[min(at + 3, h - 1), x])
        total += (p + q) + (r + s)
    out[y, x] = total


@kernel(
    over="m,n", luma="u8[h,n]", uv="u8[ch,cw,2]", first="i32[m,1]", weight="f32[m,k]", out="f32[m,n,3] out",
    h="i32", taps="i32", gain="u8", less="i32", red="i32", green_u="i32", green_v="i32", blue="i32",
)  # fmt: skip
def columns_nv12(y, x, luma, uv, first, weight, out, h, taps, gain, less, red, green_u, green_v, blue):
    """One row's weighted sum of the source's rows in RGB, each pixel rounded to bytes as `yuv.nv12_to_rgb` does."""
    r = f32(0)
    g = f32(0)
    b = f32(0)
    for j in range(taps):
        at = min(first[y, 0] + j, h - 1)
        v = weight[y, j]
        grey = bright(luma[at, x], gain)
        cb = uv[at >> 1, x >> 1, 0]
        cr = uv[at >> 1, x >> 1, 1]
        r += v * f32(level(grey, i16(tinge(128, cr, 0, red, less))))
        g += v * f32(level(grey, i16(tinge(cb, cr, green_u, green_v, less))))
        b += v * f32(level(grey, i16(tinge(cb, 128, blue, 0, less))))
    out[y, x, 0] = r
    out[y, x, 1] = g
    out[y, x, 2] = b


@function
def byte(v):
    """`v` within 0..255: a cubic overshoots at edges."""
    return min(max(v, f32(0)), f32(255))


@function
def colour(src, y, first, weight, x, w, taps):
    """The weighted sum of the pixels of row `y` under pixel `x`."""
    r = f32(0)
    g = f32(0)
    b = f32(0)
    for j in range(taps):
        at = min(max(first[x, 0] + j, 0), w - 1)
        v = weight[x, j]
        r += v * src[y, at, 0]
        g += v * src[y, at, 1]
        b += v * src[y, at, 2]
    return byte(r), byte(g), byte(b)


ROWS = {"src": "f32[m,w,3]", "first": "i32[n,1]", "weight": "f32[n,k]"}
SCALARS: dict[str, str] = {
    "w": "i32", "taps": "i32", "r_scale": "f32", "g_scale": "f32", "b_scale": "f32",
    "r_shift": "f32", "g_shift": "f32", "b_shift": "f32",
}  # fmt: skip


@kernel(over="m,n", **ROWS, out="f32[3,m,n] out", **SCALARS)
def planes(y, x, src, first, weight, out, w, taps, r_scale, g_scale, b_scale, r_shift, g_shift, b_shift):
    """Weighted sums along rows, scaled and shifted, into three planes."""
    r, g, b = colour(src, y, first, weight, x, w, taps)
    out[0, y, x] = r * r_scale + r_shift
    out[1, y, x] = g * g_scale + g_shift
    out[2, y, x] = b * b_scale + b_shift


@kernel(over="m,n", **ROWS, out="f32[m,n,3] out", **SCALARS)
def pixels(y, x, src, first, weight, out, w, taps, r_scale, g_scale, b_scale, r_shift, g_shift, b_shift):
    """The same into pixels."""
    r, g, b = colour(src, y, first, weight, x, w, taps)
    out[y, x, 0] = r * r_scale + r_shift
    out[y, x, 1] = g * g_scale + g_shift
    out[y, x, 2] = b * b_scale + b_shift


@kernel(over="m,n", answer="f32[c,m,n]", out="f32[m,n] out", channel="i32", count="i32", activation="i32")
def of_planes(y, x, answer, out, channel, count, activation):
    """`channel` as it is (0), through the logistic function (1), or as its share of all channels' exponentials (2)."""
    v = answer[channel, y, x]
    total = f32(1)
    if activation == 1:
        total += np.exp(-v)
    if activation == 2:
        total = f32(0)
        for c in range(count):
            total += np.exp(answer[c, y, x] - v)
    out[y, x] = v if activation == 0 else f32(1) / total


@kernel(over="m,n", answer="f32[m,n,c]", out="f32[m,n] out", channel="i32", count="i32", activation="i32")
def of_pixels(y, x, answer, out, channel, count, activation):
    """The same of pixels with `count` channels."""
    v = answer[y, x, channel]
    total = f32(1)
    if activation == 1:
        total += np.exp(-v)
    if activation == 2:
        total = f32(0)
        for c in range(count):
            total += np.exp(answer[y, x, c] - v)
    out[y, x] = v if activation == 0 else f32(1) / total
