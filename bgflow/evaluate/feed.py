"""The two ends that eval puts on a graph: the data's pictures go in, and what comes out is judged by its time stamp."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from bgflow import In, Out, Stage
from bgflow.evaluate.footage import Footage, Sample
from bgflow.evaluate.verdict import Verdict
from bgflow.frame import Array

Change = Callable[[Sample, int], Sample]
RATE = 30  # pictures a second of stream time


class Feed(Stage, use="eval.source"):
    """Shows a graph the pictures that `bgflow eval` judges it on; without eval it shows nothing."""

    image = Out("u8[h,w,3] rgb", description="the picture")
    plate = Out("u8[h,w,3] rgb", description="the empty background, where the data has it")
    ticket = Out("text", description="the picture's time stamp once more, for the judge")
    host = True

    def __init__(self, footage: Footage | None = None):
        super().__init__()
        self.footage = footage
        self.change: Change | None = None
        self.waiting: dict[int, Sample] = {}

    def sizes(self, probe: bool) -> Mapping[str, int]:
        return {"frames": self.footage.length} if probe and self.footage else {}

    def frames(self) -> Iterator[tuple[int, Any]]:
        self.time_base = Fraction(1, RATE)
        plate = self.footage.plate() if self.footage and self.footage.plate and self.ctx.wired("plate") else None
        for pts, seen in enumerate(self.footage.read() if self.footage else ()):
            if self.ctx.stopping:
                return
            sample = self.change(seen, pts) if self.change else seen
            self.waiting[pts] = sample
            value: dict[str, Any] = {"ticket": str(pts), "image": self._array("image", sample.image)}
            if plate is not None:
                value["plate"] = self._array("plate", plate)
            yield pts, {k: v for k, v in value.items() if self.ctx.wired(k)}
            del value  # before the next picture asks for memory

    def _array(self, port: str, picture: np.ndarray[Any, Any]) -> Array:
        out = self.ctx.empty(port, h=picture.shape[0], w=picture.shape[1])
        np.copyto(out, picture)
        return out


class Judge(Stage, use="eval.sink"):
    """Takes the matte, or the labels, that `bgflow eval` judges; without eval it keeps nothing.

    A result belongs to the picture with its time stamp. `mismatched` counts instants that no picture was shown at, or
    whose ticket is another instant's; `missing` those to which no result had come yet.
    """

    ticket = In("text", optional=True)
    alpha = In("f32[h,w] alpha | u8[h,w] label", hold=True, optional=True)
    host = True

    def __init__(self, feed: Feed | None = None, verdict: Verdict | None = None):
        super().__init__()
        self.feed, self.verdict = feed, verdict
        self.mismatched = self.missing = self.seen = 0

    def process(self, ticket: str | None, alpha: Array | None) -> None:
        if self.feed is None or self.verdict is None:
            return
        pts = self.ctx.frame.pts
        sample = self.feed.waiting.pop(pts, None)
        self.seen += 1
        if sample is None or ticket != str(pts):
            self.mismatched += 1
        elif sample.truth is not None:
            if alpha is None:
                self.missing += 1
                alpha = np.zeros(sample.truth.shape, np.float32)
            self.verdict.add(sample, _matte(alpha))


def _matte(result: Array) -> np.ndarray[Any, Any]:
    """A result as an alpha of one's own; of labels only the subject counts, not its shadow."""
    return np.array(result == 255, np.float32) if result.dtype == np.uint8 else np.array(result)
