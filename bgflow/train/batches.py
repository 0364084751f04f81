"""Batches of samples, one after another: which is which depends on the seed and the step alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from bgflow.train.recipe import Recipe
from bgflow.train.sample import Material, Sample, Size

ECHO = 4  # steps for which a sample stays, each time augmented otherwise
Batch = tuple[Any, Any]
"""The network's input `f32[n,c,h,w]` and the truth `f32[n,1,h,w]`."""


class Batches:
    """Draws from each material in turn, augments and stacks.

    A quarter of the samples is new in each step, for to draw one takes longer than to learn from it (Choi et al.,
    "Faster neural network training with data echoing", 2019, https://arxiv.org/abs/1907.05550).
    """

    def __init__(self, recipe: Recipe, materials: Sequence[Material], count: int, seed: int):
        self.recipe, self.materials, self.count, self.seed = recipe, materials, count, seed
        self._held: dict[int, tuple[tuple[int, Size], Sample]] = {}

    def __call__(self, step: int, size: Size) -> Batch:
        """The batch of one step, of pictures of that size; the same every time."""
        samples = [self._sample(slot, (step + slot) // ECHO, size) for slot in range(self.count)]
        return stacked(self.recipe, samples, int(np.random.default_rng([self.seed, 5, step]).integers(2**62)))

    def _sample(self, slot: int, turn: int, size: Size) -> Sample:
        held = self._held.get(slot)
        if held is None or held[0] != (turn, size):
            material = self.materials[(slot + turn) % len(self.materials)]
            rng = np.random.default_rng([self.seed, 2, slot, turn])
            held = self._held[slot] = (turn, size), material.draw(rng, size, turn)
        return held[1]


def stacked(recipe: Recipe, samples: Sequence[Sample], seed: int | None) -> Batch:
    """Samples as one batch, augmented where there is a seed."""
    picture = torch.stack([_colours(s.picture) for s in samples])
    plate = torch.stack([_colours(s.plate) for s in samples if s.plate is not None]) if recipe.plates else None
    alpha = torch.from_numpy(np.stack([s.alpha for s in samples]))[:, None].float() / 255
    return recipe.normal(recipe.feed(picture, plate, alpha, seed)), alpha


def _colours(pixels: Any) -> Any:
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
