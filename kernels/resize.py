"""Resampling with pixel centres at half steps, as OpenCV and PIL have them.

`area` averages the rectangle of the source that lies under a pixel of the result. The rectangle is never narrower
than one source pixel, and then its average is linear interpolation: so `area` shrinks without aliasing and enlarges
smoothly, on each axis by itself. `linear` always takes one pixel's width, `nearest` the pixel under the centre.

They take `u8[h,w]`, `u8[h,w,3]`, straight `u8[h,w,4]` (colour counts as much as its alpha) and `f32[h,w]`.
"""

from __future__ import annotations

import math

import numpy as np

from bgflow.devices import device_of
from bgflow.errors import KernelError
from bgflow.frame import Array
from bgflow.kernel import Kernel, function, kernel
from bgflow.kernels import lerp

f32, i32, u8 = np.float32, np.int32, np.uint8


def linear(src: Array, out: Array) -> None:
    """Resize by linear interpolation of the four neighbours, without smoothing when shrinking."""
    if src.dtype == f32:
        lerp.numbers(src, out, *_scale(src, out), -math.inf, math.inf)
    elif src.shape[2:] == (3,):
        lerp.colour(src, out, *_scale(src, out))
    else:
        _pick("box", src)(src, out, *_scale(src, out), 0.5, 0.5)


def area(src: Array, out: Array) -> None:
    """Resize by averaging what lies under each pixel."""
    if _reach(src, out) == (0.5, 0.5):
        linear(src, out)
    elif src.dtype == u8 and src.shape[2:] == (3,) and not device_of(src).simt:
        rows_u8x3(src.reshape(len(src), src.shape[1] * 3), out, *_scale(src, out), *_reach(src, out), out.shape[1])
    else:
        _pick("box", src)(src, out, *_scale(src, out), *_reach(src, out))


def nearest(src: Array, out: Array) -> None:
    """Resize by taking the nearest pixel; the only choice for labels."""
    _pick("point", src)(src, out, *_scale(src, out))


def matte(src: Array, out: Array) -> None:
    """Linear resize of an alpha matte `f32[h,w]`, clamped to 0..1."""
    lerp.numbers(src, out, *_scale(src, out), 0, 1)


def _scale(src: Array, out: Array) -> tuple[int, int, float, float]:
    """The source's height and width, and how many of its pixels one pixel of `out` spans."""
    h, w = src.shape[:2]
    return h, w, h / out.shape[0], w / out.shape[1]


def _reach(src: Array, out: Array) -> tuple[float, float]:
    """Half the height and width of the averaged rectangle."""
    return max(src.shape[0] / out.shape[0], 1) / 2, max(src.shape[1] / out.shape[1], 1) / 2


def _pick(family: str, src: Array) -> Kernel:
    element = "f32" if src.dtype == f32 else "u8"
    channels = str(src.shape[2]) if src.ndim == 3 else ""
    found = globals().get(f"{family}_{element}{'x' if channels else ''}{channels}")
    if not isinstance(found, Kernel):
        raise KernelError(
            f"resize: the picture is {src.dtype}{list(src.shape)}; it takes u8[h,w], u8[h,w,3], u8[h,w,4] and f32[h,w]"
        )
    return found


@function
def near(centre, reach):  # type: ignore[no-untyped-def]
    """Where the rectangle begins; never before the picture."""
    return max(centre - reach, f32(0))


@function
def far(centre, reach, limit):  # type: ignore[no-untyped-def]
    """Where the rectangle ends; never behind the picture."""
    return min(centre + reach, f32(limit))


@function
def share(j, near, far):  # type: ignore[no-untyped-def]
    """How much of pixel `j`, which spans j..j+1, lies between `near` and `far`."""
    return min(f32(j + 1), far) - max(f32(j), near)


@function
def byte(v):  # type: ignore[no-untyped-def]
    """`v` of 0..255 rounded."""
    return u8(i32(v + f32(0.5)))


@function
def mean_of(src, top, bottom, left, right):  # type: ignore[no-untyped-def]
    """The mean of one channel over a rectangle."""
    total = f32(0)
    for j in range(i32(top), i32(np.ceil(bottom))):
        row = f32(0)
        for i in range(i32(left), i32(np.ceil(right))):
            row += share(i, left, right) * f32(src[j, i])
        total += share(j, top, bottom) * row
    return total / ((bottom - top) * (right - left))


@function
def sum_of(src, top, bottom, left, right):  # type: ignore[no-untyped-def]
    """The sums of three channels over a rectangle."""
    r = f32(0)
    g = f32(0)
    b = f32(0)
    for i in range(i32(left), i32(np.ceil(right))):
        p = f32(0)
        q = f32(0)
        s = f32(0)
        for j in range(i32(top), i32(np.ceil(bottom))):
            wy = share(j, top, bottom)
            p += wy * f32(src[j, i, 0])
            q += wy * f32(src[j, i, 1])
            s += wy * f32(src[j, i, 2])
        wx = share(i, left, right)
        r += wx * p
        g += wx * q
        b += wx * s
    return r, g, b


BOX = {"height": "i32", "width": "i32", "sy": "f32", "sx": "f32", "ry": "f32", "rx": "f32"}


@kernel(over="oh,ow", src="u8[h,w]", out="u8[oh,ow] out", **BOX)
def box_u8(y, x, src, out, height, width, sy, sx, ry, rx):  # type: ignore[no-untyped-def]
    """The mean of a rectangle of one channel."""
    cy = (f32(y) + f32(0.5)) * sy
    cx = (f32(x) + f32(0.5)) * sx
    out[y, x] = byte(mean_of(src, near(cy, ry), far(cy, ry, height), near(cx, rx), far(cx, rx, width)))


