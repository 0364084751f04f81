"""Batches of samples, one after another: which is which depends on the seed and the step alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from bgflow.train.recipe import Recipe
from bgflow.train.sample import Material, Sample

Batch = tuple[Any, Any]
"""The network's input `f32[n,c,h,w]` and the truth `f32[n,1,h,w]`."""


class Batches:
    """Draws from each material in turn, augments and stacks."""

    def __init__(self, recipe: Recipe, materials: Sequence[Material], count: int, seed: int):
        self.recipe, self.materials, self.count, self.seed = recipe, materials, count, seed

    def __call__(self, step: int) -> Batch:
        """The batch of one step; the same every time."""
        rng = np.random.default_rng([self.seed, 2, step])
        samples = [self.materials[n % len(self.materials)].draw(rng, self.recipe.size) for n in range(self.count)]
        return stacked(self.recipe, samples, int(rng.integers(2**62)))


def stacked(recipe: Recipe, samples: Sequence[Sample], seed: int | None) -> Batch:
    """Samples as one batch, augmented where there is a seed."""
    picture = torch.stack([_colours(s.picture) for s in samples])
    plate = torch.stack([_colours(s.plate) for s in samples if s.plate is not None]) if recipe.plates else None
    alpha = torch.from_numpy(np.stack([s.alpha for s in samples]))[:, None].float() / 255
    return recipe.normal(recipe.feed(picture, plate, alpha, seed)), alpha


def _colours(pixels: Any) -> Any:
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
