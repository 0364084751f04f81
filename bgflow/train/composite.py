"""Composites of cut-outs on backgrounds, made on the fly: the truth is exact, and no two are the same."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bgflow.train import backdrops, cutouts
from bgflow.train.dress import dressed
from bgflow.train.sample import Pixels, Sample, Size

POOL = 1000
"""Cut-outs and backgrounds that are rendered, each when it is first wanted; crops, poses and colours vary them."""
FIRST = 40  # of them from the first sample on; each turn adds one, for to render them takes time
CUTOUT: Size = (240, 320)
BACKDROP: Size = (288, 384)
EMPTY = 0.08  # share of the samples with nobody in it
NEAR = 0.4  # share of the subjects that come up from the picture's lower edge, as those before a webcam do

Make = Callable[[int], Pixels]


class Composites:
    """Gives pictures of cut-outs `u8[h,w,4]` before backgrounds `u8[h,w,3]`, and those backgrounds as plates.

    `cutout(i)` and `backdrop(i)` give the i-th of `counts`.
    """

    def __init__(self, cutout: Make, backdrop: Make, counts: tuple[int, int] = (POOL, POOL)):
        self._cutout, self._backdrop, self._counts = cutout, backdrop, counts

    def draw(self, rng: np.random.Generator, size: Size, turn: int) -> Sample:
        plate = self._wall(rng, size, turn)
        picture, alpha = plate.astype(np.float32), np.zeros(size, np.float32)
        for _ in range(0 if rng.random() < EMPTY else int(rng.choice([1, 1, 1, 2, 3]))):
            subject = self._placed(rng, size, turn)
            cover = subject[..., 3:].astype(np.float32) / 255
            dress = dressed(rng, subject[..., :3].astype(np.float32), plate, lambda: self._wall(rng, size, turn))
            picture += cover * (dress - picture)
            alpha += cover[..., 0] * (1 - alpha)
        return Sample(_levels(picture), plate, _levels(alpha * 255))

    def _wall(self, rng: np.random.Generator, size: Size, turn: int) -> Pixels:
        """A part of a background, perhaps seen in a mirror."""
        return cropped(rng, size, 0.55, self._backdrop(_chosen(rng, self._counts[1], turn)))[0]

    def _placed(self, rng: np.random.Generator, size: Size, turn: int) -> Pixels:
        """A cut-out turned, scaled and put somewhere."""
        from PIL import Image

        h, w = size
        subject = Image.fromarray(self._cutout(_chosen(rng, self._counts[0], turn)))
        if rng.random() < 0.5:
            subject = subject.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        wide, high = subject.size
        if rng.random() < NEAR:
            times, angle = np.exp(rng.uniform(-0.2, 0.9)), rng.normal(0, 0.08)
            y = h * (1 - times / 2 + times * abs(rng.normal(0.05, 0.15)))
        else:
            times = np.exp(rng.uniform(-0.5, 0.5))
            angle = rng.normal(0, 0.12) if rng.random() < 0.85 else rng.uniform(0, 2 * np.pi)
            y = h * (0.5 + rng.normal(0, 0.12))
        x, scale = w * (0.5 + rng.normal(0, 0.22)), high / h / times
        c, s = scale * np.cos(angle), scale * np.sin(angle)
        affine = (c, s, wide / 2 - c * x - s * y, -s, c, high / 2 + s * x - c * y)
        moved = subject.transform((w, h), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)
        return np.asarray(moved)


def _chosen(rng: np.random.Generator, count: int, turn: int) -> int:
    return int(rng.integers(min(count, FIRST + turn)))


def cropped(rng: np.random.Generator, size: Size, least: float, *pictures: Pixels) -> list[Pixels]:
    """The same random part, of at least that share of each side, of pictures of one shape; all mirrored, or none."""
    from PIL import Image

    share = rng.uniform(least, 1)
    top, left = rng.uniform(0, 1 - share, 2)
    mirror = rng.random() < 0.5
    out = []
    for picture in pictures:
        h, w = picture.shape[:2]
        box = (left * w, top * h, (left + share) * w, (top + share) * h)
        part = np.array(Image.fromarray(picture).resize(size[::-1], Image.Resampling.BILINEAR, box))
        out.append(np.ascontiguousarray(part[:, ::-1]) if mirror else part)
    return out


def synthetic(seed: int, held_out: bool = False) -> Composites:
    """Composites of bgflow's own cut-outs and backgrounds; those `held_out` share none of them with the others."""

    @functools.cache
    def cutout(i: int) -> Pixels:
        return cutouts.cutout(np.random.default_rng([seed, held_out, 0, i]), CUTOUT)

    @functools.cache
    def backdrop(i: int) -> Pixels:
        return backdrops.backdrop(np.random.default_rng([seed, held_out, 1, i]), BACKDROP, held_out)

    return Composites(cutout, backdrop)


def of_files(subjects: Sequence[Path], scenes: Sequence[Path]) -> Composites:
    """Composites of RGBA pictures on pictures; read when they are first wanted, and brought to a common size."""
    from PIL import Image, ImageOps

    @functools.cache
    def cutout(i: int) -> Pixels:
        with Image.open(subjects[i]) as file:
            return np.asarray(ImageOps.pad(file.convert("RGBA"), CUTOUT[::-1]))

    @functools.cache
    def backdrop(i: int) -> Pixels:
        with Image.open(scenes[i]) as file:
            return np.asarray(ImageOps.fit(file.convert("RGB"), BACKDROP[::-1]))

    return Composites(cutout, backdrop, (len(subjects), len(scenes)))


def _levels(values: Any) -> Pixels:
    rounded: Pixels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return rounded
