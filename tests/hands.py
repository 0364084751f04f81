"""A drawn hand that a palm detector takes for one, so that tests need no picture of anybody."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SKIN, SHADE = (224, 172, 140), (190, 135, 105)
FINER = 4  # drawn so much larger, then shrunk
PALM = (0.5, 0.65)  # x and y of its palm, in parts of the square


def hand(size: int, back: tuple[int, int, int] = (90, 110, 130)) -> np.ndarray[Any, Any]:
    """An open hand, seen from the palm, in a square of one colour: u8[size,size,3]."""
    side = FINER * size
    image = Image.new("RGB", (side, side), back)
    draw = ImageDraw.Draw(image)

    def limb(x0: float, y0: float, x1: float, y1: float, width: float, colour: tuple[int, int, int] = SKIN) -> None:
        draw.line([(x0 * side, y0 * side), (x1 * side, y1 * side)], fill=colour, width=int(width * side))
        r = width / 2
        for x, y in ((x0, y0), (x1, y1)):
            draw.ellipse([(x - r) * side, (y - r) * side, (x + r) * side, (y + r) * side], fill=colour)

    limb(0.5, 0.8, 0.5, 1.1, 0.2)
    draw.rounded_rectangle([0.33 * side, 0.45 * side, 0.67 * side, 0.82 * side], radius=0.1 * side, fill=SKIN)
    for root, x, y in ((0.375, 0.33, 0.17), (0.46, 0.45, 0.1), (0.545, 0.56, 0.13), (0.63, 0.67, 0.22)):
        limb(root, 0.5, x, y, 0.085, SHADE)
        limb(root, 0.5, x, y, 0.075)
    limb(0.36, 0.7, 0.17, 0.47, 0.1, SHADE)
    limb(0.36, 0.7, 0.17, 0.47, 0.09)
    for y in (0.56, 0.63):
        box = [0.36 * side, (y - 0.05) * side, 0.64 * side, (y + 0.08) * side]
        draw.arc(box, 200, 330, fill=SHADE, width=int(0.012 * side))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(side / 200)).resize((size, size)))


def held_up(h: int, w: int, x: float, y: float, size: int) -> np.ndarray[Any, Any]:
    """A picture u8[h,w,3] of a wall, with a hand whose palm is at (x, y), in parts of width and height."""
    image = np.full((h, w, 3), (90, 110, 130), np.uint8)
    top, left = round(y * h - PALM[1] * size), round(x * w - PALM[0] * size)
    y0, x0, y1, x1 = max(top, 0), max(left, 0), min(top + size, h), min(left + size, w)
    image[y0:y1, x0:x1] = hand(size)[y0 - top : y1 - top, x0 - left : x1 - left]
    return image
