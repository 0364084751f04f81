"""Whole graphs as the engine runs them, from synthetic NV12 frames to NV12 frames."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bgflow import Run, Stage, load, plan
from bgflow.bench.ends import FEED, TAKE, WARM, Feed, Take
from bgflow.bench.figures import ChainFigure, Equality, Growth
from bgflow.bench.pictures import Size
from bgflow.bench.stopwatch import Stopwatch
from bgflow.budget import Budget
from bgflow.capture import Chain
from bgflow.frame import WARM_UP
from bgflow.graph import Graph, Node

CHAINS: Mapping[str, str] = {
    "classical": """
  mog: {use: mog.mask, in: rgb.image, set: {light: false, learning_rate: 0.002}}
  edge: {use: edge.refine, in: {image: rgb.image, alpha: mog.alpha}}
""",
    "network": """
  net: {use: u2net.mask, in: rgb.image, set: {model: MODEL}}
  edge: {use: edge.refine, in: {image: rgb.image, alpha: net.alpha}}
""",
    "full": """
  net: {use: u2net.mask, in: rgb.image, set: {model: MODEL}}
  mog: {use: mog.mask, in: {image: rgb.image, freeze: net.alpha}, set: {light: false, learning_rate: 0.002}}
  fuse: {use: fuse.mask, in: {image: rgb.image, alpha: net.alpha, label: mog.label, evidence: mog.evidence}}
  edge: {use: edge.refine, in: {image: rgb.image, alpha: fuse.alpha}}
""",
}
"""What finds the subject; the colour conversions and the composite are around it."""

AROUND = """
graph: NAME
device: DEVICE
stages:
  feed: {use: "FEED", set: {width: WIDTH, height: HEIGHT}}
  rgb: {use: preprocess.rgb, in: feed.nv12}
CHAIN
  over: {use: compose.replace, in: {image: rgb.image, alpha: edge.alpha}, set: {background: "gallery:dusk"}}
  out: {use: "TAKE", in: over.nv12}
"""


def chain(name: str, device: str, size: Size, model: str, sets: Mapping[str, Any]) -> Graph:
    """One of CHAINS as a graph; raises GraphError."""
    words = {
        "NAME": name,
        "CHAIN": CHAINS[name],
        "DEVICE": device,
        "FEED": FEED,
        "TAKE": TAKE,
        "WIDTH": size.width,
        "HEIGHT": size.height,
        "MODEL": model,
    }
    text = AROUND
    for word, value in words.items():
        text = text.replace(word, str(value))
    return load(f"bench/{name}.yaml", text, sets=[f"{key}={value}" for key, value in sets.items()])


def grafted(graph: Graph, size: Size) -> Graph:
    """Another graph on the same frames: its pictures come from a Feed, and what its sinks would get goes to Takes."""
    nodes, wires = dict(graph.nodes), []
    for wire in graph.wires:
        port = graph.nodes[wire.src].stage.outputs[wire.out].types[0]
        if not graph.nodes[wire.src].stage.is_source():
            wires.append(wire)
        elif port.dims:
            wires.append(dataclasses.replace(wire, out="image" if port.element == "u8" else "alpha"))
    for name, node in graph.nodes.items():
        if node.stage.is_source():
            stage: Stage = Feed(width=size.width, height=size.height)
        elif not node.stage.outputs:
            stage = Take(keep=True)
            wires = [dataclasses.replace(w, port="value") if w.dst == name else w for w in wires]
        else:
            continue
        nodes[name] = Node(name, stage, node.where)
    return dataclasses.replace(graph, nodes=nodes, wires=tuple(wires), clock="file", budget=Budget(h2d=None, d2h=None))


def measured(name: str, device: str, size: Size, model: str, copies: bool, graph: bool, frames: int) -> ChainFigure:
    """Frames a second at full speed, and the latency of frames that come one at a time."""
    flow = {"feed.resident": not copies, "out.mode": "download" if copies else "leave"}
    run, out = ran(chain(name, device, size, model, flow), frames + WARM, capture=graph)
    if copies:
        latencies = out.latencies
    else:
        _, paced = ran(chain(name, device, size, model, {**flow, "out.mode": "wait"}), frames + WARM, capture=graph)
        latencies = paced.latencies
    settled = [c.settled for c in run.contexts]
    counted = max(out.count - WARM_UP, 1)
    launches = sum(w.launches for w in settled)
    p50, p99 = (float(v) * 1e3 for v in np.percentile(latencies, (50, 99)))
    return ChainFigure(
        chain=name,
        size=str(size),
        copies=copies,
        mode="graph" if graph else "eager",
        frames=frames,
        fps=out.fps,
        p50_ms=p50,
        p99_ms=p99,
        ups=sum(w.ups for w in settled) / counted,
        downs=sum(w.downs for w in settled) / counted,
        launches=launches / counted,
        launch_us=sum(w.launch_ns for w in settled) / max(launches, 1) / 1e3,
        replayed=replayed(run),
        late_allocations=run.late_allocations,
    )


def equality(make: Callable[[], Graph], frames: int) -> Equality:
    """Whether a graph, made anew for each, gives the same bits run from Python and replayed.

    One that takes memory as it goes is not replayed at all: its recordings would write where that memory was.
    """
    eager, _ = ran(make(), frames, capture=False)
    row: dict[str, Any] = {"graph": eager.plan.graph.name, "frames": frames}
    if eager.late_allocations:
        return Equality(**row, replayed=0, equal=False, why=f"{eager.late_allocations} late allocations when eager")
    again, _ = ran(make(), frames, capture=True)
    seen, found = ({n: s.seen for n, s in takes(run).items()} for run in (eager, again))
    why = "" if all(seen.values()) else "no frame came out"
    for name in seen:
        apart = [n for n, (p, q) in enumerate(zip(seen[name], found[name], strict=False)) if p != q]
        if apart or len(seen[name]) != len(found[name]):
            why = f"{name} differs from frame {apart[0] if apart else len(found[name])} on"
    return Equality(**row, replayed=replayed(again), equal=not why, why=why)


def growth(watch: Stopwatch, name: str, size: Size, model: str, frames: int) -> Growth:
    """What a long run takes of the device's memory after its first frames."""
    device = watch.device.name
    with_copies = chain(name, device, size, model, {})
    out: Any = with_copies.nodes["out"].stage
    used: list[int | None] = []
    process = out.process

    def noted(value: Any) -> None:
        process(value)
        if out.count in (WARM, frames):
            used.append(watch.memory())

    out.process = noted
    run, _ = ran(with_copies, frames, capture=True)
    before, after = (*used, None, None)[:2]
    more = None if before is None or after is None else after - before
    return Growth(chain=name, frames=frames, late_allocations=run.late_allocations, growth_bytes=more)


def ran(graph: Graph, frames: int, *, capture: bool) -> tuple[Run, Take]:
    """The graph run to its end on one thread, and its last Take."""
    with Run(plan(graph, sync=True), frames=frames, capture=capture) as run:
        run.wait()
    return run, list(takes(run).values())[-1]


def takes(run: Run) -> dict[str, Take]:
    """The ends of a run."""
    return {n: node.stage for n, node in run.plan.graph.nodes.items() if isinstance(node.stage, Take)}


def replayed(run: Run) -> float:
    """The share of all calls of stages between the ends that were replayed."""
    calls = sum(c.count for c in run.contexts if c.node.stage.outputs and not c.node.stage.is_source())
    units = [u for s in run.segments for u in s.units if isinstance(u, Chain)]
    return sum(u.replays * len(u.steps) for u in units) / max(calls, 1)
