"""What a subject wears: any colours, stripes and patterns, and now and then those of what is behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bgflow.train.sample import Pixels, Size

CAMOUFLAGE = 0.15  # share of the subjects that wear their background's colours all over
PATCHES = 0.3  # share of those that wear them in places


def dressed(rng: np.random.Generator, colours: Any, plate: Pixels, wall: Callable[[], Pixels]) -> Any:
    """A subject's colours `f32[h,w,3]` changed, before `plate`; `wall()` gives a pattern of the plate's size."""
    size = plate.shape[0], plate.shape[1]
    if rng.random() < 0.7:
        gain, lift = np.exp(rng.uniform(-0.6, 0.5, 3)), rng.uniform(-25, 25, 3)
        dark = np.exp(-rng.uniform(0, 1.5) * (rng.random() < 0.35))
        colours = colours[..., rng.permutation(3)] * (dark * gain).astype(np.float32) + lift.astype(np.float32)
    if rng.random() < 0.4:
        pattern = wall().astype(np.float32)
        colours = colours + np.float32(rng.uniform(0.1, 0.9)) * (pattern - pattern.mean((0, 1)))
    if rng.random() < 0.2:
        colours = colours + stripes(rng, size)[..., None] * rng.uniform(-50, 50, 3).astype(np.float32)
    if rng.random() < 0.4:
        left, right = rng.uniform(0.6, 1.3, 2)
        side = np.linspace(left, right, size[1], dtype=np.float32)
        colours = colours * side[:, None]
    if rng.random() < CAMOUFLAGE:
        near = np.roll(plate, rng.integers(-20, 21, 2), (0, 1)) if rng.random() < 0.5 else plate.mean((0, 1))
        colours = colours + np.float32(rng.uniform(0.4, 0.9)) * (near.astype(np.float32) - colours)
    if rng.random() < PATCHES:
        share = patches(rng, size)[..., None] * np.float32(rng.uniform(0.5, 1))
        colours = colours + share * (plate - colours)
    return np.clip(colours, 0, 255)


def stripes(rng: np.random.Generator, size: Size) -> Any:
    """Waves of -1..1 in any direction, two to twenty in a hundred rows: `f32[h,w]`."""
    turn, sharp = rng.uniform(0, np.pi), rng.uniform(1, 4)
    waves = 2 * np.pi * np.exp(rng.uniform(np.log(2), np.log(20)))
    y, x = np.ogrid[: size[0], : size[1]]
    wave = np.sin((x * np.cos(turn) + y * np.sin(turn)) * (waves / 100) + rng.uniform(0, 6))
    return np.clip(wave * sharp, -1, 1).astype(np.float32)


def patches(rng: np.random.Generator, size: Size) -> Any:
    """Soft-edged spots, as 0..1, over a part of the picture: `f32[h,w]`."""
    from PIL import Image

    field = Image.fromarray(rng.standard_normal(tuple(rng.integers(4, 13, 2)), np.float32))
    spread = np.asarray(field.resize(size[::-1], Image.Resampling.BICUBIC))
    made: Any = np.clip((spread - np.float32(rng.uniform(-0.2, 0.8))) * np.float32(rng.uniform(2, 12)), 0, 1)
    return made
