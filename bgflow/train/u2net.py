"""U²-Netp as PyTorch modules (Qin et al., Pattern Recognition 2020, https://arxiv.org/abs/2005.09007).

The batch norms of the published weights are folded into their convolutions, as the ONNX file has them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

Tensor = Any
WIDE, NARROW = 64, 16  # channels between the blocks, and within them


class Step(nn.Module):  # type: ignore[misc]
    """A convolution whose window is spread, and its activation."""

    def __init__(self, inside: int, out: int, spread: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(inside, out, 3, padding=spread, dilation=spread)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv(x))


class Block(nn.Module):  # type: ignore[misc]
    """A residual U: `depth` steps down, each on a picture half as large, and as many up again."""

    def __init__(self, inside: int, depth: int):
        super().__init__()
        self.enter = Step(inside, WIDE)
        self.down = nn.ModuleList([Step(NARROW if n else WIDE, NARROW) for n in range(depth - 1)])
        self.bottom = Step(NARROW, NARROW, 2)
        self.up = nn.ModuleList([Step(2 * NARROW, NARROW if n else WIDE) for n in range(depth - 1)])

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x)
        kept: list[Tensor] = []
        y = x
        for step in self.down:
            y = step(halved(kept[-1]) if kept else y)
            kept.append(y)
        y = self.bottom(y)
        for n in reversed(range(len(kept))):
            y = self.up[n](torch.cat([like(y, kept[n]), kept[n]], 1))
        return y + x


class Flat(nn.Module):  # type: ignore[misc]
    """The same at one size, for what is small already: the windows are spread instead."""

    def __init__(self, inside: int):
        super().__init__()
        self.enter = Step(inside, WIDE)
        self.down = nn.ModuleList([Step(WIDE, NARROW), Step(NARROW, NARROW, 2), Step(NARROW, NARROW, 4)])
        self.bottom = Step(NARROW, NARROW, 8)
        self.up = nn.ModuleList([Step(2 * NARROW, WIDE), Step(2 * NARROW, NARROW, 2), Step(2 * NARROW, NARROW, 4)])

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x)
        kept, y = [], x
        for step in self.down:
            y = step(y)
            kept.append(y)
        y = self.bottom(y)
        for n in reversed(range(len(kept))):
            y = self.up[n](torch.cat([y, kept[n]], 1))
        return y + x


class U2Netp(nn.Module):  # type: ignore[misc]
    """From a picture, `f32[n,3,h,w]`, to its mask and the masks of six scales, each `f32[n,1,h,w]` of 0..1."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList([Block(3, 7), *(Block(WIDE, n) for n in (6, 5, 4)), Flat(WIDE), Flat(WIDE)])
        self.up = nn.ModuleList([*(Block(2 * WIDE, n) for n in (7, 6, 5, 4)), Flat(2 * WIDE)])
        self.side = nn.ModuleList([nn.Conv2d(WIDE, 1, 3, padding=1) for _ in range(6)])
        self.join = nn.Conv2d(6, 1, 1)

    def forward(self, x: Tensor) -> list[Tensor]:
        kept: list[Tensor] = []
        for block in self.down:
            kept.append(block(halved(kept[-1]) if kept else x))
        made = [kept[-1]]
        for n in reversed(range(5)):
            made.append(self.up[n](torch.cat([like(made[-1], kept[n]), kept[n]], 1)))
        sides = [like(side(y), x) for side, y in zip(self.side, reversed(made), strict=True)]
        return [torch.sigmoid(y) for y in (self.join(torch.cat(sides, 1)), *sides)]


def halved(x: Tensor) -> Tensor:
    """Half as large; an odd row or column keeps one of its own."""
    return F.max_pool2d(x, 2, 2, ceil_mode=True)


def like(x: Tensor, other: Tensor) -> Tensor:
    """As large as `other`."""
    return F.interpolate(x, size=other.shape[2:], mode="bilinear", align_corners=False)
