"""How many live graphs one process and one device keep up with."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bgflow import Run, plan
from bgflow.bench.chains import chain, takes
from bgflow.bench.ends import Take
from bgflow.bench.figures import StreamsFigure
from bgflow.bench.pictures import Size

RATE = 30
HELD = 0.99  # of the frames that were due must come out
SLOWEST = 1e3 / RATE  # ms; the 99th percentile of a stream that holds arrives before the next frame is due


def streams(
    name: str, device: str, size: Size, model: str, most: int, seconds: float, deadline: float
) -> Iterator[StreamsFigure]:
    """1, 2, 4, … streams up to `most`, until they do not hold any more or the time is up."""
    count = 1
    while count <= most and time.monotonic() < deadline:
        figure = together(name, device, size, model, count, seconds)
        yield figure
        if not figure.holds:
            return
        count *= 2


def together(name: str, device: str, size: Size, model: str, count: int, seconds: float) -> StreamsFigure:
    """So many at once, for so long after all of them have begun.

    Latency counts from the instant at which a frame was due, whether or not anybody was ready to take it then.
    """
    graphs = [chain(name, device, size, model, {"feed.rate": RATE}) for _ in range(count)]
    late: list[list[float]] = [[] for _ in graphs]
    began = threading.Event()
    for graph, own in zip(graphs, late, strict=True):
        sink = graph.nodes["out"].stage
        assert isinstance(sink, Take)
        sink.process = _noting(sink, own, began)  # type: ignore[method-assign, assignment]
    with contextlib.ExitStack() as stack:
        runs = [stack.enter_context(Run(plan(graph, sync=True))) for graph in graphs]
        while not all(t.count >= RATE for run in runs for t in takes(run).values()) and not any(r.errors for r in runs):
            time.sleep(0.05)
        began.set()
        time.sleep(seconds)
        began.clear()
        for run in runs:
            run.stop()
    fps = min(len(own) for own in late) / seconds
    every = [ms for own in late for ms in own]
    p50, p99 = (float(v) for v in np.percentile(every, (50, 99))) if every else (None, None)
    holds = p99 is not None and fps >= HELD * RATE - 1 / seconds and p99 < SLOWEST
    return StreamsFigure(chain=name, size=str(size), streams=count, fps=fps, p50_ms=p50, p99_ms=p99, holds=holds)


def _noting(sink: Take, late: list[float], counts: threading.Event) -> Callable[[Any], None]:
    """The sink's `process`, which also notes how long after its due instant each frame has come."""
    process = sink.process

    def noted(value: Any) -> None:
        process(value)
        if counts.is_set():
            late.append((time.monotonic_ns() - sink.ctx.frame.pts) / 1e6)

    return noted
