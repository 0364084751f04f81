"""1, 2, 4 and 8 live streams of a graph in one process, beside as many processes: frames a second, cost, memory.

Each stream is fed by the clock at 30 frames a second with rendered pictures, without a camera, browser or encoder; late
frames are dropped, as in a live graph. Where the machine is too slow for all, the frames that come out tell it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from bgflow.bench.crew import Cost, together
from bgflow.bench.openloop import counted
from bgflow.bench.resident import MB
from bgflow.bench.result import Row
from bgflow.bench.suite import Item, Scope
from bgflow.errors import BgflowError

STREAMS = (1, 2, 4, 8)
ROUNDS = 3  # of starting them all; the limits of an interval are the extremes then
PROCESSES = "as many processes"
FIGURES: tuple[tuple[str, str, Literal["less", "more"], Callable[[Cost, int], float]], ...] = (
    ("frames/s together", "frames/s", "more", lambda cost, streams: cost.fps),
    ("processor time of a frame", "ms", "less", lambda cost, streams: cost.cpu_ms),
    ("memory of each", "MB", "less", lambda cost, streams: cost.memory / MB / streams),
)
GRAPH = """
graph: scale
device: cpu
stages:
  camera: {use: "synth.source", set: {width: WIDTH, height: HEIGHT}}
  mog: {use: mog.running, in: camera.image}
  edge: {use: edge.refine, in: {image: camera.image, alpha: mog.alpha}}
  blur: {use: compose.blur, in: {image: camera.image, alpha: edge.alpha}}
  end: {use: null.sink, in: blur.out}
"""


def cases(scope: Scope) -> Iterator[Item]:
    """Three rows for each number of streams."""
    width, height = (64, 48) if scope.tiny else (640, 360)
    seconds = max(scope.seconds, 0.2 if scope.tiny else 1.0)
    with tempfile.TemporaryDirectory(prefix="bgflow-scale-") as folder:
        graph = Path(folder) / "scale.yaml"
        graph.write_text(GRAPH.replace("WIDTH", str(width)).replace("HEIGHT", str(height)), "utf-8")
        for streams in STREAMS[: 2 if scope.tiny else None]:
            if any(scope.only in f"{counted(streams)}, {what}" for what, *_ in FIGURES):
                yield from _rows(str(graph), streams, seconds, 1 if scope.tiny else ROUNDS)


def _rows(graph: str, streams: int, seconds: float, rounds: int) -> Iterator[Item]:
    ours: list[Cost] = []
    theirs: list[Cost] = []
    for n in range(rounds):
        turns = [(ours, streams, 1)]
        if streams > 1:
            turns.append((theirs, 1, streams))
        for costs, each, processes in turns if n % 2 == 0 else reversed(turns):
            cost = together(graph, each, seconds, processes=processes)
            if not cost.frames:
                raise BgflowError(f"{counted(streams)}: no frame came out within {seconds:g} s")
            costs.append(cost)
    note = f"mog.running, edge.refine, compose.blur; {streams * 30} frames/s were due"
    for what, unit, better, figure in FIGURES:
        found = [figure(cost, streams) for cost in ours]
        beside = {PROCESSES: [figure(cost, streams) for cost in theirs]} if theirs else {}
        yield Row.measured("scale", f"{counted(streams)}, {what}", unit, found, beside, better=better, note=note)
