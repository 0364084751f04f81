"""A graph as it is, run again and again: frames a second, latency, and the time of every stage.

What it writes it writes each time, over what was there. Where it has no end, as with a camera, it is stopped.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bgflow import Run, load, plan
from bgflow.bench.duel import ROUNDS
from bgflow.bench.result import Row
from bgflow.bench.suite import Item, Scope
from bgflow.cli.progress import Meter
from bgflow.context import RunContext
from bgflow.errors import UsageError

PERIOD = 0.02  # seconds between two looks at a run


class Repeated:
    """A suite of one graph; each of its runs goes to the end, or for the scope's seconds."""

    def __init__(self, file: str) -> None:
        """Raises GraphError or UsageError when it is no graph."""
        self.file, self.name = file, Path(file).stem
        load(file)

    def cases(self, scope: Scope) -> Iterator[Item]:
        """Rows for the graph and for each stage, after all runs; a first run warms up and does not count."""
        rounds = 2 if scope.tiny else ROUNDS
        self.ran(scope.seconds)
        runs = [self.ran(scope.seconds) for _ in range(rounds)]
        fps = [meter.fps for _, meter in runs]
        frames = sum(meter.done for _, meter in runs)
        note = f"{frames} frames in {rounds} runs"
        yield Row.measured(self.name, "frames a second", "frames/s", fps, better="more", note=note)
        latencies = [s * 1e3 for run, _ in runs for s in run.latencies]
        note = "of each frame, from its entry to its end"
        yield Row.measured(self.name, "latency", "ms", latencies, latency=True, note=note)
        for place, ctx in enumerate(runs[0][0].contexts):
            medians = [_median(run.contexts[place]) for run, _ in runs if run.contexts[place].count]
            if medians:
                use = ctx.node.stage.use
                yield Row.measured(self.name, ctx.name, "ms", medians, note=f"{use}, median of a frame, by run")

    def ran(self, seconds: float) -> tuple[Run, Meter]:
        """One run; raises UsageError when no frame comes through."""
        run = Run(plan(load(self.file)))
        meter = Meter(run)
        with run:
            until: float | None = None
            began = time.monotonic()
            while not run.wait(PERIOD):
                meter.read()
                if until is None and meter.done:
                    until = time.monotonic() + seconds  # the start does not count
                if time.monotonic() > (until or began + max(10 * seconds, 60)):
                    run.stop()
        if not run.latencies.size:
            raise UsageError(f"{self.file}: no frame came through; a page waits for somebody to open it")
        return run, meter


def _median(ctx: RunContext) -> float:
    """Of the stage's time for a frame, in milliseconds."""
    return float(np.median(ctx.times[: min(ctx.count, len(ctx.times))])) / 1e6
