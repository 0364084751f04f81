"""Pictures for choosing int8 ranges and for comparing precisions: rendered here, so that they need no data.

Picture `i` is a function of `(SEED, i)` alone: the first 64 of 100 are the 64 of 64, on every machine. What makes
networks differ is drawn for each: who stands where and how large, in which clothes and light, before which background,
with how soft an outline, how much hair and noise, in which shape of frame. Every seventh is an empty room.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bgflow.kernels import tensor
from bgflow.models.layout import Layout

SEED = 20
SIZES = ((640, 360), (480, 360), (360, 480), (480, 270))
"""Width and height of the rendered pictures, in turn."""
BACKGROUNDS = ("room", "textured", "gradient", "flat")
LIGHTS = (0.0, -1.5, 1.0, -0.7, 0.5)
"""Exposures in EV, in turn; 5 of them and 4 sizes and backgrounds, so that they meet in every combination."""
EMPTY = 7
"""One in so many has nobody in it."""

Picture = np.ndarray[Any, np.dtype[np.uint8]]
Input = np.ndarray[Any, np.dtype[np.float32]]


def pictures(count: int = 64, folder: Path | None = None) -> Iterator[Picture]:
    """`count` rendered pictures, then all of `folder` in natural order; RGB u8[h,w,3] in host memory, of any size.

    Raises:
        MediaUsageError: the folder is not there or holds no picture.
        MediaError: one of its files is damaged.
    """
    from bgflow.media import pictures as files

    own = files.found(str(folder)) if folder else []  # first, so that a wrong folder is told at once
    return _all(count, own)


def inputs(
    layout: Layout, height: int = 0, width: int = 0, count: int = 64, folder: Path | None = None
) -> Iterator[Input]:
    """The same as a network of this layout is fed with them by `net.mask`: f32 of `layout.shape(height, width)`.

    A height and width of 0 mean the layout's own for each picture. What is yielded is overwritten by the next.
    """
    made: dict[str, Any] = {}

    def scratch(name: str, shape: tuple[int, ...], dtype: Any) -> Any:
        if name not in made or made[name].shape != shape:
            made[name] = np.empty(shape, dtype)
        return made[name]

    if layout.plate:
        h, w = (height, width) if height else layout.size
        x = scratch("x", layout.shape(h, w), np.float32)
        for pair in pairs(count, (h, w)):
            for n, picture in enumerate(pair):
                tensor.fill(picture, x[:, 3 * n : 3 * n + 3], layout.mean, layout.std, layout.layout, scratch)
            yield x
        return
    for picture in pictures(count, folder):
        size = (height, width) if height else layout.fitted(*picture.shape[:2])
        x = scratch("x", layout.shape(*size), np.float32)
        tensor.fill(picture, x, layout.mean, layout.std, layout.layout, scratch)
        yield x


def pairs(count: int, size: tuple[int, int] = (480, 640)) -> Iterator[tuple[Picture, Picture]]:
    """`count` rendered pictures of that height and width with their plates, for networks that compare them."""
    from bgflow.train.composite import synthetic

    made = synthetic(SEED)
    for i in range(count):
        sample = made.draw(np.random.default_rng([SEED, i]), size, i)
        assert sample.plate is not None
        yield sample.picture, sample.plate


def _all(count: int, own: list[Path]) -> Iterator[Picture]:
    from bgflow.media.pictures import read

    for i in range(count):
        yield render(i)
    for file in own:
        yield np.ascontiguousarray(read(file))


def render(i: int) -> Picture:
    """Rendered picture number `i`."""
    from bgflow.stages.synth import Source
    from bgflow.testing import opened

    rng = np.random.default_rng([SEED, i])
    width, height = SIZES[i % len(SIZES)]
    scene = Source(
        width=width,
        height=height,
        seed=int(rng.integers(2**31)),
        subjects=0 if i % EMPTY == EMPTY - 1 else int(rng.choice([1, 1, 1, 2, 3])),
        size=float(rng.choice([1.0, 0.8, 0.6, 0.35])),
        edge=float(rng.choice([0, 0, 2, 4])),
        hair=float(rng.choice([0, 0, 0.4, 0.8])),
        background=BACKGROUNDS[i // len(SIZES) % len(BACKGROUNDS)],
        shadow=float(rng.choice([0, 0.25, 0.45])),
        exposure=LIGHTS[i % len(LIGHTS)],
        noise=float(rng.choice([0, 1, 3, 8])),
    )
    with opened(scene, wired={"image"}):
        found: Picture = scene.render(int(rng.integers(300)))["image"].copy()
    return found
