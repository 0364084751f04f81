"""Lines of text as masks that a kernel stamps on pictures, in the font that comes with Pillow."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from bgflow.devices import Host

SMALLEST = 8  # pixels, below which nobody reads it
OUTLINE = 0.08  # of the height


@functools.lru_cache(64)
def lettering(text: str, height: int, width: int) -> Host:
    """A line in the middle of u8[height,width,2]: its letters and its outline, 0..255; as large as it fits."""
    from PIL import Image, ImageDraw

    out = np.zeros((height, width, 2), np.uint8)
    if not text:
        return out
    size = max(round(height * 0.75), SMALLEST)
    while size > SMALLEST and _span(text, size) > width:
        size = max(int(size * 0.9), SMALLEST)
    edge = _edge(size)
    for plane, (stroke, fill) in enumerate(((0, 255), (edge, 255))):
        page = Image.new("L", (width, height))
        ImageDraw.Draw(page).text((width / 2, height / 2), text, fill, _font(size), "mm", stroke_width=stroke)
        out[..., plane] = np.asarray(page)
    out.setflags(False)
    return out


def _edge(size: int) -> int:
    return max(round(size * OUTLINE), 1)


def _span(text: str, size: int) -> float:
    return float(_font(size).getlength(text)) + 2 * _edge(size)


@functools.lru_cache(16)
def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)
