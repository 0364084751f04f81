"""Compositing: a picture over a background, through a matte.

Every formula is a weighted mean of two bytes that is rounded once, so where foreground and background are equal the
result is that very value for every alpha (Porter and Duff, "Compositing Digital Images", SIGGRAPH 1984). A matte below
0 or NaN counts as 0 and above 1 as 1: what is not surely subject shows the background.

The weights are integers of 22 bits: twice as fast as floats on a CPU, because the loop stays in one vector width, and
as fine as any difference of two bytes can show.
"""

from __future__ import annotations

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import function, kernel

f32, i32, u8 = np.float32, np.int32, np.uint8


@function
def weight(a):  # type: ignore[no-untyped-def]
    """A matte value forced into 0..1; NaN becomes 0."""
    return min(a, f32(1)) if a > f32(0) else f32(0)


@function
def share(a):  # type: ignore[no-untyped-def]
    """A weight of 0..1 in units of 2**-22."""
    return i32(a * f32(4194304) + f32(0.5))


@function
def mix(back, front, a):  # type: ignore[no-untyped-def]
    """The share `a` of front and the rest of back, as a byte: exactly front at 1, back at 0, either where equal."""
    return u8(i32(back) + (((i32(front) - i32(back)) * a + i32(2097152)) >> i32(22)))


@function
def byte(a):  # type: ignore[no-untyped-def]
    """A weight of 0..1 as 0..255."""
    return i32(a * f32(255) + f32(0.5))


@function
def part(v, a):  # type: ignore[no-untyped-def]
    """v * a / 255 rounded to the nearest, exact for every product of two bytes."""
    t = i32(v) * i32(a) + i32(128)
    return (t + (t >> i32(8))) >> i32(8)


@kernel(image="u8[h,w,3]", alpha="f32[h,w]", background="u8[h,w,3]", out="u8[h,w,3] out")
def over_picture(y, x, image, alpha, background, out):  # type: ignore[no-untyped-def]
    """A picture over a picture."""
    a = share(weight(alpha[y, x]))
    for c in range(3):
        out[y, x, c] = mix(background[y, x, c], image[y, x, c], a)


@kernel(image="u8[h,w,3]", alpha="f32[h,w]", red="i32", green="i32", blue="i32", out="u8[h,w,3] out")
def over_colour(y, x, image, alpha, red, green, blue, out):  # type: ignore[no-untyped-def]
    """A picture over one colour."""
    a = share(weight(alpha[y, x]))
    out[y, x, 0] = mix(red, image[y, x, 0], a)
    out[y, x, 1] = mix(green, image[y, x, 1], a)
    out[y, x, 2] = mix(blue, image[y, x, 2], a)


@kernel(image="u8[h,w,3]", alpha="f32[h,w]", hidden="i32", out="u8[h,w,4] out")
def to_straight(y, x, image, alpha, hidden, out):  # type: ignore[no-untyped-def]
    """RGBA with the picture's own colours; a pixel of alpha 0 is black unless `hidden` is 1."""
    a = byte(weight(alpha[y, x]))
    shown = i32(1) if a > i32(0) else hidden
    for c in range(3):
        out[y, x, c] = u8(i32(image[y, x, c]) * shown)
    out[y, x, 3] = u8(a)


@kernel(image="u8[h,w,3]", alpha="f32[h,w]", out="u8[h,w,4] out")
def to_premultiplied(y, x, image, alpha, out):  # type: ignore[no-untyped-def]
    """RGBA with the colours multiplied by the alpha byte that is stored beside them."""
    a = byte(weight(alpha[y, x]))
    for c in range(3):
        out[y, x, c] = u8(part(image[y, x, c], a))
    out[y, x, 3] = u8(a)


@kernel(layer="u8[h,w,4]", background="u8[h,w,3]", out="u8[h,w,3] out")
def over_straight(y, x, layer, background, out):  # type: ignore[no-untyped-def]
    """An RGBA layer with straight alpha over a picture."""
    a = i32(layer[y, x, 3])
    for c in range(3):
        t = i32(layer[y, x, c]) * a + i32(background[y, x, c]) * (i32(255) - a) + i32(128)
        out[y, x, c] = u8((t + (t >> i32(8))) >> i32(8))


