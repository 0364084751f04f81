"""Subjects that need no file: people and shapes of `synth.source` with their exact outline, in any dress."""

from __future__ import annotations

from typing import Any

import numpy as np

from bgflow.train.sample import Pixels, Size

SHAPES = ("person", "person", "person", "ellipse", "disc")
SIZES = (1.0, 0.8, 0.6, 0.45, 0.35)
STEPS = 300  # frames of a scene, for its poses


def cutout(rng: np.random.Generator, size: Size) -> Pixels:
    """One subject as RGBA `u8[h,w,4]`, its colours unmixed and black outside."""
    from bgflow.stages.synth import Source
    from bgflow.testing import opened

    h, w = size
    scene = Source(
        width=w,
        height=h,
        seed=int(rng.integers(2**31)),
        shape=SHAPES[int(rng.integers(len(SHAPES)))],
        size=float(rng.choice(SIZES)),
        edge=float(rng.choice([0, 0, 1, 3])),
        hair=float(rng.choice([0, 0, 0.4, 0.8])),
        background="flat",
    )
    with opened(scene, wired={"foreground", "alpha"}) as source:
        stage: Any = source.stage
        made = stage.render(int(rng.integers(STEPS)))
        alpha = np.rint(made["alpha"] * 255).astype(np.uint8)
        out: Pixels = np.dstack([made["foreground"], alpha])
    return out
