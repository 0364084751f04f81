"""Frames of a camera that stands still, for background models: people walk to and fro, and the sensor is noisy.

How many people there are decides how fast a mixture of Gaussians is: where colours come and go, pixels miss their
heaviest Gaussian. So a model is measured on more than one scene.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bgflow.bench.pictures import LEARNED, Size
from bgflow.kernels import resize
from bgflow.stages.synth import Source
from bgflow.testing import opened

Array = np.ndarray[Any, Any]
DRAWN = Size(480, 270)  # what is rendered; the pictures are enlarged from it, and the noise is added then
NOISE = 2.0  # levels of 255, its standard deviation
ROOM = 64  # pixels by which each picture's noise is shifted against another's, at most


def crowd(size: Size, people: int, count: int) -> list[Array]:
    """`count` pictures `u8[h,w,3]` and, but for the ends, the same ones back again; the same bits every time."""
    w, h = size
    random = np.random.default_rng(5)
    noise = random.normal(0, NOISE, (h + ROOM, w + ROOM, 3)).round().astype(np.int16)
    scene = Source(width=DRAWN.width, height=DRAWN.height, subjects=people, shadow=0.4, edge=1.0)
    there = []
    with opened(scene, wired={"image"}):
        for n in range(count):
            image = np.empty((h, w, 3), np.uint8)
            resize.linear(scene.render(LEARNED + n)["image"], image)
            y, x = random.integers(0, ROOM, 2)
            there.append(np.clip(image + noise[y : y + h, x : x + w], 0, 255).astype(np.uint8))
    return [*there, *there[-2:0:-1]]