@kernel(layer="u8[h,w,4]", background="u8[h,w,3]", out="u8[h,w,3] out")
def over_premultiplied(y, x, layer, background, out):  # type: ignore[no-untyped-def]
    """An RGBA layer with premultiplied alpha over a picture; colours brighter than their alpha saturate."""
    a = layer[y, x, 3]
    for c in range(3):
        b = background[y, x, c]
        # b - part(b, a) and not part(b, 255 - a): the same rounding on both sides is what makes F == B exact
        out[y, x, c] = u8(min(i32(layer[y, x, c]) + i32(b) - part(b, a), i32(255)))


@kernel(alpha="f32[h,w]", out="u8[h,w,3] out")
def to_grey(y, x, alpha, out):  # type: ignore[no-untyped-def]
    """The matte as a grey picture."""
    a = u8(byte(weight(alpha[y, x])))
    for c in range(3):
        out[y, x, c] = a


@kernel(image="u8[h,w,3]", alpha="f32[h,w]", red="i32", green="i32", blue="i32", opacity="f32", out="u8[h,w,3] out")
def tint_background(y, x, image, alpha, red, green, blue, opacity, out):  # type: ignore[no-untyped-def]
    """A colour film of some opacity over everything that is not subject."""
    a = share((f32(1) - weight(alpha[y, x])) * opacity)
    out[y, x, 0] = mix(image[y, x, 0], red, a)
    out[y, x, 1] = mix(image[y, x, 1], green, a)
    out[y, x, 2] = mix(image[y, x, 2], blue, a)


@kernel(image="u8[h,w,3]", alpha="f32[h,w]", red="i32", green="i32", blue="i32", opacity="f32", out="u8[h,w,3] out")
def tint_subject(y, x, image, alpha, red, green, blue, opacity, out):  # type: ignore[no-untyped-def]
    """A colour film of some opacity over the subject."""
    a = share(weight(alpha[y, x]) * opacity)
    out[y, x, 0] = mix(image[y, x, 0], red, a)
    out[y, x, 1] = mix(image[y, x, 1], green, a)
    out[y, x, 2] = mix(image[y, x, 2], blue, a)


@kernel(source="u8[m,n,3]", out="u8[h,w,3] out", m="i32", n="i32")
def tiled(y, x, source, out, m, n):  # type: ignore[no-untyped-def]
    """A picture repeated from the top left corner."""
    for c in range(3):
        out[y, x, c] = source[y % m, x % n, c]


@kernel(red="i32", green="i32", blue="i32", out="u8[h,w,3] out")
def filled(y, x, red, green, blue, out):  # type: ignore[no-untyped-def]
    """One colour everywhere."""
    out[y, x, 0] = u8(red)
    out[y, x, 1] = u8(green)
    out[y, x, 2] = u8(blue)


def replace(image: Array, alpha: Array, background: Array, out: Array) -> None:
    """Put `image` over `background`, all u8[h,w,3], through the straight matte f32[h,w]."""
    over_picture(image, alpha, background, out)


def colour(image: Array, alpha: Array, rgb: tuple[int, int, int], out: Array) -> None:
    """Put `image` over one colour."""
    over_colour(image, alpha, *rgb, out)


def straight(image: Array, alpha: Array, out: Array, keep_hidden: bool = False) -> None:
    """Write u8[h,w,4] with straight alpha; what alpha 0 hides is blackened unless `keep_hidden`."""
    to_straight(image, alpha, int(keep_hidden), out)


def premultiply(image: Array, alpha: Array, out: Array) -> None:
    """Write u8[h,w,4] with premultiplied alpha."""
    to_premultiplied(image, alpha, out)


def grey(alpha: Array, out: Array) -> None:
    """Write the matte as a grey picture u8[h,w,3]."""
    to_grey(alpha, out)


def tint(image: Array, alpha: Array, rgb: tuple[int, int, int], opacity: float, out: Array) -> None:
    """Lay a film of colour over what the matte removes, so that its edge can be judged on the picture."""
    tint_background(image, alpha, *rgb, opacity, out)


def film(image: Array, alpha: Array, rgb: tuple[int, int, int], opacity: float, out: Array) -> None:
    """Lay a film of colour over the subject itself."""
    tint_subject(image, alpha, *rgb, opacity, out)


def tile(source: Array, out: Array) -> None:
    """Fill `out` with copies of `source`."""
    tiled(source, out, source.shape[0], source.shape[1])


def fill(rgb: tuple[int, int, int], out: Array) -> None:
    """Fill `out` with one colour."""
    filled(*rgb, out)
