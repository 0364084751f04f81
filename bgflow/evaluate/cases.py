"""The pictures that went worst, and what every candidate made of them."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bgflow.evaluate.footage import Matte, Picture, Sample

WORST = 4  # cases of each candidate on each piece of footage that are kept to be shown
APART = 15  # frames of a clip of which only the worst is kept


@dataclass(frozen=True)
class View:
    """What one candidate made of a picture: `score` is what it was worth, 0..1; f32[h,w]."""

    score: float
    result: Matte


@dataclass(frozen=True)
class Case:
    """A picture that at least one candidate did badly at; truth is f32[h,w], NaN: does not count.

    `views` are in the order of the candidates; one that gave no result has None.
    """

    footage: str
    sample: str
    image: Picture
    truth: Matte
    views: tuple[View | None, ...]

    @property
    def score(self) -> float:
        """Of the candidate that did worst."""
        return min(view.score for view in self.views if view)


class Record:
    """All results of one candidate on one piece of footage, packed to 8 bits, and the pictures of the worst few.

    Neighbours in a clip look alike, so of `apart` frames one stands for all.
    """

    def __init__(self, apart: int) -> None:
        self._apart = apart
        self._packed: dict[str, tuple[float, tuple[int, ...], bytes]] = {}
        self._worst: dict[int, tuple[float, Sample, Matte]] = {}

    def add(self, sample: Sample, score: float, truth: Matte, result: Matte) -> None:
        """The next result; names of samples differ."""
        levels = (np.clip(result, 0, 1) * 255 + 0.5).astype(np.uint8)
        here = len(self._packed) // self._apart
        self._packed[sample.name] = score, result.shape, zlib.compress(levels.tobytes(), 1)
        if here in self._worst and self._worst[here][0] <= score:
            return
        self._worst[here] = score, sample, truth
        if len(self._worst) > WORST:
            del self._worst[max(self._worst, key=lambda block: self._worst[block][0])]

    def worst(self) -> list[tuple[Sample, Matte]]:
        """The worst pictures and their truths, the worst first."""
        return [(sample, truth) for _, sample, truth in sorted(self._worst.values(), key=lambda kept: kept[0])]

    def view(self, sample: str) -> View | None:
        """The result of a picture, where there was one."""
        if sample not in self._packed:
            return None
        score, shape, packed = self._packed[sample]
        levels: np.ndarray[Any, Any] = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(shape)
        return View(score, levels * np.float32(1 / 255))


def gather(footage: str, records: Sequence[Record]) -> list[Case]:
    """The worst pictures of all candidates, each once, the worst first."""
    pictures = {sample.name: (sample, truth) for record in records for sample, truth in record.worst()}
    cases = [
        Case(footage, name, sample.image, truth, tuple(record.view(name) for record in records))
        for name, (sample, truth) in pictures.items()
    ]
    return sorted(cases, key=lambda case: case.score)
