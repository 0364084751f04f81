"""Mattes that are easy to reckon with, and small data sets on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Array = np.ndarray[Any, Any]

RED = '''
from bgflow import In, Out, Stage

class Red(Stage):
    """Red is the subject."""
    image = In("u8[h,w,3] rgb")
    alpha = Out("f32[h,w] alpha")
    host = True

    def process(self, image):
        alpha = self.ctx.empty(self.alpha)
        alpha[:] = image[..., 0] > 128
        return alpha

class Late(Red):
    """The same, one frame late."""

    def process(self, image):
        last, self.last = getattr(self, "last", None), super().process(image)
        return self.last if last is None else last
'''
GRAPH = """
graph: red
stages:
  camera: {use: synth.source}
  red: {use: "stages.py:Red", in: camera.image}
  end: {use: null.sink, in: red.alpha}
"""


def box(x0: int, x1: int, y0: int = 4, y1: int = 28, shape: tuple[int, int] = (32, 64)) -> Array:
    """A matte that is 1 in columns x0..x1-1 and rows y0..y1-1."""
    out = np.zeros(shape, np.float32)
    out[y0:y1, x0:x1] = 1
    return out


def save(file: Path, array: Array) -> Path:
    """A `u8` array, or a matte, as a picture file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    levels = array if array.dtype == np.uint8 else (array * 255).round().astype(np.uint8)
    Image.fromarray(levels).save(file)
    return file


def photo(truth: Array, colour: tuple[int, int, int] = (230, 40, 40)) -> Array:
    """A picture in which the subject is of one colour and all else dark."""
    return (truth[..., None] * np.array(colour) + (1 - truth[..., None]) * 30).round().astype(np.uint8)


def write_pairs(folder: Path, count: int = 3) -> Path:
    """`images/` and `masks/` of the same names."""
    for n in range(count):
        truth = box(8 + n, 40 + n)
        save(folder / "images" / f"p{n}.png", photo(truth))
        save(folder / "masks" / f"p{n}.png", truth)
    return folder
