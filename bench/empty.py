"""Stages that do nothing, between a source out of nothing and an end that looks at the clock."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bgflow import In, Out, Param, Stage
from bgflow.frame import Array
from bgflow.stage import Context

TICK, NOTHING, END = (f"bgflow.bench.empty:{name}" for name in ("Tick", "Nothing", "End"))


class Tick(Stage, use=TICK):
    """The same grey picture again and again, from the same memory; `count` of 0 never ends."""

    image = Out("u8[h,w,3] rgb")

    width: int = Param(16, ge=1)
    height: int = Param(16, ge=1)
    count: int = Param(0, ge=0)
    gap: float = Param(0.0, ge=0, unit="s", description="rest before each frame, in which the others fall asleep")

    def sizes(self, probe: bool) -> Mapping[str, int]:
        return {"h": self.height, "w": self.width}

    def frames(self) -> Iterator[tuple[int, Any]]:
        image = np.full((self.height, self.width, 3), 128, np.uint8)
        n = 0
        while not self.ctx.stopping and n < (self.count or n + 1):
            if self.gap:
                self.ctx.wait(self.gap)
            yield n, image
            n += 1


class Nothing(Stage, use=NOTHING):
    """Takes its output, as every stage does, and writes nothing into it."""

    image = In("u8[h,w,3] rgb")
    out = Out("u8[h,w,3] rgb")

    def process(self, image: Array) -> Array:
        return self.ctx.empty(self.out)


class End(Stage, use=END):
    """Notes when frames arrive: `delays` from their entry into the run, and the time between `warm` and the last.

    A file named in `stamp` gets the monotonic clock of the first one, in seconds.
    """

    value = In("any")

    warm: int = Param(0, ge=0, description="frames that do not count")
    stamp: str = Param("", description="where to write when the first frame arrived")

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        self.count = 0
        self.began = self.ended = self.began_work = self.ended_work = 0.0
        self.delays: list[float] = []

    def process(self, value: Any) -> None:
        self.ended = time.monotonic()
        if self.count == 0 and self.stamp:
            Path(self.stamp).write_text(repr(self.ended), "ascii")
        if self.count >= self.warm:
            self.delays.append(self.ended - self.ctx.frame.born)
        if self.count == self.warm:
            self.began = self.ended
            self.began_work = time.thread_time()
        self.count += 1

    def close(self) -> None:
        self.ended_work = time.thread_time()

    @property
    def each(self) -> float:
        """Seconds from one frame to the next, on the mean of those that count."""
        return (self.ended - self.began) / max(self.count - self.warm - 1, 1)

    @property
    def work(self) -> float:
        """Seconds of a processor that the thread took for each of these frames."""
        return (self.ended_work - self.began_work) / max(self.count - self.warm - 1, 1)
