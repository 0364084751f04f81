"""How far each precision of a network is from fp32, on pictures; and whether that is within a budget.

The reference is ONNX Runtime in fp32 on the CPU. What is compared is what a graph gets: the alpha of `net.mask`, with
its preprocessing and at the picture's size.
"""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, get_args

import numpy as np

from bgflow import engines, models
from bgflow.devices import device
from bgflow.errors import DeviceError, UsageError
from bgflow.evaluate import stills
from bgflow.media.pictures import found
from bgflow.models import calibration

COUNT = 28
"""Rendered pictures: as many as it takes for every size of frame to meet an empty room."""
SPECK = 0.001
"""A mask of a smaller share of the picture is nobody: its outline is chance."""
LOOKS = 3
"""A network with a memory sees each picture so often, and its last answer counts."""
BUDGET: Mapping[str, float] = {"mean": 0.01, "iou": 0.95, "boundary_f": 0.95}
"""What a precision may cost unless told otherwise; docs/precision.md says why."""
TITLES = {"max": "max |Δα|", "mean": "mean |Δα|", "iou": "IoU", "boundary_f": "boundary F"}
LESS = ("max", "mean")  # of these, less is better
PRECISIONS = tuple(p for p in get_args(engines.Precision) if p != "auto")
REFERENCE = "onnxruntime", "fp32"

Told = Callable[[str, int, int], None]
"""Is told what is being measured, how many pictures are done, and how many there are."""
Alphas = Iterator[tuple[float, np.ndarray[Any, Any]]]


@dataclass(frozen=True)
class Figures:
    """One precision against the reference.

    `max` and `mean` are of |Δα|, 0..1, over all pixels; `iou` is that of the masks at α = 0.5, over the pixels of all
    pictures together, 1 when there are none; `boundary_f` is the mean over the pictures in which the reference finds
    somebody. `ms` is the median time of one whole call of `net.mask`.
    """

    pictures: int
    ms: float
    max: float = 0.0
    mean: float = 0.0
    iou: float = 1.0
    boundary_f: float = 1.0


@dataclass(frozen=True)
class Result:
    """What became of one precision of one engine: its figures, or in words why it cannot be had here."""

    engine: str
    precision: str
    figures: Figures | None = None
    missing: str = ""

    def over(self, budget: Mapping[str, float]) -> list[str]:
        """The measures that miss the budget, as one that is no number does."""
        return [m for m in TITLES if self.figures and m in budget and not _within(m, self.figures, budget[m])]

    def refusal(self, budget: Mapping[str, float]) -> str:
        """Which measure misses the budget by how much, and what to do: one line; '' when none does."""
        if not (over := self.over(budget)):
            return ""
        name = over[0]
        value = float(getattr(self.figures, name))
        side, near = ("over", math.ceil) if name in LESS else ("under", math.floor)
        text = (
            f"{self.engine} in {self.precision}: {TITLES[name]} is {value:.4f}, {side} the budget of {budget[name]:g}"
        )
        allow = f", or allow it with --budget {name}={near(value * 1000) / 1000:g}" if math.isfinite(value) else ""
        return f"{text}; take a precision that is within it{allow}"


def budget(text: str) -> dict[str, float]:
    """The default budget changed by a text such as `mean=0.02,iou=0.9`; raises UsageError."""
    from bgflow.document import near

    out = dict(BUDGET)
    for part in text.split(",") if text else ():
        name, _, value = part.strip().partition("=")
        if name not in TITLES:
            raise UsageError(f"--budget {part}: there is no measure {name!r}{near(name, TITLES)}")
        try:
            out[name] = float(value)
        except ValueError:
            out[name] = math.nan
        if not 0 <= out[name] <= 1:
            raise UsageError(f"--budget {part}: {value!r} is not a number from 0 to 1")
    return out


