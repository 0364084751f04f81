"""Background models of a fixed camera: what stays is background, what moves is subject; no network, no training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bgflow import In, Out, Param, Stage
from bgflow.errors import UsageError
from bgflow.frame import Array
from bgflow.gaussians import Gaussians, Mixture
from bgflow.kernels import mog, running
from bgflow.kernels.label import label_alpha
from bgflow.stage import Context


class Subtraction(ABC):
    """The ports and parameters that both models share."""

    image = In("u8[h,w,3] rgb")
    label = Out("u8[h,w] label")
    alpha = Out("f32[h,w] alpha", description="1 where the label is subject; a shadow is not")
    plate = Out("u8[h,w,3] rgb", description="the background as the model sees it")

    history: int = Param(500, ge=1, hot=True, unit="frames", description="how much of the past counts")
    learning_rate: float = Param(
        -1, ge=-1, lt=1, hot=True, description="share of each frame in the model; below 0 it follows from `history`"
    )
    var_threshold: float = Param(
        16, gt=0, hot=True, description="squared distance, in variances, up to which a colour is background"
    )
    var_init: float = Param(15, gt=0, hot=True, description="variance of a Gaussian that has just begun")
    var_min: float = Param(4, gt=0, hot=True, description="no variance becomes smaller: the camera's noise")
    var_max: float = Param(75, gt=0, hot=True, description="no variance becomes larger")
    detect_shadows: bool = Param(True, hot=True, description="tell shadows on the background from the subject")
    shadow_threshold: float = Param(0.5, gt=0, le=1, hot=True, description="how dark a shadow may be; 0.5 is half")
    shadow_value: Literal[0, 127, 255] = Param(127, hot=True, description="the label of a shadow")
    load: str = Param("", description="an .npz file of `save` to go on from")
    save: str = Param("", description="an .npz file to keep the model in at the end")

    def problems(self) -> Iterable[tuple[str, str]]:
        if self.var_min > self.var_max:
            yield "var_min", f"{self.var_min:g} is above var_max, which is {self.var_max:g}"

    def begin(self, model: Gaussians) -> None:
        """Take the model, and what it saved before."""
        self.model = model
        if self.save and not Path(self.save).absolute().parent.is_dir():
            raise UsageError(f"save: {self.save}: its folder does not exist; make it first")
        if self.load:
            model.load(self.load)

    def process(self, image: Array) -> dict[str, Array]:
        h, w = image.shape[:2]
        ctx = self.model.ctx
        self.model.fit(h, w)
        label = ctx.empty("label") if ctx.wired("label") else ctx.scratch("label", (h, w), np.uint8)
        self.learn(image, label)
        self.model.age += 1
        out = {"label": label} if ctx.wired("label") else {}
        if ctx.wired("alpha"):
            out["alpha"] = ctx.empty("alpha")
            label_alpha(label, out["alpha"])
        if ctx.wired("plate"):
            out["plate"] = ctx.empty("plate")
            self.picture(out["plate"])
        return out

    @abstractmethod
    def learn(self, image: Array, label: Array) -> None:
        """One frame of the model."""

    @abstractmethod
    def picture(self, plate: Array) -> None:
        """The background as the model sees it now."""

    def close(self) -> None:
        if self.save and self.model.age:
            self.model.save(self.save)

    @property
    def limits(self) -> dict[str, Any]:
        """What both kernels want to know of colours that are background, and of shadows."""
        return {
            "reach": self.var_threshold,
            "var_init": self.var_init,
            "var_min": self.var_min,
            "var_max": self.var_max,
            "shadow": self.shadow_value if self.detect_shadows else 255,
            "tau": self.shadow_threshold,
        }


class Mask(Subtraction, Stage, use="mog.mask"):
    """Subject, shadow or background by a mixture of Gaussians per pixel; labels are those of OpenCV's MOG2.

    As there, everything counts as shadow in the first frame, and a pixel's own new colour may look like a shadow of
    itself until the old ones outweigh it.
    """

    n_mixtures: int = Param(5, ge=1, le=5, description="the most colours a pixel can have as background")
    background_ratio: float = Param(
        0.9, gt=0, le=1, hot=True, description="share of the history that the background makes up"
    )
    var_threshold_gen: float = Param(
        9,
        gt=0,
        hot=True,
        description="squared distance, in variances, beyond which a colour gets a Gaussian of its own",
    )
    complexity_reduction: float = Param(
        0.05, ge=0, le=1, hot=True, description="how soon colours that are not seen again are forgotten"
    )

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        self.begin(Mixture(ctx, self.use, self.n_mixtures))

    def learn(self, image: Array, label: Array) -> None:
        n = self.model.age + 1
        chosen = self.learning_rate >= 0 and n > 1
        mog.update(
            image,
            **self.model.arrays,
            work=self.ctx.scratch("work", (2, *label.shape), np.float32),
            label=label,
            rate=self.learning_rate if chosen else 1 / min(2 * n, self.history),
            fade=self.complexity_reduction,
            gate=self.var_threshold_gen,
            ratio=self.background_ratio,
            **self.limits,
        )

    def picture(self, plate: Array) -> None:
        mog.mog_plate(*self.model.arrays.values(), plate, self.background_ratio)


class Running(Subtraction, Stage, use="mog.running"):
    """Subject, shadow or background by one Gaussian per pixel: several times faster than `mog.mask`, for calm scenes.

    The first frame is the first background; what looks like subject is learned at `subject_rate` of the pace.
    """

    subject_rate: float = Param(
        0.05,
        ge=0,
        le=1,
        hot=True,
        description="pace, of the background's, at which a subject that stays becomes background",
    )

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        self.begin(Gaussians(ctx, self.use))

    def learn(self, image: Array, label: Array) -> None:
        n = self.model.age + 1
        rate = self.learning_rate if self.learning_rate >= 0 else 1 / min(n, self.history)
        running.update(
            image,
            **self.model.arrays,
            label=label,
            fresh=n == 1,
            rate=rate,
            slow=rate * self.subject_rate,
            **self.limits,
        )

    def picture(self, plate: Array) -> None:
        running.running_plate(*self.model.arrays.values(), plate)
