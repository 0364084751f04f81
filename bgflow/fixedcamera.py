"""What the background models of a fixed camera have in common: their ports, and a frame's way in and out of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable
from pathlib import Path
from typing import Literal

import numpy as np

from bgflow.errors import UsageError
from bgflow.frame import Array
from bgflow.gaussians import Gaussians
from bgflow.kernels import box
from bgflow.kernels.label import label_alpha, label_evidence
from bgflow.motion import LOOKS
from bgflow.port import In, Out
from bgflow.relight import Relight
from bgflow.stage import Param
from bgflow.steady import Steady


class FixedCamera(ABC):
    """A background model as a stage, but for the model itself.

    A picture is moved to the place of the model's own (`shake`) and brought into its light (`light`), then labelled and
    learned from, but for the places where `freeze` says that a subject is: there nothing is learned, so whoever sits
    still is never absorbed, and what was never seen without a subject is subject. What comes out is where the camera
    sees it, but for the plate.
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
    evidence = Out(
        "f32[h,w]", description="how sure it is that a pixel is no background, 0..1: a half or more is subject"
    )
    plate = Out("u8[h,w,3] rgb", description="the background as the model sees it, in the picture's light")

    light: bool = Param(
        True, hot=True, description="take out changes of exposure and white balance before the model sees them"
    )
    shake: bool = Param(
        False, hot=True, description="hold a shaking camera still; after a pan the background is learned anew"
    )
    margin: float = Param(
        1.0, ge=0, le=10, unit="%", hot=True, description="of the height: how far around `freeze` nothing is learned"
    )
    detect_shadows: bool = Param(True, hot=True, description="tell shadows on the background from the subject")
    shadow_value: Literal[0, 127, 255] = Param(127, hot=True, description="the label of a shadow")
    load: str = Param("", description="an .npz file of `save` to go on from")
    save: str = Param("", description="an .npz file to keep the model in at the end")

    def begin(self, model: Gaussians) -> None:
        """Take the model, and what it saved before."""
        self.model = model
        self.relight, self.steady = Relight(model.ctx), Steady(model.ctx)
        self._clear: Array | None = None  # the matte that is already empty
        if self.save and not Path(self.save).absolute().parent.is_dir():
            raise UsageError(f"save: {self.save}: its folder does not exist; make it first")
        if self.load:
            model.load(self.load)

    def process(self, image: Array, freeze: Array | None) -> dict[str, Array]:
        h, w = image.shape[:2]
        ctx, model = self.model.ctx, self.model
        model.fit(h, w)
        out = {name: ctx.empty(name) for name in ("label", "alpha", "evidence", "plate") if ctx.wired(name)}
        label = out["label"] if "label" in out else ctx.scratch("label", (h, w), np.uint8)
        held = self._nowhere(h, w) if freeze is None else self._around(freeze)
        known = self._picture(h, w) if model.age and (self.light or self.shake) else None
        if known is not None and self.shake:
            seen = self.steady.align(image, known, None if freeze is None else held)
            if self.steady.moved:
                ctx.warn("the camera moved: the background is learned anew")
                model.reset()
        if model.age == 0:
            self.relight.reset()
            self.steady.reset()
            known = None
        if known is not None and self.shake:
            there = ctx.scratch("label there", (h, w), np.uint8)
            sure = ctx.scratch("evidence there", (h, w), np.float32) if "evidence" in out else None
            self._learn(seen, known, self.steady.ahead(held), there, sure)
            self.steady.back(there, label)
            if sure is not None:
                self.steady.back_alpha(sure, out["evidence"])
        else:
            self._learn(image, known, held, label, out.get("evidence"))
        if "alpha" in out:
            label_alpha(label, out["alpha"])
        if "evidence" in out:
            label_evidence(label, out["evidence"])
        if "plate" in out and self.light:
            self.relight.redo(self._picture(h, w), out["plate"])
        elif "plate" in out:
            self.picture(out["plate"])
        return out

    def _learn(self, image: Array, known: Array | None, held: Array, label: Array, evidence: Array | None) -> None:
        """One frame, at the model's place; `known` is the background before it."""
        if self.light and known is not None:
            image = self.relight.undo(image, known, held)
        self.update(image, held, label, evidence)
        self.model.age += 1

    def copies(self) -> tuple[int, int]:
        """None, but for `shake`, whose motion is worked out on the host: one to there while the camera is calm."""
        return 0, LOOKS if self.shake else 0

    def launches(self) -> Hashable | None:
        return () if self.model.age and self.is_settled(self.model.age) and not self.shake else None

    def replayed(self) -> None:
        self.model.age += 1

    @abstractmethod
    def is_settled(self, age: int) -> bool:
        """Whether a model of `age` frames learns the next one with the same numbers as all that follow."""

    @abstractmethod
    def update(self, image: Array, freeze: Array, label: Array, evidence: Array | None) -> None:
        """One frame of the model; `evidence`, if it is wanted, is a half where a pixel just is background."""

    @abstractmethod
    def picture(self, plate: Array) -> None:
        """The background as the model sees it now."""

    def close(self) -> None:
        if self.save and self.model.age:
            self.model.save(self.save)

    def _picture(self, h: int, w: int) -> Array:
        """The background in memory of its own."""
        plate = self.model.ctx.scratch("plate", (h, w, 3), np.uint8)
        self.picture(plate)
        return plate

    def _nowhere(self, h: int, w: int) -> Array:
        """A matte that freezes nothing."""
        nowhere = self.model.ctx.scratch("nowhere", (h, w), np.float32)
        if nowhere is not self._clear:
            nowhere.fill(0)
            self._clear = nowhere
        return nowhere

    def _around(self, freeze: Array) -> Array:
        """Where a subject is, or is near."""
        reach = round(self.margin / 100 * freeze.shape[0]) or int(self.margin > 0)
        if not reach:
            return freeze
        held, between = (self.model.ctx.scratch(name, (1, *freeze.shape), np.float32) for name in ("held", "between"))
        box.mean(freeze[None], held, reach, between)
        return held[0]
