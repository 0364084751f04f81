"""A background model of samples, for scenes that the Gaussians of `mog` find hard: leaves, shadows, early traffic."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from bgflow.fixedcamera import FixedCamera
from bgflow.frame import Array
from bgflow.gaussians import Gaussians, Host
from bgflow.kernels import looks, samples
from bgflow.kernels.lbsp import LOOK
from bgflow.kernels.looks import STATE
from bgflow.kernels.majority import RADIUS
from bgflow.kernels.tiles import LANES, tiles
from bgflow.stage import Context, Param, Stage

NEVER = 1e9  # frames
MEAN = 0.01  # of each frame in the plate: no faster than samples follow, for `light` is measured against it


class Model(Gaussians):
    """`most` looks of every pixel, and what is known of how they fit."""

    def __init__(self, ctx: Context, use: str, most: int):
        super().__init__(ctx, use)
        self.most = most

    def shapes(self, h: int, w: int) -> dict[str, tuple[tuple[int, ...], Any]]:
        return {
            "samples": ((self.most, h, tiles(w), LOOK), np.uint8),
            "state": ((h, tiles(w), STATE), np.float32),
            "was": ((h, w), np.uint8),
        }

    def reset(self) -> None:
        super().reset()
        for name in ("state", "was"):
            if name in self.arrays:
                self.arrays[name].fill(0)

    def pack(self, arrays: dict[str, Host], w: int) -> dict[str, Host]:
        return {"samples": untiled(arrays["samples"], w), "state": untiled(arrays["state"], w), "was": arrays["was"]}

    def unpack(self, planes: dict[str, Host], h: int, w: int) -> dict[str, Host]:
        stored, state, was = planes["samples"], planes["state"], planes["was"]
        fine = stored.dtype == was.dtype == np.uint8 and state.dtype == np.float32 and np.isfinite(state).all()
        shapes = (stored.shape[1:], state.shape, was.shape)
        if not fine or shapes != ((h, w, LOOK // LANES), (h, w, STATE // LANES), (h, w)) or not len(stored):
            raise ValueError("planes of another size, or not numbers")
        chosen = np.arange(self.most) % len(stored)  # a file may hold more samples, or fewer
        return {"samples": tiled(stored[chosen]), "state": tiled(state), "was": was}


def untiled(rows: Host, w: int) -> Host:
    """Pixels [...,h,w,c] from tiles [...,h,t,c*64]."""
    pixels = np.moveaxis(rows.reshape(*rows.shape[:-1], -1, LANES), -1, -2)
    return pixels.reshape(*pixels.shape[:-3], -1, pixels.shape[-1])[..., :w, :]


def tiled(pixels: Host) -> Host:
    """Tiles [...,h,t,c*64] from pixels [...,h,w,c]."""
    w, c = pixels.shape[-2:]
    padded = np.pad(pixels, [*[(0, 0)] * (pixels.ndim - 2), (0, tiles(w) * LANES - w), (0, 0)])
    rows = np.moveaxis(padded.reshape(*pixels.shape[:-2], tiles(w), LANES, c), -1, -2)
    return np.ascontiguousarray(rows).reshape(*rows.shape[:-2], -1)


class Mask(FixedCamera, Stage, use="samples.mask"):
    """Subject, shadow or background by samples of each pixel's colour and texture, in the manner of ViBe and SuBSENSE.

    It needs more time than `mog.mask` and finds more. For the first `learn` frames it takes over whatever it sees,
    afterwards what it has recognised as background, and a subject that does not move only after some `absorb` frames;
    with somebody's alpha at `freeze`, never. Where `freeze` was on from the first frame on, label is subject and plate
    black until it lets go.
    """

    samples: int = Param(20, ge=2, le=64, description="looks that are kept of each pixel")
    matches: int = Param(2, ge=1, le=8, hot=True, description="samples that must be near for a background")
    color_threshold: float = Param(
        40, gt=0, le=765, hot=True, unit="levels", description="how near, over red, green and blue together"
    )
    texture_threshold: float = Param(
        4, ge=0, le=16, hot=True, description="and in how many of sixteen neighbours the pattern may differ"
    )
    adaptation: float = Param(
        0.5, ge=0, le=10, hot=True, description="how much both thresholds grow where the background is restless"
    )
    pace: float = Param(
        8, ge=1, le=256, hot=True, unit="frames", description="from one replaced sample to the next, where all is calm"
    )
    absorb: float = Param(
        500,
        ge=0,
        le=10000,
        hot=True,
        unit="frames",
        description="from one sample of a subject that stays to the next; 0 is never",
    )
    learn: int = Param(60, ge=0, unit="frames", description="at the start, while everything counts as background")
    smooth: int = Param(
        3, ge=0, le=RADIUS, hot=True, unit="px", description="how far around a pixel its neighbours vote; 0 is no vote"
    )
    shadow_threshold: float = Param(0.6, gt=0, le=1, hot=True, description="how dark a shadow may be; 0.5 is half")
    seed: int = Param(0, ge=0, lt=2**31, description="another number draws other samples")

    def problems(self) -> Iterable[tuple[str, str]]:
        if self.matches > self.samples:
            yield "matches", f"{self.matches} is above samples, which is {self.samples}"

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        self.begin(Model(ctx, self.use, self.samples))

    def begin(self, model: Gaussians) -> None:
        super().begin(model)
        self._turn = self.model.ctx.scratch("turn", (1, 2), np.int32)
        self._turned = -1  # the frame whose number lies there

    def is_settled(self, age: int) -> bool:
        return self._turned == age and age >= self.learn and 1 / (age + 1) <= MEAN

    def replayed(self) -> None:
        super().replayed()
        self._turned += 1

    def update(self, image: Array, freeze: Array, label: Array, evidence: Array | None) -> None:
        age = self.model.age
        if self._turned != age:  # it has begun anew
            self._turn.fill(age)
        self._turned = age + 1
        samples.update(
            image,
            freeze,
            **self.model.arrays,
            turn=self._turn,
            label=label,
            evidence=evidence,
            scratch=self.ctx.scratch,
            seed=self.seed,
            need=self.matches,
            colour=self.color_threshold,
            pattern=self.texture_threshold,
            swing=self.adaptation,
            pace=self.pace,
            absorb=self.absorb or NEVER,
            mean=max(1 / (age + 1), MEAN),
            learning=age < self.learn,
            shadow=self.shadow_value if self.detect_shadows else 255,
            dark=self.shadow_threshold,
            smooth=self.smooth,
        )

    def picture(self, plate: Array) -> None:
        looks.plate(self.model.arrays["state"], plate)