@kernel(over="oh,ow", src="f32[h,w]", out="f32[oh,ow] out", **BOX)
def box_f32(y, x, src, out, height, width, sy, sx, ry, rx):  # type: ignore[no-untyped-def]
    """The mean of a rectangle of numbers."""
    cy = (f32(y) + f32(0.5)) * sy
    cx = (f32(x) + f32(0.5)) * sx
    out[y, x] = mean_of(src, near(cy, ry), far(cy, ry, height), near(cx, rx), far(cx, rx, width))


@kernel(over="oh,ow", src="u8[h,w,3]", out="u8[oh,ow,3] out", **BOX)
def box_u8x3(y, x, src, out, height, width, sy, sx, ry, rx):  # type: ignore[no-untyped-def]
    """The mean colour of a rectangle."""
    cy = (f32(y) + f32(0.5)) * sy
    cx = (f32(x) + f32(0.5)) * sx
    top = near(cy, ry)
    bottom = far(cy, ry, height)
    left = near(cx, rx)
    right = far(cx, rx, width)
    r, g, b = sum_of(src, top, bottom, left, right)
    n = (bottom - top) * (right - left)
    out[y, x, 0] = byte(r / n)
    out[y, x, 1] = byte(g / n)
    out[y, x, 2] = byte(b / n)


@kernel(over="oh", src="u8[h,n]", out="u8[oh,ow,3] out", **BOX, ow="i32")
def rows_u8x3(y, src, out, height, width, sy, sx, ry, rx, ow):  # type: ignore[no-untyped-def]
    """`box_u8x3` for a row, on a CPU: rows are summed first, in vector instructions; equal to the bit."""
    cy = (f32(y) + f32(0.5)) * sy
    top = near(cy, ry)
    bottom = far(cy, ry, height)
    sums = np.zeros(3 * width, np.float32)
    for j in range(i32(top), i32(np.ceil(bottom))):
        wy = share(j, top, bottom)
        row = src[max(j, 0)]
        for i in range(3 * width):
            sums[i] += wy * f32(row[i])
    for x in range(ow):
        cx = (f32(x) + f32(0.5)) * sx
        left = near(cx, rx)
        right = far(cx, rx, width)
        r = f32(0)
        g = f32(0)
        b = f32(0)
        for i in range(i32(left), i32(np.ceil(right))):
            wx = share(i, left, right)
            r += wx * sums[3 * i]
            g += wx * sums[3 * i + 1]
            b += wx * sums[3 * i + 2]
        n = (bottom - top) * (right - left)
        out[y, x, 0] = byte(r / n)
        out[y, x, 1] = byte(g / n)
        out[y, x, 2] = byte(b / n)


@kernel(over="oh,ow", src="u8[h,w,4]", out="u8[oh,ow,4] out", **BOX)
def box_u8x4(y, x, src, out, height, width, sy, sx, ry, rx):  # type: ignore[no-untyped-def]
    """The mean colour of a rectangle, weighted by alpha, and the mean alpha; nothing but transparent gives black."""
    cy = (f32(y) + f32(0.5)) * sy
    cx = (f32(x) + f32(0.5)) * sx
    top = near(cy, ry)
    bottom = far(cy, ry, height)
    left = near(cx, rx)
    right = far(cx, rx, width)
    r = f32(0)
    g = f32(0)
    b = f32(0)
    a = f32(0)
    for j in range(i32(top), i32(np.ceil(bottom))):
        wy = share(j, top, bottom)
        for i in range(i32(left), i32(np.ceil(right))):
            w = wy * share(i, left, right) * f32(src[j, i, 3])
            r += w * f32(src[j, i, 0])
            g += w * f32(src[j, i, 1])
            b += w * f32(src[j, i, 2])
            a += w
    n = max(a, f32(1e-6))
    out[y, x, 0] = byte(r / n)
    out[y, x, 1] = byte(g / n)
    out[y, x, 2] = byte(b / n)
    out[y, x, 3] = byte(a / ((bottom - top) * (right - left)))


@function
def under(y, scale, limit):  # type: ignore[no-untyped-def]
    """The pixel of the source that lies under the centre of pixel `y`."""
    return min(i32((f32(y) + f32(0.5)) * scale), i32(limit - 1))


POINT = {"height": "i32", "width": "i32", "sy": "f32", "sx": "f32"}


@kernel(over="oh,ow", src="u8[h,w]", out="u8[oh,ow] out", **POINT)
def point_u8(y, x, src, out, height, width, sy, sx):  # type: ignore[no-untyped-def]
    """The nearest byte."""
    out[y, x] = src[under(y, sy, height), under(x, sx, width)]


@kernel(over="oh,ow", src="f32[h,w]", out="f32[oh,ow] out", **POINT)
def point_f32(y, x, src, out, height, width, sy, sx):  # type: ignore[no-untyped-def]
    """The nearest number."""
    out[y, x] = src[under(y, sy, height), under(x, sx, width)]


@kernel(over="oh,ow", src="u8[h,w,3]", out="u8[oh,ow,3] out", **POINT)
def point_u8x3(y, x, src, out, height, width, sy, sx):  # type: ignore[no-untyped-def]
    """The nearest colour."""
    for c in range(3):
        out[y, x, c] = src[under(y, sy, height), under(x, sx, width), c]


@kernel(over="oh,ow", src="u8[h,w,4]", out="u8[oh,ow,4] out", **POINT)
def point_u8x4(y, x, src, out, height, width, sy, sx):  # type: ignore[no-untyped-def]
    """The nearest colour with its alpha."""
    for c in range(4):
        out[y, x, c] = src[under(y, sy, height), under(x, sx, width), c]
