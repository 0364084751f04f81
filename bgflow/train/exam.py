"""Samples that are never trained on, and how well a network does on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from bgflow.train.batches import ECHO, Batches
from bgflow.train.recipe import Recipe
from bgflow.train.sample import Material

COUNT = 64  # samples
AT_ONCE = 16


@dataclass(frozen=True)
class Mark:
    """Mean loss, and the IoU of the masks at a half over the pixels of all samples together."""

    loss: float
    iou: float


class Exam:
    """The same samples, augmented in the same way, each time; they take about 0.6 MB each."""

    def __init__(self, recipe: Recipe, materials: Sequence[Material], seed: int, count: int = COUNT):
        self.recipe = recipe
        batches = Batches(recipe, materials, min(count, AT_ONCE), seed + 1)
        self.batches = [batches(n * ECHO, recipe.size()) for n in range(-(-count // AT_ONCE))]

    def mark(self, network: Any) -> Mark:
        """The network's mark; leaves it as it was, ready to be trained."""
        network.eval()
        loss = both = either = 0.0
        with torch.inference_mode():
            for x, alpha in self.batches:
                answer = network(x)
                loss += float(self.recipe.loss(answer, alpha))
                found, true = self.recipe.mask(answer) > 0.5, alpha > 0.5
                both += int((found & true).sum())
                either += int((found | true).sum())
        network.train()
        return Mark(loss / len(self.batches), both / max(either, 1))

    def threshold(self) -> tuple[int, float]:
        """The one level of |picture - plate|, of 255, that does best on these very samples, and its IoU."""
        std = max(self.recipe.layout.std)
        apart = torch.cat([(x[:, :3] - x[:, 3:]).abs().amax(1) for x, _ in self.batches]).numpy() * std * 255
        true = torch.cat([a for _, a in self.batches]).numpy()[:, 0] > 0.5
        return best_threshold(apart, true)


def best_threshold(apart: Any, true: Any) -> tuple[int, float]:
    """The level from which on a difference of 0..255 is best called subject, and the IoU that this gives."""
    bins = np.arange(257)
    subject = np.histogram(apart[true], bins)[0][::-1].cumsum()[::-1]  # how many there are from each level on
    other = np.histogram(apart[~true], bins)[0][::-1].cumsum()[::-1]
    iou = subject / np.maximum(other + true.sum(), 1)
    level = int(np.argmax(iou))
    return level, float(iou[level])
