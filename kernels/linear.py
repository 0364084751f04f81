"""Compositing in linear light: mixed as light mixes, so that a bright background shines around a soft edge.

Bytes are coded as sRGB (IEC 61966-2-1); a half of white and a half of black is 188 there and not 128.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

from typing import Any

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import function, kernel
from bgflow.kernels.over import mix, share, weight

f32, i32, u8 = np.float32, np.int32, np.uint8


@function
def nearest(light, v):
    """The byte whose light is nearest to v, by bisection: a table of bytes has no room for the darkest ones."""
    low = i32(0)
    half = i32(128)
    while half > i32(0):
        low += half if light[low + half] <= v else i32(0)
        half //= i32(2)
    high = min(low + i32(1), i32(255))
    return high if v - light[low] > light[high] - v else low


@kernel(
    image="u8[h,w,3]", alpha="f32[h,w]", background="u8[h,w,3]", light="f32[256]", out="u8[h,w,3] out", strength="f32"
)
def over_linear(y, x, image, alpha, background, light, out, strength):
    """A picture over a picture; `strength` 0 mixes bytes, 1 mixes the light they stand for."""
    a = weight(alpha[y, x])
    part = share(a)
    for c in range(3):
        back, front = i32(background[y, x, c]), i32(image[y, x, c])
        plain = mix(back, front, part)
        if a > f32(0) and a < f32(1):
            lit = nearest(light, light[back] + (light[front] - light[back]) * a)
            out[y, x, c] = mix(plain, lit, share(strength))
        else:
            out[y, x, c] = plain


def table() -> np.ndarray[Any, np.dtype[np.float32]]:
    """The light, 0..1, that each byte stands for: f32[256], rising."""
    v = np.arange(256) / 255
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4).astype(f32)


def replace(image: Array, alpha: Array, background: Array, light: Array, out: Array, strength: float) -> None:
    """Put `image` over `background`, all u8[h,w,3], through the matte f32[h,w]; `light` is `table()` on their device.

    As in `over`, equal bytes stay what they are for every alpha, and alpha 0 and 1 give one picture exactly.
    """
    over_linear(image, alpha, background, light, out, strength)
