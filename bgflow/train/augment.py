"""What lies between a plate and a later picture of the same scene, done to both of them at random.

The camera sets its exposure and its white balance anew and sharpens, the light changes in a part of the room, the
subject throws a shadow, the tripod is touched, a curtain sways, the sensor makes noise, the lens focuses: none of that
is a subject, and the truth stays as it is. All is drawn from one generator, so the same seed gives the same batch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

Tensor = Any
ROWS = 240  # of the picture for which the lengths below are meant
SHIFT = 2.5  # pixels that the plate may lie beside the picture, at most
SWAY = 8.0  # pixels by which a part of it may, at most
FOLD = 0.4  # share of its light that this may add or take, at most
NOISE = 0.05  # standard deviation of the strongest noise, of 1


class Dice:
    """Random numbers for a batch of `n`; of all that may happen, each sample gets its own share."""

    def __init__(self, n: int, seed: int):
        self.n = n
        self.generator = torch.Generator().manual_seed(seed)

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Numbers of `f32[n,*shape]`, or of `f32[n,1,1,1]`."""
        return low + (high - low) * torch.rand(self.n, *(shape or (1, 1, 1)), generator=self.generator)

    def normal(self, *shape: int) -> Tensor:
        """Normal numbers of `f32[n,*shape]`."""
        return torch.randn(self.n, *shape, generator=self.generator)

    def happens(self, chance: float) -> Tensor:
        """1 in that share of the samples, else 0: `f32[n,1,1,1]`."""
        return (self.uniform(0, 1) < chance).float()


def pair(picture: Tensor, plate: Tensor, alpha: Tensor, seed: int) -> Tensor:
    """Picture and plate, both `f32[n,3,h,w]` of 0..1, changed apart from each other, as `f32[n,6,h,w]`.

    `alpha`, `f32[n,1,h,w]`, tells where shadows cannot fall.
    """
    dice = Dice(picture.shape[0], seed)
    scene = muted(dice, torch.stack([picture, plate]))
    both = exposed(dice, scene, 0.4, 0.1, 0.05, 0.7)  # how the camera was set when the plate was taken
    picture, plate = both[0], moved(dice, both[1])
    picture = picture * shadow(dice, alpha) * daylight(dice, alpha)
    picture = exposed(dice, picture, 0.35, 0.08, 0.04, 0.75)  # and how it set itself since
    picture, plate = focused(dice, picture), focused(dice, plate)
    picture, plate = grainy(dice, picture, NOISE), grainy(dice, plate, NOISE / 2)
    return torch.cat([picture, plate], 1).clamp_(0, 1)


def single(picture: Tensor, seed: int) -> Tensor:
    """A picture `f32[n,3,h,w]` of 0..1 that was taken otherwise."""
    dice = Dice(picture.shape[0], seed)
    picture = exposed(dice, picture, 0.4, 0.08, 0.04, 0.7)
    return grainy(dice, focused(dice, picture), NOISE / 2).clamp_(0, 1)


def exposed(dice: Dice, x: Tensor, stops: float, tint: float, lift: float, chance: float) -> Tensor:
    """Another exposure, white balance, black level and tone curve."""
    gain = torch.exp(dice.uniform(-stops, stops) + dice.uniform(-tint, tint, 3, 1, 1))
    does = dice.happens(chance)
    gain, add = 1 + does * (gain - 1), does * dice.uniform(-lift, lift, 3, 1, 1)
    x = (x * gain + add).clamp_(0, 1)
    return torch.addcmul(x, does * dice.uniform(-0.25, 0.25) * x, 1 - x)


def muted(dice: Dice, x: Tensor) -> Tensor:
    """Paler colours, down to grey, in most: rooms have few that are pure."""
    return torch.lerp(x, x.mean(-3, keepdim=True), dice.happens(0.7) * dice.uniform(0, 0.95))


def daylight(dice: Dice, like: Tensor) -> Tensor:
    """Light that changes smoothly over the scene, as a factor."""
    field = torch.exp(0.16 * dice.happens(0.4) * dice.normal(1, 3, 4))
    return smooth(field, like.shape[2:]).clamp_(0.6, 1.6)


