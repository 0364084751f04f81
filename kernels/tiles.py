"""Tiles of 64 pixels, in which the background models keep what they know: one layout for vector loads and for warps."""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from bgflow.devices import device_of
from bgflow.frame import Array
from bgflow.kernel import function

i32 = np.int32

LANES = 64
FROZEN = np.float32(0.1)
"""Alpha above which a model learns nothing: what is mixed with the subject is not learned either."""


@function
def first(i, span):
    """The first pixel of span i; `max` tells the compiler that no index is negative, or it would not vectorise."""
    return max(i32(i * span), i32(0))


def spans(image: Array) -> tuple[int, int]:
    """How many spans a row of `image` has and their pixels: a tile on a CPU, one pixel for each thread of a GPU."""
    span = 1 if device_of(image).simt else LANES
    return -(-image.shape[1] // span), span


def tiles(width: int) -> int:
    """How many tiles a row of pixels takes."""
    return -(-width // LANES)
