"""How far a mask is from the truth."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

Tensor = Any
EDGE = 2.0  # how much more a pixel counts whose neighbourhood the outline crosses
REACH = 9  # pixels: the side of that neighbourhood


def edged(logit: Tensor, alpha: Tensor) -> Tensor:
    """Cross entropy, in which the outline counts more, and the share of the two masks that is not common.

    The second (Milletari et al., V-Net, 3DV 2016) keeps a small subject from being outvoted by its background.
    """
    near = alpha
    for row, column in ((1, REACH), (REACH, 1)):
        near = F.avg_pool2d(near, (row, column), 1, (row // 2, column // 2), count_include_pad=False)
    weight = 1 + EDGE * 4 * near * (1 - near)
    entropy = (weight * F.binary_cross_entropy_with_logits(logit, alpha, reduction="none")).sum() / weight.sum()
    found, axes = torch.sigmoid(logit), (1, 2, 3)
    common, both = (found * alpha).sum(axes), (found + alpha).sum(axes)
    dice = 1 - (2 * common + 1) / (both + 1)
    return entropy + 0.5 * dice.mean()


def deep(maps: list[Tensor], alpha: Tensor) -> Tensor:
    """The sum of the cross entropies of all maps of 0..1: deep supervision, as U²-Net's authors train it."""
    return sum(F.binary_cross_entropy(m.clamp(0, 1), alpha) for m in maps)
