"""Frames to measure on: a rendered person who walks through a room, made on the CPU and kept."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from bgflow.kernels import yuv
from bgflow.stages.synth import Source
from bgflow.testing import opened

Host = np.ndarray[Any, Any]
COUNT = 8  # different frames; a stream repeats them
LEARNED = 40  # frames of the scene before the first that is kept: somebody is well inside by then


class Size(NamedTuple):
    """Of a picture, in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


class Picture(NamedTuple):
    """One frame: `u8[h,w,3]` RGB, the same as NV12, the exact `f32[h,w]` matte, and what is behind."""

    image: Host
    nv12: Host
    alpha: Host
    plate: Host


@functools.cache
def pictures(size: Size) -> tuple[Picture, ...]:
    """The frames of that size; nobody may write them."""
    stage = Source(width=size.width, height=size.height, noise=2.0, edge=2.0)
    out = []
    with opened(stage, wired={"image", "alpha", "plate"}):
        for n in range(COUNT):
            made = {name: array.copy() for name, array in stage.render(LEARNED + 2 * n).items()}
            out.append(Picture(nv12=nv12(made["image"]), **made))
    return tuple(out)


def nv12(image: Host) -> Host:
    """A picture with even sides as NV12, `u8[h*3/2,w]`."""
    h, w = image.shape[:2]
    out = np.empty((h * 3 // 2, w), np.uint8)
    yuv.rgb_to_nv12(image, *yuv.nv12_planes(out, h, w), yuv.usual(h))
    return out
