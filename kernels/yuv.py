"""YUV 4:2:0 to RGB and back, by the matrices of BT.601, BT.709 and BT.2020, in limited and full range.

Chroma is sited in the middle of its 2x2 block: made by the mean of four pixels, read back without interpolation, so
that the two directions undo each other without a shift. Every coefficient is a multiple of 2^-14: products and sums
are then exact in f32, and all devices agree to the bit. Grey stays grey exactly.

Planes are `u8[h,w]` luma and `u8[ceil(h/2),ceil(w/2)]` chroma; `uv` is interleaved, `u8[ceil(h/2),ceil(w/2),2]`.

A wire of the type `nv12[h,w]` carries no word about its colours, so there is one rule for all of them: limited range
and the `usual` matrix of its height, unless the stages at both ends are told another by their parameter `matrix`. Who
makes such an array from other colours converts.
"""

from __future__ import annotations

import functools
from typing import Literal

import numpy as np

from bgflow.devices import device_of
from bgflow.errors import KernelError
from bgflow.frame import Array
from bgflow.kernel import function, kernel

f32, i32, u8 = np.float32, np.int32, np.uint8

Matrix = Literal["bt601", "bt709", "bt2020"]
Choice = Literal["auto", "bt601", "bt709", "bt2020"]
LUMA: dict[str, tuple[float, float]] = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}
"""The weights of red and blue in luma (ITU-R BT.601-7, BT.709-6, BT.2020-2 non-constant luminance)."""


def usual(height: int) -> Matrix:
    """The matrix of a picture that does not name one: high definition has BT.709, what is smaller BT.601."""
    return "bt709" if height >= 720 else "bt601"


def chosen(choice: Choice, height: int) -> Matrix:
    """The matrix that a stage's parameter asks for; `auto` is the usual one."""
    return usual(height) if choice == "auto" else choice


def i420_to_rgb(y: Array, u: Array, v: Array, out: Array, matrix: Matrix = "bt709", full: bool = False) -> None:
    """Planar YUV 4:2:0 to RGB `u8[h,w,3]`."""
    _half(y, u)
    _half(y, v)
    i420_rgb(y, u, v, out, *decoding(matrix, full))


def nv12_to_rgb(y: Array, uv: Array, out: Array, matrix: Matrix = "bt709", full: bool = False) -> None:
    """Luma and interleaved chroma to RGB `u8[h,w,3]`."""
    _half(y, uv)
    nv12_rgb(y, uv, out, *decoding(matrix, full))


def rgb_to_i420(image: Array, y: Array, u: Array, v: Array, matrix: Matrix = "bt709", full: bool = False) -> None:
    """RGB `u8[h,w,3]` to planar YUV 4:2:0."""
    _half(y, u)
    _half(y, v)
    to_luma, to_chroma = encoding(matrix, full)
    rgb_luma(image, y, *to_luma)
    rgb_i420(image, u, v, *image.shape[:2], *_rows(image), *to_chroma)


def rgb_to_nv12(image: Array, y: Array, uv: Array, matrix: Matrix = "bt709", full: bool = False) -> None:
    """RGB `u8[h,w,3]` to luma and interleaved chroma."""
    _half(y, uv)
    to_luma, to_chroma = encoding(matrix, full)
    rgb_luma(image, y, *to_luma)
    rgb_nv12(image, uv, *image.shape[:2], *_rows(image), *to_chroma)


def i420_to_nv12(y: Array, u: Array, v: Array, y_out: Array, uv_out: Array) -> None:
    """Planar to interleaved chroma; the values stay."""
    _half(y, uv_out)
    y_out[...] = y
    i420_nv12(u, v, uv_out)


def nv12_to_i420(y: Array, uv: Array, y_out: Array, u: Array, v: Array) -> None:
    """Interleaved to planar chroma; the values stay."""
    _half(y, uv)
    y_out[...] = y
    nv12_i420(uv, u, v)


