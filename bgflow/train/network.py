"""The plate network: what is in the picture and not on the plate, in about 50,000 parameters.

Picture and plate go through the same encoder, of depthwise separable convolutions (Howard et al., MobileNets, 2017,
https://arxiv.org/abs/1704.04861). At every scale the distance of their features is what differs (as in Daudt et al.,
"Fully convolutional siamese networks for change detection", ICIP 2018); a light U-shaped decoder makes the mask of it.
A vector of means over the whole picture tells the decoder what light and camera changed everywhere.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

CHANNELS = (16, 32, 48, 56)  # at a half, a quarter, an eighth and a sixteenth of the input
BIAS = -1.0  # of the logit at the beginning: most of a picture is background
Tensor = Any


class Separable(nn.Module):  # type: ignore[misc]
    """A depthwise convolution, a pointwise one, and their input added where it has the shape of the result."""

    def __init__(self, inside: int, out: int, size: int = 3, stride: int = 1):
        super().__init__()
        self.residual = inside == out and stride == 1
        self.depth = nn.Conv2d(inside, inside, size, stride, size // 2, groups=inside, bias=False)
        self.point = nn.Conv2d(inside, out, 1, bias=False)
        self.depth_norm, self.norm = nn.BatchNorm2d(inside), nn.BatchNorm2d(out)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.point(self.depth_norm(self.depth(x))))
        return F.relu(x + y if self.residual else y)


class Point(nn.Module):  # type: ignore[misc]
    """A convolution that mixes the channels of each pixel; `bent` is whether what is negative becomes zero."""

    def __init__(self, inside: int, out: int, bent: bool = True):
        super().__init__()
        self.bent = bent
        self.point, self.norm = nn.Conv2d(inside, out, 1, bias=False), nn.BatchNorm2d(out)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.point(x))
        return F.relu(y) if self.bent else y


class Encoder(nn.Module):  # type: ignore[misc]
    """A picture, `f32[n,3,h,w]`, as features at four scales."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = CHANNELS
        self.stem, self.norm = nn.Conv2d(3, a, 3, 2, 1, bias=False), nn.BatchNorm2d(a)
        self.quarter = nn.Sequential(Separable(a, b, stride=2), Separable(b, b))
        self.eighth = nn.Sequential(Separable(b, c, stride=2), Separable(c, c))
        self.sixteenth = nn.Sequential(Separable(c, d, stride=2), Separable(d, d))

    def forward(self, x: Tensor) -> list[Tensor]:
        half = F.relu(self.norm(self.stem(x)))
        quarter = self.quarter(half)
        eighth = self.eighth(quarter)
        return [half, quarter, eighth, self.sixteenth(eighth)]


class Plate(nn.Module):  # type: ignore[misc]
    """From a picture and its plate, `f32[n,6,h,w]`, to the logit of the subject, `f32[n,1,h,w]`; sides in 16ths."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = CHANNELS
        self.encoder = Encoder()
        self.whole = nn.Conv2d(2 * d, d, 1)
        self.join = Point(2 * d, d)
        self.context = nn.Sequential(Separable(d, d, 5), Separable(d, d, 5))
        self.to_eighth = nn.Sequential(Point(d + 2 * c, c), Separable(c, c))
        self.to_quarter = nn.Sequential(Point(c + 2 * b, b), Separable(b, b), Point(b, a, bent=False))
        self.to_half = nn.Sequential(Point(3 * a, a), Separable(a, a))
        self.head = nn.ConvTranspose2d(a, 1, 2, 2)
        nn.init.constant_(self.head.bias, BIAS)

    def forward(self, pair: Tensor) -> Tensor:
        n = pair.shape[0]
        both = self.encoder(torch.cat([pair[:, :3], pair[:, 3:]]))
        seen = [torch.cat([torch.abs(f[:n] - f[n:]), f[:n]], 1) for f in both]
        x = F.relu(self.join(seen[3]) + self.whole(seen[3].mean((2, 3), keepdim=True)))
        x = self.context(x)
        for refine, found in ((self.to_eighth, seen[2]), (self.to_quarter, seen[1]), (self.to_half, seen[0])):
            x = refine(torch.cat([_twice(x), found], 1))
        return self.head(x)


def _twice(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
