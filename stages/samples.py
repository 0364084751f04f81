"""A background model of samples, for scenes that the Gaussians of `mog` find hard: leaves, shadows, early traffic."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

from bgflow.errors import UsageError
from bgflow.frame import Array
from bgflow.gaussians import Gaussians, Host
from bgflow.kernels import samples
from bgflow.kernels.figure import mix
from bgflow.kernels.label import label_alpha
from bgflow.kernels.lbsp import LOOK
from bgflow.kernels.majority import RADIUS
from bgflow.kernels.mog import LANES, tiles
from bgflow.port import In, Out
from bgflow.stage import Context, Param, Stage

NEVER = 1e9  # frames
MEAN = 0.03  # of each frame in the plate


class Model(Gaussians):
    """`most` looks of every pixel, and what is known of how they fit."""

    def __init__(self, ctx: Context, use: str, most: int):
        super().__init__(ctx, use)
        self.most = most

    def shapes(self, h: int, w: int) -> dict[str, tuple[tuple[int, ...], Any]]:
        return {
            "samples": ((self.most, h, tiles(w), LOOK), np.uint8),
            "state": ((h, tiles(w), samples.STATE), np.float32),
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
        looks, state, was = planes["samples"], planes["state"], planes["was"]
        fine = looks.dtype == was.dtype == np.uint8 and state.dtype == np.float32 and np.isfinite(state).all()
        shapes = (looks.shape[1:], state.shape, was.shape)
        if not fine or shapes != ((h, w, LOOK // LANES), (h, w, samples.STATE // LANES), (h, w)) or not len(looks):
            raise ValueError("planes of another size, or not numbers")
        chosen = np.arange(self.most) % len(looks)  # a file may hold more samples, or fewer
        return {"samples": tiled(looks[chosen]), "state": tiled(state), "was": was}


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


class Mask(Stage, use="samples.mask"):
    """Subject, shadow or background by samples of each pixel's colour and texture, in the manner of ViBe and SuBSENSE.

    It needs more time than `mog.mask` and finds more. For the first `learn` frames it takes over whatever it sees,
    afterwards what it has recognised as background, and a subject that does not move only after some `absorb` frames;
    with somebody's alpha at `freeze`, never. Where `freeze` was on from the first frame on, label is subject and plate
    black until it lets go.
    """

    image = In("u8[h,w,3] rgb")
    freeze = In(
        "f32[h,w] alpha",
        hold=True,
        optional=True,
        description="nothing is learned where it is above 0.1: the subject as a network sees it",
    )
    label = Out("u8[h,w] label")
    alpha = Out("f32[h,w] alpha", description="1 where the label is subject; a shadow is not")
    plate = Out("u8[h,w,3] rgb", description="the background as the model sees it")

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
    detect_shadows: bool = Param(True, hot=True, description="tell shadows on the background from the subject")
    shadow_threshold: float = Param(0.6, gt=0, le=1, hot=True, description="how dark a shadow may be; 0.5 is half")
    shadow_value: Literal[0, 127, 255] = Param(127, hot=True, description="the label of a shadow")
    seed: int = Param(0, ge=0, lt=2**31, description="another number draws other samples")
    load: str = Param("", description="an .npz file of `save` to go on from")
    save: str = Param("", description="an .npz file to keep the model in at the end")

    def problems(self) -> Any:
        if self.matches > self.samples:
            yield "matches", f"{self.matches} is above samples, which is {self.samples}"

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        self.model = Model(ctx, self.use, self.samples)
        if self.save and not Path(self.save).absolute().parent.is_dir():
            raise UsageError(f"save: {self.save}: its folder does not exist; make it first")
        if self.load:
            self.model.load(self.load)

    def process(self, image: Array, freeze: Array | None) -> dict[str, Array]:
        h, w = image.shape[:2]
        ctx, model = self.ctx, self.model
        model.fit(h, w)
        label = ctx.empty("label") if ctx.wired("label") else ctx.scratch("label", (h, w), np.uint8)
        samples.update(
            image,
            self._nowhere(h, w) if freeze is None else freeze,
            **model.arrays,
            label=label,
            scratch=ctx.scratch,
            key=mix(mix(self.seed) + model.age) >> 1,
            need=self.matches,
            colour=self.color_threshold,
            pattern=self.texture_threshold,
            swing=self.adaptation,
            pace=self.pace,
            absorb=self.absorb or NEVER,
            mean=max(1 / (model.age + 1), MEAN),
            learning=model.age < self.learn,
            shadow=self.shadow_value if self.detect_shadows else 255,
            dark=self.shadow_threshold,
            smooth=self.smooth,
        )
        model.age += 1
        out = {"label": label} if ctx.wired("label") else {}
        if ctx.wired("alpha"):
            out["alpha"] = ctx.empty("alpha")
            label_alpha(label, out["alpha"])
        if ctx.wired("plate"):
            out["plate"] = ctx.empty("plate")
            samples.samples_plate(model.arrays["state"], out["plate"])
        return out

    def _nowhere(self, h: int, w: int) -> Array:
        """A matte that freezes nothing."""
        nowhere = self.ctx.scratch("nowhere", (h, w), np.float32)
        nowhere.fill(0)
        return nowhere

    def close(self) -> None:
        if self.save and self.model.age:
            self.model.save(self.save)