def compare(
    model: str | dict[str, Any],
    *,
    engine: str = "",
    precisions: Sequence[str] = (),
    size: tuple[int, int] = (0, 0),
    folder: Path | None = None,
    count: int = COUNT,
    on: str = "auto",
    told: Told = lambda doing, done, total: None,
) -> list[Result]:
    """Measure the precisions of a model that can be had here; the reference comes first.

    '' and () mean every engine and every precision. `size` is the height and width of the network's input, by default
    what a 16:9 picture gets. `on` is a device; engines that do not work on it are measured on the CPU.

    Raises:
        ModelError, UsageError: the model, size or engine is not one, there is no picture, or OpenCV is missing.
        DeviceError: the reference, or all of what was asked for by name, cannot be had here.
    """
    stills.needs("cv2")  # for the outlines; better told before anything has run
    height, width = size if size[0] else models.find(model).layout.fitted(360, 640)
    if folder and models.find(model).layout.plate:
        raise UsageError("--images: has no plates, with which this model compares pictures; leave it out")
    total = count + (len(found(str(folder))) if folder else 0)
    if not total:
        raise UsageError("there is no picture to compare on; give --images FOLDER, or a --count above 0")
    names = (engine,) if engine else engines.known()
    wanted = [(name, precision) for name in names for precision in precisions or PRECISIONS]
    where = device(on).name
    judge = _Judge(model, height, width, count, folder, lambda doing, done: told(doing, done, total))
    with tempfile.TemporaryFile() as kept:
        out = [judge.reference(kept)]
        out += [judge.compared(*each, where, kept) for each in wanted if each != REFERENCE]
    if (engine or precisions) and REFERENCE not in wanted and not any(r.figures for r in out[1:]):
        raise DeviceError(out[1].missing)
    return out


class _Judge:
    """Runs one network on the pictures, as often as it is asked to."""

    def __init__(
        self,
        model: str | dict[str, Any],
        height: int,
        width: int,
        count: int,
        folder: Path | None,
        told: Callable[[str, int], None],
    ):
        self.settings: dict[str, Any] = {"model": model, "height": height, "width": width}
        self.looks = LOOKS if models.find(model).layout.state else 1
        self.count, self.folder, self.told = count, folder, told

    def reference(self, kept: IO[bytes]) -> Result:
        """Time the reference and keep its alphas in a file: own pictures may be many and large."""
        times = []
        for ms, alpha in self._alphas(*REFERENCE, "cpu"):
            times.append(ms)
            np.save(kept, alpha)
        return Result(*REFERENCE, Figures(len(times), statistics.median(times)))

    def compared(self, engine: str, precision: str, on: str, kept: IO[bytes]) -> Result:
        """Hold one precision against the reference's alphas."""
        kept.seek(0)
        times, largest, means, outlines = [], [], [], []
        both = either = 0
        try:
            for ms, alpha in self._alphas(engine, precision, on):
                reference = np.load(kept)
                apart = np.abs(alpha - reference)
                mask, true = alpha >= 0.5, reference >= 0.5
                times.append(ms)
                largest.append(float(apart.max()))
                means.append((float(apart.sum(dtype=np.float64)), apart.size))
                both += int(np.count_nonzero(mask & true))
                either += int(np.count_nonzero(mask | true))
                if true.mean() >= SPECK:
                    outlines.append(stills.boundary_f(mask, true))
        except DeviceError as e:
            return Result(engine, precision, missing=str(e))
        figures = Figures(
            pictures=len(times),
            ms=statistics.median(times),
            max=float(np.max(largest)),  # which keeps a NaN, as Python's own may not
            mean=sum(s for s, _ in means) / sum(n for _, n in means),
            iou=both / either if either else 1.0,
            boundary_f=statistics.fmean(outlines) if outlines else 1.0,
        )
        return Result(engine, precision, figures)

    def _alphas(self, engine: str, precision: str, on: str) -> Alphas:
        """Milliseconds and alpha of every picture."""
        from bgflow.stages.net import Mask
        from bgflow.stages.platenet import Net
        from bgflow.testing import opened

        plate = models.find(self.settings["model"]).layout.plate
        stage = (Net if plate else Mask)(**self.settings, engine=engine, precision=precision)
        for place, text in stage.problems():
            raise UsageError(f"{place}: {text}")
        where = _place(engine, on)
        self.told(f"{engine} in {precision}", 0)
        with opened(stage, where) as net:
            pairs: Iterator[dict[str, Any]] = ({"image": a, "plate": b} for a, b in calibration.pairs(self.count))
            alone: Iterator[dict[str, Any]] = (
                {"image": picture} for picture in calibration.pictures(self.count, self.folder)
            )
            for done, given in enumerate(pairs if plate else alone):
                if done == 0:
                    net(pts=0, **given)  # the first call compiles kernels
                for pts in range(self.looks):
                    began = time.perf_counter()
                    alpha = net(pts=pts, **given)
                    ms = 1000 * (time.perf_counter() - began)
                yield ms, alpha
                self.told(f"{engine} in {precision}", done + 1)


def _place(name: str, on: str) -> str:
    """The device on which this engine is measured."""
    there = device(on)
    families = engines.engine(name, there).devices
    if there.name.partition(":")[0] in families or "cpu" not in families:
        return there.name
    return "cpu"


def _within(measure: str, figures: Figures, limit: float) -> bool:
    value = float(getattr(figures, measure))
    return value <= limit if measure in LESS else value >= limit
