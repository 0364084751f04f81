"""A graph whose source is a clip in memory, fed by the clock: what a crowd of cameras would ask of the machine.

The clip is what the graph's own source gives: its first frames, decoded or rendered before anything is measured. A live
source, which waits for a camera or a browser, is stood in for by a rendered person. It is played to and fro, so that
nothing jumps. Sinks that write files do so, each graph into a folder of its own; those that need a network are replaced
by one that takes and forgets.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from bgflow import Param, Stage, load
from bgflow.bench.pictures import Size, pictures
from bgflow.bench.stopwatch import fresh
from bgflow.devices import Host
from bgflow.errors import UsageError
from bgflow.frame import Array
from bgflow.graph import Graph, Node
from bgflow.stage import Context
from bgflow.stages import null
from bgflow.testing import opened

FED = "bgflow.bench.fed:Fed"
FRAMES, MOST_BYTES = 48, 256 << 20  # of a clip, at most
TICKS = 90_000  # a second: nanoseconds would leave 4 s for the longest gap in a file's 32 bits
RATE = 30.0  # frames a second where a source does not tell
SIZE = Size(640, 360)  # of a live source that does not tell


@dataclass(frozen=True)
class Clip:
    """Frames, each by the source's ports; `rate` in frames a second; `what` says what they are."""

    frames: tuple[Mapping[str, Host], ...]
    rate: float
    what: str


class Fed(Stage, use=FED):
    """Gives frame n at n / rate seconds after it began, by the monotonic clock, whatever the graph does meanwhile.

    A frame that nobody was ready to take before the next one was due is dropped and counted. `began` is in the clock's
    seconds.
    """

    live = True
    time_base = Fraction(1, TICKS)
    rate: float = Param(RATE, gt=0, unit="1/s")
    late: float = Param(0.0, ge=0, unit="s", description="by which the first frame is later, to keep streams apart")
    began = 0.0

    def feed(self, source: Stage, clip: Clip) -> None:
        """Stand in for that source."""
        self.outputs, self.clip = source.outputs, clip

    def sizes(self, probe: bool) -> Mapping[str, int]:
        size: dict[str, int] = {}
        for name, array in self.clip.frames[0].items():
            self.outputs[name].types[0].bind(array.shape, size)
        return size

    def due(self, n: int) -> int:
        """The `pts` of frame n."""
        return round(n * TICKS / self.rate)

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        self._there = [{name: self._placed(host) for name, host in frame.items()} for frame in self.clip.frames]

    def frames(self) -> Iterator[tuple[int, Any]]:
        there = [*self._there, *self._there[-2:0:-1]]
        self.began, n = time.monotonic() + self.late, 0
        while not self.ctx.stopping:
            ahead = self.began + n / self.rate - time.monotonic()
            if (missed := int(-ahead * self.rate)) > 0:
                self.ctx.drop("not taken in time", missed)
                n += missed
            elif ahead > 0 and self.ctx.wait(ahead):
                return
            yield self.due(n), there[n % len(there)]
            n += 1

    def _placed(self, host: Host) -> Array:
        if self.ctx.device.name == "cpu":
            return host
        out = fresh(self.ctx.device, host.shape, host.dtype)
        self.ctx.device.upload(host, out)
        return out


def clip_of(graph: Graph) -> Clip:
    """What the graph's source gives; raises UsageError when that is nothing, and whatever the source raises."""
    node = _source(graph)
    stage, ports = node.stage, {wire.out for wire in graph.wires if wire.src == node.name}
    params = stage.params.model_dump()
    if stage.live or hasattr(stage, "serve"):
        size = Size(int(params.get("width") or SIZE.width), int(params.get("height") or SIZE.height))
        rate = float(params.get("fps") or RATE)
        shots = [{port: getattr(shot, port) for port in ports if hasattr(shot, port)} for shot in pictures(size)]
        return _clip(stage, shots, rate, f"rendered {size} in place of {stage.use}")
    frames: list[dict[str, Host]] = []
    times: list[int] = []
    with opened(stage, wired=ports) as source:
        for pts, value in source.frames(FRAMES):
            made = value if isinstance(value, dict) else {next(iter(stage.outputs)): value}
            frames.append({k: v.copy() for k, v in made.items() if k in ports and isinstance(v, np.ndarray)})
            times.append(pts)
            if sum(v.nbytes for frame in frames for v in frame.values()) > MOST_BYTES:
                break
    rate = RATE
    if len(times) > 1 and times[-1] > times[0]:
        rate = (len(times) - 1) / float((times[-1] - times[0]) * stage.time_base)
    return _clip(stage, frames, rate, f"{len(frames)} frames of {stage.use} in memory")


def fed(graph: Graph, clip: Clip, folder: Path, late: float = 0.0) -> Graph:
    """The same graph with the clip for its source; what it writes goes into `folder`."""
    source = _source(graph)
    nodes: dict[str, Node] = {}
    for name, node in graph.nodes.items():
        stage = node.stage
        if name == source.name:
            stage = Fed(rate=clip.rate, late=late)
            stage.feed(node.stage, clip)
        elif not stage.outputs and "path" in type(stage.params).model_fields:
            path = folder / Path(getattr(stage, "path")).name  # noqa: B009  not every stage has one
            stage = type(stage)(**{**stage.params.model_dump(), "path": str(path)})
        elif not stage.outputs and hasattr(stage, "serve"):
            stage = null.Sink()
        nodes[name] = replace(node, stage=stage)
    gone = {wire for wire in graph.wires if wire.src == source.name and wire.out not in clip.frames[0]}
    first = {name: next(iter(node.stage.inputs), "") for name, node in nodes.items()}
    wires = tuple(
        replace(wire, port=wire.port if wire.port in nodes[wire.dst].stage.inputs else first[wire.dst])
        for wire in graph.wires
        if wire not in gone
    )
    return replace(graph, nodes=nodes, wires=wires, clock="auto")


def again(file: str, clip: Clip, folder: Path, late: float = 0.0) -> Graph:
    """A graph of its own, from its file, fed with the clip."""
    return fed(load(file), clip, folder, late)


def _source(graph: Graph) -> Node:
    found = [node for node in graph.nodes.values() if node.stage.is_source()]
    if len(found) != 1:
        raise UsageError(f"{graph.file}: has {len(found)} sources; a load can be made for graphs with one")
    return found[0]


def _clip(stage: Stage, frames: list[dict[str, Host]], rate: float, what: str) -> Clip:
    if not frames or not frames[0]:
        raise UsageError(f"{stage.use} gives no pictures to feed a graph with")
    for frame in frames:
        for array in frame.values():
            array.flags.writeable = False
    return Clip(tuple(frames), rate, what)
