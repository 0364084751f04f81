"""Backgrounds that need no file, hundreds of them: rooms of `synth.source`, bgflow's gallery, and clutter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bgflow.media import gallery
from bgflow.train.sample import Pixels, Size

HELD_OUT = ("room", "silk")
"""Paintings of the gallery that a network is judged on, and never trained on."""
ROOMS = ("room", "textured", "gradient", "flat")
MARKS = (8, 60)  # of a clutter, at least and at most


def backdrop(rng: np.random.Generator, size: Size, held_out: bool = False) -> Pixels:
    """One background: half of them clutter, the rest rooms and paintings."""
    kind = rng.random()
    if kind < 0.5:
        return clutter(rng, size)
    if kind < 0.75:
        return room(rng, size)
    return painting(rng, size, [n for n in gallery.names() if (n in HELD_OUT) == held_out])


def painting(rng: np.random.Generator, size: Size, names: Sequence[str]) -> Pixels:
    """A painting of the gallery in other tones."""
    tones = rng.permutation(3) if rng.random() < 0.5 else np.arange(3)
    picture = gallery.render(names[int(rng.integers(len(names)))], *size)[..., tones]
    curve = np.exp(rng.uniform(-0.7, 0.7, 3))
    table = np.rint(255 * (np.arange(256)[:, None] / 255) ** curve).astype(np.uint8)
    return np.ascontiguousarray(table[picture, np.arange(3)])


def room(rng: np.random.Generator, size: Size) -> Pixels:
    """The background of a synthetic scene."""
    from bgflow.stages.synth import Source
    from bgflow.testing import opened

    h, w = size
    style: Any = ROOMS[int(rng.integers(len(ROOMS)))]
    scene = Source(width=w, height=h, seed=int(rng.integers(2**31)), subjects=0, background=style)
    with opened(scene, wired={"plate"}) as source:
        stage: Any = source.stage
        made: Pixels = stage.render(0)["plate"].copy()
    return made


def clutter(rng: np.random.Generator, size: Size) -> Pixels:
    """Boxes, discs, grilles and lines of any colour on a wall of two, with a grain, more or less in focus."""
    from PIL import Image, ImageDraw, ImageFilter

    h, w = size
    wall = rng.integers(0, 256, (2, 2, 3)).astype(np.uint8)
    if rng.random() < 0.5:  # a quiet wall
        wall = np.clip(wall[:1, :1].astype(int) + rng.integers(-30, 31, (2, 2, 3)), 0, 255).astype(np.uint8)
    picture = Image.fromarray(wall).resize((w, h), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(*MARKS))):
        x, y = rng.uniform(-0.1, 1.1) * w, rng.uniform(-0.1, 1.1) * h
        half_w, half_h = np.exp(rng.uniform(np.log(2), np.log(0.3 * w), 2))
        box = (x - half_w, y - half_h, x + half_w, y + half_h)
        ink: Any = tuple(rng.integers(0, 256, 3).tolist())
        match int(rng.integers(6)):
            case 0:
                pen.ellipse(box, fill=ink)
            case 1:
                pen.line(box, fill=ink, width=int(rng.integers(1, 7)))
            case 2:
                _grille(pen, box, ink, int(rng.integers(3, 12)), upright=bool(rng.integers(2)))
            case _:
                pen.rectangle(box, fill=ink)
    if rng.random() < 0.6:
        picture = picture.filter(ImageFilter.GaussianBlur(float(rng.exponential(1.0))))
    grain = rng.standard_normal((h, w, 1), np.float32) * np.float32(rng.uniform(0, 14) * (rng.random() < 0.5))
    made: Pixels = np.clip(np.asarray(picture) + grain, 0, 255).astype(np.uint8)
    return made


def _grille(pen: Any, box: tuple[float, float, float, float], ink: Any, period: int, upright: bool) -> None:
    """Lines side by side, as of books, blinds, a vent or a curtain."""
    left, top, right, bottom = box
    for at in range(int(left if upright else top), int(right if upright else bottom), period):
        ends = (at, top, at, bottom) if upright else (left, at, right, at)
        pen.line(ends, fill=ink, width=max(period // 2, 1))
