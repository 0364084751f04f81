"""The quarter turns and mirrorings a phone writes into a video instead of turning its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bgflow.frame import Array
from bgflow.kernels import flip

if TYPE_CHECKING:
    from av import VideoFrame

WAY = {found: way for way, found in flip.WAYS.items()}


@dataclass(frozen=True)
class Turn:
    """One of the eight ways to put a picture upright: exchange rows and columns, then mirror either."""

    transpose: bool = False
    flip_y: bool = False
    flip_x: bool = False

    @classmethod
    def of(cls, frame: VideoFrame) -> Turn:
        """What the frame's display matrix asks for."""
        from av.sidedata.sidedata import SideDataContainer

        # Not `frame.side_data`: the frame keeps that, and so itself alive until cycles are collected.
        data: Any = SideDataContainer(frame).get("DISPLAYMATRIX")  # type: ignore[call-arg]  # PyAV's stub forgets it
        return cls() if data is None else cls.told(np.frombuffer(data, np.int32))

    @classmethod
    def told(cls, matrix: Array) -> Turn:
        """What a display matrix i32[9] (ISO/IEC 14496-12, 6.2.2) asks for, to the nearest quarter turn."""
        a, b, _, c, d = matrix[:5].tolist()
        if abs(a) >= abs(b):
            return cls(False, flip_y=d < 0, flip_x=a < 0)
        return cls(True, flip_y=b < 0, flip_x=c < 0)

    @property
    def degrees(self) -> int:
        """The turn counted counter-clockwise, mirroring aside: 0, 90, 180 or 270."""
        if self.transpose:
            return 90 if self.flip_y else 270
        return 180 if self.flip_y else 0

    def size(self, h: int, w: int) -> tuple[int, int]:
        """Height and width once upright."""
        return (w, h) if self.transpose else (h, w)

    def apply(self, image: Array, out: Array) -> None:
        """Write the upright picture into `out`, whose height and width are `size` of the image's."""
        rows, columns = (self.flip_x, self.flip_y) if self.transpose else (self.flip_y, self.flip_x)
        flip.flip(image, out, WAY[rows, columns, self.transpose])
