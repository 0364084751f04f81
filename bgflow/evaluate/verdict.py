"""The verdict on one piece of footage: what each result was worth, and what that comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from bgflow.errors import BgflowError
from bgflow.evaluate import mattes, stills
from bgflow.evaluate.cdnet import MOVING, SHADOW, Counts
from bgflow.evaluate.footage import Footage, Matte, Sample
from bgflow.evaluate.motion import Motion

WORST = 4  # cases of each piece of footage that are kept to be shown
APART = 15  # frames of a clip of which only the worst is kept


@dataclass(frozen=True)
class Case:
    """One result that went badly: `score` is what it was worth, 0..1; truth and result are f32[h,w], NaN: ignored."""

    footage: str
    sample: str
    score: float
    image: np.ndarray[Any, Any]
    truth: Matte
    result: Matte


class Verdict(Protocol):
    """Collects the results of one piece of footage, in order."""

    frames: list[dict[str, Any]]

    def add(self, sample: Sample, alpha: Matte) -> None:
        """One result; the sample has a truth, and the alpha is the verdict's to keep."""
        ...

    def figures(self) -> dict[str, float]:
        """The measures over all of it; one that could not be taken is absent."""
        ...

    def worst(self) -> list[Case]:
        """The worst results, the worst first."""
        ...


def verdict(footage: Footage) -> Verdict:
    """The kind of verdict that the footage is due."""
    return Labelled(footage.name) if footage.kind == "cdnet" else Matted(footage.name, footage.kind == "video")


class Worst:
    """The few worst of many cases, kept while they come; neighbours in a clip look alike, so one stands for them."""

    def __init__(self, footage: str, apart: int) -> None:
        self._footage, self._apart = footage, apart
        self._seen = 0
        self._kept: dict[int, Case] = {}

    def add(self, sample: Sample, score: float, truth: Matte, result: Matte) -> None:
        """One case; its arrays are kept as they are."""
        here, self._seen = self._seen // self._apart, self._seen + 1
        if here in self._kept and self._kept[here].score <= score:
            return
        self._kept[here] = Case(self._footage, sample.name, score, sample.image, truth, result)
        if len(self._kept) > WORST:
            del self._kept[max(self._kept, key=lambda block: self._kept[block].score)]

    def sorted(self) -> list[Case]:
        """The worst first."""
        return sorted(self._kept.values(), key=lambda case: case.score)


class Matted:
    """Mattes against true alphas; `video` adds what needs the order of the frames."""

    def __init__(self, name: str, video: bool) -> None:
        self.frames: list[dict[str, Any]] = []
        self._saliency = stills.Saliency()
        self._motion = Motion() if video else None
        self._worst = Worst(name, APART if video else 1)

    def add(self, sample: Sample, alpha: Matte) -> None:
        truth = same_size(sample, alpha)
        found, true = alpha >= 0.5, truth >= 0.5
        of = {
            "mae": float(np.abs(alpha - truth).mean(dtype=np.float64)),
            "sad": mattes.sad(alpha, truth),
            "mse": mattes.mse(alpha, truth),
            "gradient": mattes.gradient(alpha, truth),
            "connectivity": mattes.connectivity(alpha, truth),
        }
        if true.any():
            of |= {"iou": stills.iou(found, true), "boundary_f": stills.boundary_f(found, true)}
            self._saliency.add(np.clip(alpha, 0, 1), true)
            self._worst.add(sample, of["iou"], truth, alpha)
        else:
            of = {"empty": 100 * float(found.mean())}
            self._worst.add(sample, 1 - of["empty"] / 100, truth, alpha)
        if self._motion:
            self._motion.add(alpha, truth)
        self.frames.append({"name": sample.name, **of})

    def figures(self) -> dict[str, float]:
        names = ("iou", "boundary_f", "mae", "sad", "mse", "gradient", "connectivity", "empty")
        per = {n: [f[n] for f in self.frames if n in f] for n in names}
        out = {n: float(np.mean(v)) for n, v in per.items() if v}
        if per["iou"]:
            out |= {"map": stills.mean_ap(per["iou"]), **self._saliency.figures()}
        return out | (self._motion.figures() if self._motion else {})

    def worst(self) -> list[Case]:
        return self._worst.sorted()


class Labelled:
    """Masks against CDnet's labels: all frames' pixels are counted together."""

    def __init__(self, name: str) -> None:
        self.frames: list[dict[str, Any]] = []
        self._counts = Counts()
        self._worst = Worst(name, APART)

    def add(self, sample: Sample, alpha: Matte) -> None:
        truth = same_size(sample, alpha)
        counts = Counts.of(alpha >= 0.5, truth)
        self._counts += counts
        self.frames.append({"name": sample.name, **counts.figures()})
        if counts.tp + counts.fn:
            shown = np.where(
                truth == MOVING, np.float32(1), np.where(truth <= SHADOW, np.float32(0), np.float32("nan"))
            )
            self._worst.add(sample, counts.figures()["f"], shown, alpha)

    def figures(self) -> dict[str, float]:
        return self._counts.figures()

    def worst(self) -> list[Case]:
        return self._worst.sorted()


def same_size(sample: Sample, alpha: Matte) -> np.ndarray[Any, Any]:
    """The sample's truth; raises BgflowError when the result is of another size."""
    assert sample.truth is not None
    (h, w), (m, n) = sample.truth.shape, alpha.shape
    if (h, w) != (m, n):
        raise BgflowError(f"{sample.name}: the result is {n}x{m}, but the picture is {w}x{h}; bring it to that size")
    return sample.truth
