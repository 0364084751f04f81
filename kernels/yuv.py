"""YUV 4:2:0 to RGB and back, by the matrices of BT.601, BT.709 and BT.2020, in limited and full range.

Chroma is sited in the middle of its 2x2 block: made by the mean of four pixels, read back without interpolation, so
that the two directions undo each other without a shift. All is computed in integers, so that devices agree to the bit,
of 16 bits where they suffice: a CPU's vectors hold twice as many of them as of floats. A result is within one level of
what the standard's formula gives, and colours do not drift when they go to and fro; grey stays grey.

Planes are `u8[h,w]` luma and `u8[ceil(h/2),ceil(w/2)]` chroma; `uv` is interleaved, `u8[ceil(h/2),ceil(w/2),2]`.

A wire of the type `nv12[h,w]` carries no word about its colours, so there is one rule for all of them: limited range
and the `usual` matrix of its height, unless the stages at both ends are told another by their parameter `matrix`. Who
makes such an array from other colours converts.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Literal

import numpy as np

from bgflow.devices import device_of
from bgflow.errors import KernelError
from bgflow.frame import Array
from bgflow.kernel import cheap, function, kernel
from bgflow.kernels.fromrgb import rgb_i420, rgb_nv12

u8, u16, i16, i32 = np.uint8, np.uint16, np.int16, np.int32

Matrix = Literal["bt601", "bt709", "bt2020"]
Choice = Literal["auto", "bt601", "bt709", "bt2020"]
LUMA: dict[str, tuple[float, float]] = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}
"""The weights of red and blue in luma (ITU-R BT.601-7, BT.709-6, BT.2020-2 non-constant luminance)."""
LANES = 1024  # pairs of chroma in a CPU's run: what is between chroma and pixels stays in the first cache


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
    i420_rgb(y, u, v, out, *spans(out), *decoding(matrix, full))


def nv12_to_rgb(y: Array, uv: Array, out: Array, matrix: Matrix = "bt709", full: bool = False) -> None:
    """Luma and interleaved chroma to RGB `u8[h,w,3]`."""
    _half(y, uv)
    nv12_rgb(y, uv, out, *spans(out), *decoding(matrix, full))


def rgb_to_i420(image: Array, y: Array, u: Array, v: Array, matrix: Matrix = "bt709", full: bool = False) -> None:
    """RGB `u8[h,w,3]` to planar YUV 4:2:0."""
    _half(y, u)
    _half(y, v)
    rgb_i420(image, y, u, v, *spans(image), *encoding(matrix, full))


def rgb_to_nv12(image: Array, y: Array, uv: Array, matrix: Matrix = "bt709", full: bool = False) -> None:
    """RGB `u8[h,w,3]` to luma and interleaved chroma."""
    _half(y, uv)
    rgb_nv12(image, y, uv, *spans(image), *encoding(matrix, full))


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


def spans(image: Array) -> tuple[int, int, int, int]:
    """Height and width, how many runs of chroma a row has, and how long one is: a pair for a GPU's thread."""
    h, w = image.shape[:2]
    pairs = (w + 1) // 2
    step = 1 if device_of(image).simt else min(pairs, LANES)
    return h, w, -(-pairs // step), step


@functools.cache
def decoding(matrix: Matrix, full: bool) -> tuple[int, ...]:
    """Luma's gain in 2^-7, what to take off in 2^-5, and chroma's factors in 2^-14: red; green by u and v; blue.

    What is taken off is black, less the half that rounds.
    """
    kr, kb = LUMA[matrix]
    black, luma, chroma = (0, 1.0, 1.0) if full else (16, 255 / 219, 255 / 224)
    red, blue = 2 * (1 - kr) * chroma, 2 * (1 - kb) * chroma
    gain = round(luma * 128)
    factors = (red, -blue * kb / (1 - kr - kb), -red * kr / (1 - kr - kb), blue)
    return (gain, black * gain // 4 - 16, *(round(v * 16384) for v in factors))


@functools.cache
def encoding(matrix: Matrix, full: bool) -> tuple[int, ...]:
    """Black and a half, and the weights of R, G, B in luma, all in 2^-15; the weights of R, G, B in u and in v.

    The latter are in 2^-16, for the sum of four pixels, and add up to nothing.
    """
    kr, kb = LUMA[matrix]
    kg = 1 - kr - kb
    black, luma, chroma = (0, 1.0, 1.0) if full else (16, 219 / 255, 224 / 255)
    half = chroma / 2 * 65536 / 4
    y = _whole([32768 * luma * k for k in (kr, kg, kb)])
    u = _whole([half * k / (1 - kb) for k in (-kr, -kg, 1 - kb)])
    v = _whole([half * k / (1 - kr) for k in (1 - kr, -kg, -kb)])
    return (black * 32768 + 16384, *y, *u, *v)


def _whole(weights: Sequence[float]) -> list[int]:
    """The weights rounded so that their sum is rounded too: the worst rounding gives way."""
    near = [round(v) for v in weights]
    while missing := round(sum(weights)) - sum(near):
        step = 1 if missing > 0 else -1
        worst = max(range(len(near)), key=lambda n: (weights[n] - near[n]) * step)
        near[worst] += step
    return near


@function
def bright(y, gain):  # type: ignore[no-untyped-def]
    """Luma in 2^-5 of a level, black included."""
    return i16((u16(y) * u16(gain)) >> u16(2))


@function
def tinge(u, v, by_u, by_v, less):  # type: ignore[no-untyped-def]
    """What chroma adds to one colour, in 2^-5 of a level, less black."""
    both = i32((i32(u) - i32(128)) * by_u) + i32((i32(v) - i32(128)) * by_v)
    return i32(i32(i32(both + i32(256)) >> i32(9)) - less)


@function
def twice(v):  # type: ignore[no-untyped-def]
    """Two i16 in one i32: vector instructions then need not shuffle to give both pixels of a pair the same."""
    return i32(i32(v << i32(16)) | (v & i32(65535)))


@function
def level(luma, chroma):  # type: ignore[no-untyped-def]
    """Their sum in whole levels, clamped to a byte; an i16 holds it, whatever the bytes are."""
    return u8(min(max(i16(i16(luma + chroma) >> i16(5)), i16(0)), i16(255)))


SCALARS: dict[str, str] = {
    "height": "i32", "width": "i32", "runs": "i32", "step": "i32",
    "gain": "u8", "less": "i32", "red": "i32", "green_u": "i32", "green_v": "i32", "blue": "i32",
}  # fmt: skip


@cheap
@kernel(over="ch,runs", y="u8[h,w]", u="u8[ch,cw]", v="u8[ch,cw]", out="u8[h,w,3] out", **SCALARS)
def i420_rgb(  # type: ignore[no-untyped-def]
    j, run, y, u, v, out, height, width, runs, step, gain, less, red, green_u, green_v, blue
):
    """The pixels of two rows that `step` neighbouring pairs of planar chroma belong to, as RGB."""
    first = run * step
    pairs = min(first + step, (width + 1) // 2) - first
    from_u = u[j, first:]
    from_v = v[j, first:]
    reds = np.empty(pairs, np.int32)
    greens = np.empty(pairs, np.int32)
    blues = np.empty(pairs, np.int32)
    for i in range(pairs):
        reds[i] = twice(tinge(128, from_v[i], 0, red, less))
        greens[i] = twice(tinge(from_u[i], from_v[i], green_u, green_v, less))
        blues[i] = twice(tinge(from_u[i], 128, blue, 0, less))
    r = reds.view(np.int16)
    g = greens.view(np.int16)
    b = blues.view(np.int16)
    for row in range(2 * j, min(2 * j + 2, height)):
        luma = y[row, 2 * first :]
        to = out[row, 2 * first :]
        for i in range(min(2 * pairs, width - 2 * first)):
            s = bright(luma[i], gain)
            to[i, 0] = level(s, r[i])
            to[i, 1] = level(s, g[i])
            to[i, 2] = level(s, b[i])


@cheap
@kernel(over="ch,runs", y="u8[h,w]", uv="u8[ch,cw,2]", out="u8[h,w,3] out", **SCALARS)
def nv12_rgb(  # type: ignore[no-untyped-def]
    j, run, y, uv, out, height, width, runs, step, gain, less, red, green_u, green_v, blue
):
    """The same of interleaved chroma."""
    first = run * step
    pairs = min(first + step, (width + 1) // 2) - first
    both = uv[j, first:]
    reds = np.empty(pairs, np.int32)
    greens = np.empty(pairs, np.int32)
    blues = np.empty(pairs, np.int32)
    for i in range(pairs):
        reds[i] = twice(tinge(128, both[i, 1], 0, red, less))
        greens[i] = twice(tinge(both[i, 0], both[i, 1], green_u, green_v, less))
        blues[i] = twice(tinge(both[i, 0], 128, blue, 0, less))
    r = reds.view(np.int16)
    g = greens.view(np.int16)
    b = blues.view(np.int16)
    for row in range(2 * j, min(2 * j + 2, height)):
        luma = y[row, 2 * first :]
        to = out[row, 2 * first :]
        for i in range(min(2 * pairs, width - 2 * first)):
            s = bright(luma[i], gain)
            to[i, 0] = level(s, r[i])
            to[i, 1] = level(s, g[i])
            to[i, 2] = level(s, b[i])


@cheap
@kernel(over="ch,cw", u="u8[ch,cw]", v="u8[ch,cw]", uv="u8[ch,cw,2] out")
def i420_nv12(j, i, u, v, uv):  # type: ignore[no-untyped-def]
    """One pair of chroma, interleaved."""
    uv[j, i, 0] = u[j, i]
    uv[j, i, 1] = v[j, i]


@cheap
@kernel(over="ch,cw", uv="u8[ch,cw,2]", u="u8[ch,cw] out", v="u8[ch,cw] out")
def nv12_i420(j, i, uv, u, v):  # type: ignore[no-untyped-def]
    """One pair of chroma, into two planes."""
    u[j, i] = uv[j, i, 0]
    v[j, i] = uv[j, i, 1]
