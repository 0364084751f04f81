"""What a graph is judged on: pictures in order, each with its truth where there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Picture = np.ndarray[Any, np.dtype[np.uint8]]
Matte = np.ndarray[Any, np.dtype[np.float32]]
Bits = np.ndarray[Any, np.dtype[np.bool_]]

Kind = Literal["stills", "video", "cdnet"]


@dataclass(frozen=True)
class Sample:
    """One picture, `u8[h,w,3]`, and its truth.

    The truth is an alpha `f32[h,w]`, 0..1, or for CDnet its labels `u8[h,w]`; None where the graph only looks on, as
    at an empty room before somebody comes.
    """

    name: str
    image: Picture
    truth: np.ndarray[Any, Any] | None = None


@dataclass(frozen=True)
class Footage:
    """A set of stills, or one clip, which a graph sees from beginning to end; its state starts afresh at each.

    `read` gives the samples anew each time it is called; `length` is how many they are. `plate` gives the empty
    background where the data has it.
    """

    name: str
    group: str
    kind: Kind
    length: int
    read: Callable[[], Iterator[Sample]]
    plate: Callable[[], Picture] | None = None
