"""Background models of a fixed camera: what stays is background, what moves is subject; no network, no training."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any

import numpy as np

from bgflow.fixedcamera import FixedCamera
from bgflow.frame import Array
from bgflow.gaussians import Gaussians, Mixture
from bgflow.kernels import modes, mog, running
from bgflow.kernels.mogfit import CHANNELS, WORK
from bgflow.stage import Context, Param, Stage


class Subtraction(FixedCamera):
    """The parameters that both models share."""

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
    shadow_threshold: float = Param(0.5, gt=0, le=1, hot=True, description="how dark a shadow may be; 0.5 is half")

    def problems(self) -> Iterable[tuple[str, str]]:
        if self.var_min > self.var_max:
            yield "var_min", f"{self.var_min:g} is above var_max, which is {self.var_max:g}"

    @abstractmethod
    def rate(self, age: int) -> float:
        """The share of the next frame in a model of `age` frames."""

    def is_settled(self, age: int) -> bool:
        return self.rate(age) == self.rate(max(age, self.history))

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
    """Subject, shadow or background by a mixture of Gaussians per pixel; without `light`, as OpenCV's MOG2 labels it.

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

    def rate(self, age: int) -> float:
        return self.learning_rate if self.learning_rate >= 0 and age else 1 / min(2 * (age + 1), self.history)

    def update(self, image: Array, freeze: Array, label: Array, evidence: Array | None) -> None:
        mog.update(
            image,
            freeze,
            **self.model.arrays,
            work=self.ctx.scratch("work", (label.shape[0], WORK), np.float32),
            colour=self.ctx.scratch("colour", (label.shape[0], CHANNELS), np.float32),
            label=label,
            evidence=evidence,
            rate=self.rate(self.model.age),
            fade=self.complexity_reduction,
            gate=self.var_threshold_gen,
            ratio=self.background_ratio,
            **self.limits,
        )

    def picture(self, plate: Array) -> None:
        known = self.model.arrays
        modes.plate(known["modes"], known["weight"], known["gauss"], plate, self.background_ratio)


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

    def rate(self, age: int) -> float:
        return self.learning_rate if self.learning_rate >= 0 else 1 / min(age + 1, self.history)

    def update(self, image: Array, freeze: Array, label: Array, evidence: Array | None) -> None:
        rate = self.rate(self.model.age)
        running.update(
            image,
            freeze,
            **self.model.arrays,
            label=label,
            evidence=evidence,
            rate=rate,
            slow=rate * self.subject_rate,
            **self.limits,
        )

    def picture(self, plate: Array) -> None:
        running.plate(self.model.arrays["gauss"], plate)