def smooth(field: Tensor, size: tuple[int, int]) -> Tensor:
    """A few numbers spread over a picture without creases."""
    coarse = F.interpolate(field, (max(size[0] // 8, 2), max(size[1] // 8, 2)), mode="bicubic", align_corners=True)
    return F.interpolate(coarse, size, mode="bilinear", align_corners=True)


def shadow(dice: Dice, alpha: Tensor) -> Tensor:
    """The subject's shadow on what is behind it, as a factor: its shape, moved, softened and dark at random."""
    dark = dice.uniform(0.1, 0.55) * dice.happens(0.5)
    soft = F.avg_pool2d(alpha, 8, 8)
    theta = torch.eye(2, 3).repeat(alpha.shape[0], 1, 1)
    theta[:, :, 2] = dice.uniform(-0.25, 0.25, 2)
    theta[:, :, :2] *= dice.uniform(0.8, 1.25, 1, 1)
    grid = F.affine_grid(theta, soft.shape, align_corners=False)
    cast = F.interpolate(F.grid_sample(soft, grid, align_corners=False), alpha.shape[2:], mode="bilinear")
    sharp = dice.uniform(1, 4)  # from half shade to an edge
    return 1 - dark * (0.5 + (cast - 0.5) * sharp).clamp(0, 1) * (1 - alpha)


def moved(dice: Dice, plate: Tensor) -> Tensor:
    """The plate as a camera sees it that was pushed a little: by `SHIFT` pixels, half a degree, six thousandths.

    In some of them a part of it, as of a curtain, lies up to `SWAY` pixels elsewhere, and folds otherwise.
    """
    n, _, h, w = plate.shape
    does = dice.happens(0.6).reshape(n, 1)
    reach = does * SHIFT * h / ROWS
    turn, zoom = (does * dice.uniform(-0.008, 0.008, 1)).reshape(n), 1 + (does * dice.uniform(-0.006, 0.006, 1))[:, 0]
    offset = reach * dice.uniform(-1, 1, 2) * torch.tensor([2 / w, 2 / h])
    theta = torch.stack([zoom, -turn * h / w, offset[:, 0], turn * w / h, zoom, offset[:, 1]], 1).reshape(n, 2, 3)
    grid = F.affine_grid(theta, plate.shape, align_corners=False)
    folds = swaying(dice, (h, w))
    grid = grid + (SWAY * h / ROWS) * folds.permute(0, 2, 3, 1) * torch.tensor([2 / w, 1 / h])
    plate = plate * (1 + FOLD * folds[:, :1])
    return F.grid_sample(plate, grid, padding_mode="border", align_corners=False)


def swaying(dice: Dice, size: tuple[int, int]) -> Tensor:
    """How far a part of the picture moved, to the right and down, as shares of -1..1: `f32[n,2,h,w]`."""
    part = smooth(2 * dice.normal(1, 3, 4), size).clamp_(0, 1)
    return dice.happens(0.4) * dice.uniform(0, 1) * part * smooth(dice.normal(2, 3, 8), size).clamp_(-1, 1)


def focused(dice: Dice, x: Tensor) -> Tensor:
    """A little out of focus, or sharpened, in some."""
    wide = F.pad(x, (1, 1, 1, 1), mode="replicate")
    rows = wide[:, :, :-2] + wide[:, :, 2:] + 2 * wide[:, :, 1:-1]
    soft = (rows[..., :-2] + rows[..., 2:] + 2 * rows[..., 1:-1]) / 16
    return torch.lerp(x, soft, dice.happens(0.5) * dice.uniform(-0.8, 1))


def grainy(dice: Dice, x: Tensor, strongest: float) -> Tensor:
    """The sensor's noise, as fine as a pixel or, as a codec leaves it, in spots two to four pixels wide."""
    c, h, w = x.shape[1:]
    spots = int(torch.randint(2, 5, (), generator=dice.generator))
    fine, coarse = dice.normal(c, h, w), dice.normal(c, -(-h // spots), -(-w // spots))
    coarse = F.interpolate(coarse, (h, w), mode="nearest")
    strength = strongest * dice.uniform(0, 1) ** 2
    return x + strength * torch.lerp(fine, coarse, dice.happens(0.5))
