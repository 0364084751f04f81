"""What a network is trained on: a picture, the empty scene behind it where there is one, and the truth."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
Size = tuple[int, int]
"""Height and width."""


class Sample(NamedTuple):
    """Picture and plate `u8[h,w,3]`, and alpha `u8[h,w]`, 255 where the subject is; all of one size."""

    picture: Pixels
    plate: Pixels | None
    alpha: Pixels


class Material(Protocol):
    """Something that gives any number of samples."""

    def draw(self, rng: np.random.Generator, size: Size, turn: int) -> Sample:
        """One of this size; the generator decides which, and may choose among more the later the turn."""
        ...