def nv12_planes(nv12: Array, h: int, w: int) -> tuple[Array, Array]:
    """Luma `[h,w]` and chroma `[ceil(h/2),ceil(w/2),2]` of an array of the port type `nv12[h,w]`; both are views."""
    return nv12[:h, :w], nv12[h:].reshape((h + 1) // 2, (w + 1) // 2, 2)


def even_out(nv12: Array, w: int) -> None:
    """Fill the luma column that makes an odd width `w` even, by repeating its neighbour."""
    if w % 2:
        h = nv12.shape[0] * 2 // 3
        nv12[:h, w:] = nv12[:h, w - 1 : w]


def _half(y: Array, chroma: Array) -> None:
    want = tuple((n + 1) // 2 for n in y.shape)
    if chroma.shape[:2] != want:
        found, wanted = ("x".join(map(str, shape)) for shape in (chroma.shape[:2], want))
        raise KernelError(f"yuv: chroma is {found}, but luma of {y.shape[0]}x{y.shape[1]} wants {wanted}")


def _rows(image: Array) -> tuple[int, int]:
    """How many runs of chroma a row has, and how long they are: one pair for a GPU's thread, all of them on a CPU."""
    pairs = (image.shape[1] + 1) // 2
    return (pairs, 1) if device_of(image).simt else (1, pairs)


def _dyadic(v: float) -> float:
    """The nearest multiple of 2^-14."""
    return round(v * 16384) / 16384


@functools.cache
def decoding(matrix: Matrix, full: bool) -> tuple[float, ...]:
    """Black level, luma gain, and what chroma adds: v to red, u and v to green, u to blue."""
    kr, kb = LUMA[matrix]
    kg = 1 - kr - kb
    black, luma, chroma = (0, 1.0, 1.0) if full else (16, 255 / 219, 255 / 224)
    red, blue = 2 * (1 - kr) * chroma, 2 * (1 - kb) * chroma
    return (black, *map(_dyadic, (luma, red, -blue * kb / kg, -red * kr / kg, blue)))


@functools.cache
def encoding(matrix: Matrix, full: bool) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Black level and the weights of R, G, B in luma; and the weights in u and v of the sum of four pixels.

    Green takes the rounding, so that luma's weights add up to its gain and chroma's to nothing.
    """
    kr, kb = LUMA[matrix]
    black, luma, chroma = (0, 1.0, 1.0) if full else (16, 219 / 255, 224 / 255)
    r, b = _dyadic(kr * luma), _dyadic(kb * luma)
    half = _dyadic(chroma / 2 / 4)
    ur, vb = _dyadic(-kr / (1 - kb) * half), _dyadic(-kb / (1 - kr) * half)
    return (black, r, _dyadic(luma) - r - b, b), (ur, -ur - half, half, half, -half - vb, vb)


@function
def byte(v):  # type: ignore[no-untyped-def]
    """`v` rounded and clamped to 0..255 (clamped as an integer: LLVM vectorises that, not min and max of floats)."""
    return u8(min(max(i32(v + f32(0.5)), i32(0)), i32(255)))


@kernel(
    y="u8[h,w]",
    u="u8[ch,cw]",
    v="u8[ch,cw]",
    out="u8[h,w,3] out",
    black="f32",
    gain="f32",
    red="f32",
    green_u="f32",
    green_v="f32",
    blue="f32",
)
def i420_rgb(j, i, y, u, v, out, black, gain, red, green_u, green_v, blue):  # type: ignore[no-untyped-def]
    """One pixel of planar YUV to RGB."""
    luma = (f32(y[j, i]) - black) * gain
    cb = f32(u[j >> 1, i >> 1]) - f32(128)
    cr = f32(v[j >> 1, i >> 1]) - f32(128)
    out[j, i, 0] = byte(luma + red * cr)
    out[j, i, 1] = byte(luma + green_u * cb + green_v * cr)
    out[j, i, 2] = byte(luma + blue * cb)


@kernel(
    y="u8[h,w]",
    uv="u8[ch,cw,2]",
    out="u8[h,w,3] out",
    black="f32",
    gain="f32",
    red="f32",
    green_u="f32",
    green_v="f32",
    blue="f32",
)
def nv12_rgb(j, i, y, uv, out, black, gain, red, green_u, green_v, blue):  # type: ignore[no-untyped-def]
    """One pixel of luma and interleaved chroma to RGB."""
    luma = (f32(y[j, i]) - black) * gain
    cb = f32(uv[j >> 1, i >> 1, 0]) - f32(128)
    cr = f32(uv[j >> 1, i >> 1, 1]) - f32(128)
    out[j, i, 0] = byte(luma + red * cr)
    out[j, i, 1] = byte(luma + green_u * cb + green_v * cr)
    out[j, i, 2] = byte(luma + blue * cb)


@kernel(image="u8[h,w,3]", y="u8[h,w] out", black="f32", r="f32", g="f32", b="f32")
def rgb_luma(j, i, image, y, black, r, g, b):  # type: ignore[no-untyped-def]
    """One pixel's luma."""
    y[j, i] = byte(black + r * f32(image[j, i, 0]) + g * f32(image[j, i, 1]) + b * f32(image[j, i, 2]))


@function
def four(top, low, left, right, c):  # type: ignore[no-untyped-def]
    """The sum of channel `c` of the pixels in two columns of two rows."""
    return f32(i32(top[left, c]) + i32(top[right, c]) + i32(low[left, c]) + i32(low[right, c]))


RUNS = {
    "height": "i32", "width": "i32", "runs": "i32", "step": "i32",
    "ur": "f32", "ug": "f32", "ub": "f32", "vr": "f32", "vg": "f32", "vb": "f32",
}  # fmt: skip


@kernel(over="ch,runs", image="u8[h,w,3]", u="u8[ch,cw] out", v="u8[ch,cw] out", **RUNS)
def rgb_i420(  # type: ignore[no-untyped-def]
    j, run, image, u, v, height, width, runs, step, ur, ug, ub, vr, vg, vb
):
    """The chroma of `step` neighbouring 2x2 blocks, into two planes; a row or column that is missing repeats."""
    first = run * step
    top = image[2 * j, 2 * first :]
    low = image[min(2 * j + 1, height - 1), 2 * first :]
    to_u = u[j, first:]
    to_v = v[j, first:]
    for i in range(min(first + step, width // 2) - first):
        r = four(top, low, 2 * i, 2 * i + 1, 0)
        g = four(top, low, 2 * i, 2 * i + 1, 1)
        b = four(top, low, 2 * i, 2 * i + 1, 2)
        to_u[i] = byte(ur * r + ug * g + ub * b + f32(128))
        to_v[i] = byte(vr * r + vg * g + vb * b + f32(128))
    if width % 2 == 1 and first + step > width // 2:  # apart, so that the loop above needs no min()
        i = width // 2 - first
        r = four(top, low, 2 * i, 2 * i, 0)
        g = four(top, low, 2 * i, 2 * i, 1)
        b = four(top, low, 2 * i, 2 * i, 2)
        to_u[i] = byte(ur * r + ug * g + ub * b + f32(128))
        to_v[i] = byte(vr * r + vg * g + vb * b + f32(128))


@kernel(over="ch,runs", image="u8[h,w,3]", uv="u8[ch,cw,2] out", **RUNS)
def rgb_nv12(j, run, image, uv, height, width, runs, step, ur, ug, ub, vr, vg, vb):  # type: ignore[no-untyped-def]
    """The same, interleaved."""
    first = run * step
    top = image[2 * j, 2 * first :]
    low = image[min(2 * j + 1, height - 1), 2 * first :]
    to = uv[j, first:]
    for i in range(min(first + step, width // 2) - first):
        r = four(top, low, 2 * i, 2 * i + 1, 0)
        g = four(top, low, 2 * i, 2 * i + 1, 1)
        b = four(top, low, 2 * i, 2 * i + 1, 2)
        to[i, 0] = byte(ur * r + ug * g + ub * b + f32(128))
        to[i, 1] = byte(vr * r + vg * g + vb * b + f32(128))
    if width % 2 == 1 and first + step > width // 2:
        i = width // 2 - first
        r = four(top, low, 2 * i, 2 * i, 0)
        g = four(top, low, 2 * i, 2 * i, 1)
        b = four(top, low, 2 * i, 2 * i, 2)
        to[i, 0] = byte(ur * r + ug * g + ub * b + f32(128))
        to[i, 1] = byte(vr * r + vg * g + vb * b + f32(128))


@kernel(over="ch,cw", u="u8[ch,cw]", v="u8[ch,cw]", uv="u8[ch,cw,2] out")
def i420_nv12(j, i, u, v, uv):  # type: ignore[no-untyped-def]
    """One pair of chroma, interleaved."""
    uv[j, i, 0] = u[j, i]
    uv[j, i, 1] = v[j, i]


@kernel(over="ch,cw", uv="u8[ch,cw,2]", u="u8[ch,cw] out", v="u8[ch,cw] out")
def nv12_i420(j, i, uv, u, v):  # type: ignore[no-untyped-def]
    """One pair of chroma, into two planes."""
    u[j, i] = uv[j, i, 0]
    v[j, i] = uv[j, i, 1]
