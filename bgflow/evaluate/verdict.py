"""The verdict on one piece of footage: what each result was worth, and what that comes to."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from bgflow.errors import BgflowError
from bgflow.evaluate import mattes, stills
from bgflow.evaluate.cases import APART, Record
from bgflow.evaluate.cdnet import MOVING, SHADOW, Counts
from bgflow.evaluate.footage import Footage, Matte, Sample
from bgflow.evaluate.motion import Motion


class Verdict(Protocol):
    """Collects the results of one piece of footage, in order."""

    frames: list[dict[str, Any]]
    record: Record

    def add(self, sample: Sample, alpha: Matte) -> None:
        """One result; the sample has a truth, and the alpha is the verdict's to keep."""
        ...

    def figures(self) -> dict[str, float]:
        """The measures over all of it; one that could not be taken is absent."""
        ...


def verdict(footage: Footage) -> Verdict:
    """The kind of verdict that the footage is due."""
    return Labelled() if footage.kind == "cdnet" else Matted(footage.kind == "video")


class Matted:
    """Mattes against true alphas; `video` adds what needs the order of the frames."""

    def __init__(self, video: bool) -> None:
        self.frames: list[dict[str, Any]] = []
        self.record = Record(APART if video else 1)
        self._counts = Counts()
        self._saliency = stills.Saliency()
        self._motion = Motion() if video else None

    def add(self, sample: Sample, alpha: Matte) -> None:
        truth = same_size(sample, alpha)
        found, true = alpha >= 0.5, truth >= 0.5
        self._counts += Counts.of(found, true * np.uint8(MOVING))
        if true.any():
            of = {
                "iou": stills.iou(found, true),
                "boundary_f": stills.boundary_f(found, true),
                "mae": float(np.abs(alpha - truth).mean(dtype=np.float64)),
                "sad": mattes.sad(alpha, truth),
                "mse": mattes.mse(alpha, truth),
                "gradient": mattes.gradient(alpha, truth),
                "connectivity": mattes.connectivity(alpha, truth),
            }
            self._saliency.add(np.clip(alpha, 0, 1), true)
            self.record.add(sample, of["iou"], truth, alpha)
        else:
            of = {"empty": 100 * float(found.mean())}
            self.record.add(sample, 1 - of["empty"] / 100, truth, alpha)
        if self._motion:
            self._motion.add(alpha, truth)
        self.frames.append({"name": sample.name, **of})

    def figures(self) -> dict[str, float]:
        names = ("iou", "boundary_f", "mae", "sad", "mse", "gradient", "connectivity", "empty")
        per = {n: [f[n] for f in self.frames if n in f] for n in names}
        out = {n: float(np.mean(v)) for n, v in per.items() if v}
        if per["iou"]:
            out |= {"map": stills.mean_ap(per["iou"]), **self._saliency.figures()}
            out["f_pixels"] = self._counts.figures()["f"]
        return out | (self._motion.figures() if self._motion else {})


class Labelled:
    """Masks against CDnet's labels: all frames' pixels are counted together."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.record = Record(APART)
        self._counts = Counts()

    def add(self, sample: Sample, alpha: Matte) -> None:
        truth = same_size(sample, alpha)
        counts = Counts.of(alpha >= 0.5, truth)
        self._counts += counts
        self.frames.append({"name": sample.name, **counts.figures()})
        if counts.tp + counts.fn:
            shown = np.where(
                truth == MOVING, np.float32(1), np.where(truth <= SHADOW, np.float32(0), np.float32("nan"))
            )
            self.record.add(sample, counts.figures()["f"], shown, alpha)

    def figures(self) -> dict[str, float]:
        return self._counts.figures()


def same_size(sample: Sample, alpha: Matte) -> np.ndarray[Any, Any]:
    """The sample's truth; raises BgflowError when the result is of another size."""
    assert sample.truth is not None
    (h, w), (m, n) = sample.truth.shape, alpha.shape
    if (h, w) != (m, n):
        raise BgflowError(f"{sample.name}: the result is {n}x{m}, but the picture is {w}x{h}; bring it to that size")
    return sample.truth
