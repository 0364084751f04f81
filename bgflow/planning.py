"""Cut a graph into segments (one thread each), choose devices, and say how much memory the frames will take."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from bgflow.budget import Crossing, crossings
from bgflow.devices import Device, auto, device
from bgflow.errors import BudgetError
from bgflow.graph import Graph, Node, Wire
from bgflow.sizes import Sizes, infer

EDGE_SIZE = 2  # frames waiting between two segments of a file run; a live run keeps only the newest


@dataclass(frozen=True)
class SegmentPlan:
    """Stages that one thread runs in order."""

    name: str
    stages: tuple[str, ...]


@dataclass(frozen=True)
class EdgePlan:
    """The hand-over from one segment to another; `driver` edges give the taker its instants, others only hold.

    `keys` are all values that travel, `held` those of them that every reader holds.
    """

    src: str
    dst: str
    keys: frozenset[str]
    held: frozenset[str]
    driver: bool
    size: int
    latest: bool


@dataclass(frozen=True)
class PoolPlan:
    """The memory behind one output: blocks of `nbytes` each; `shape` None where it shows at the first frame."""

    port: str
    device: str
    shape: tuple[int, ...] | None
    dtype: str
    blocks: int

    @property
    def nbytes(self) -> int:
        """Bytes of all blocks; 0 while the shape is unknown."""
        return 0 if self.shape is None else int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize * self.blocks


@dataclass(frozen=True)
class Plan:
    """All that a run needs to know and a user may want to see before it starts."""

    graph: Graph
    segments: tuple[SegmentPlan, ...]
    edges: tuple[EdgePlan, ...]
    pools: Mapping[str, PoolPlan]
    devices: Mapping[str, Device]
    why: str
    sizes: Sizes = field(compare=False)
    crossings: tuple[Crossing, ...] = ()

    @property
    def live(self) -> bool:
        """Whether late frames are dropped."""
        return self.graph.live

    @property
    def nbytes(self) -> int:
        """Bytes of frame memory, as far as sizes are known."""
        return sum(p.nbytes for p in self.pools.values())

    def __str__(self) -> str:
        lines = [
            f"{self.graph.name}: {'live, late frames are dropped' if self.live else 'every frame counts'}; {self.why}"
        ]
        lines += [f"  thread {s.name}: {' -> '.join(s.stages)}" for s in self.segments]
        lines += [
            f"  edge {e.src} -> {e.dst}: {', '.join(sorted(e.keys))}; {e.size} frame{'s' * (e.size > 1)}, "
            f"{'newest wins' if e.latest else 'waits'}"
            for e in self.edges
        ]
        for p in self.pools.values():
            size = "size known at the first frame" if p.shape is None else f"{'x'.join(map(str, p.shape))} {p.dtype}"
            lines.append(f"  pool {p.port} on {p.device}: {p.blocks} x {size} = {p.nbytes:,} bytes")
        for way in ("h2d", "d2h"):
            places = [f"{c.place} {getattr(c, way):g}" for c in self.crossings if getattr(c, way)]
            if places:
                lines.append(f"  {way} copies of each frame: {', '.join(places)}")
        if self.graph.slo:
            lines.append(f"  slo: {self.graph.slo}")
        unknown = sum(p.shape is None for p in self.pools.values())
        lines.append(
            f"  frame memory: {self.nbytes:,} bytes" + (f" and {unknown} pools of unknown size" if unknown else "")
        )
        return "\n".join(lines)


def plan(graph: Graph, *, cores: int | None = None, sync: bool = False) -> Plan:
    """Plan a run of `graph` on `cores` processors; `sync` puts everything it can on one thread.

    Sources may look into their files for their size. Threads are few because Python is one of the cores: a live
    source, each of several sources and a stage with `thread: NAME` get their own; a file's reader and the sinks
    do only where `cores` leaves room.

    Raises:
        DeviceError: a device of the graph cannot be had.
        BudgetError: frames would cross between devices more often than the graph allows.
        MediaError: a source cannot open its file.
    """
    devices, why = _devices(graph)
    thread = _threads(graph, devices, cores or len(os.sched_getaffinity(0)), sync)
    level: dict[str, int] = {}
    for name in graph.order:
        level[name] = max(
            (level[w.src] + (thread[w.src] != thread[name]) for w in graph.wires if w.dst == name), default=0
        )
    groups: dict[tuple[int, str], list[str]] = {}
    for name in graph.order:
        groups.setdefault((level[name], thread[name]), []).append(name)
    names = _names(groups)
    home = {stage: names[key] for key, stages in groups.items() for stage in stages}
    segments = tuple(SegmentPlan(names[key], tuple(groups[key])) for key in sorted(groups))
    edges = _edges(graph, home)
    copied = crossings(graph, {n: d.name for n, d in devices.items()}, home)
    for way, text in graph.budget.over(copied):
        raise BudgetError(f"{graph.file}: budget.{way}: {text}")
    sizes = infer(graph, probe=True)
    pools = {}
    for name, node in graph.nodes.items():
        for out, port in node.stage.outputs.items():
            kind = port.types[0]
            readers = [w for w in graph.wires if (w.src, w.out) == (name, out)]
            if not kind.dims or not readers:
                continue
            key = f"{name}.{out}"
            pools[key] = PoolPlan(
                key,
                devices[name].name,
                sizes.shapes.get(key),
                np.dtype(kind.dtype).name,
                _blocks(graph, home, readers, edges),
            )
    return Plan(graph, segments, edges, pools, devices, why, sizes, tuple(copied))


def _devices(graph: Graph) -> tuple[dict[str, Device], str]:
    if graph.device == "auto":
        chosen, why = auto()
        why = f"device {why}"
    else:
        chosen = device(graph.device)
        why = f"device {chosen.name}: as asked"
    cpu = device("cpu")
    out = {
        n: cpu if node.stage.host else device(node.device) if node.device else chosen for n, node in graph.nodes.items()
    }
    return out, why


def _threads(graph: Graph, devices: Mapping[str, Device], cores: int, sync: bool) -> dict[str, str]:
    """A thread label for every stage; '' is the main one.

    A stage on an accelerator only enqueues its work, so that a thread of its own would win nothing: in a graph of one
    source its label does not count, and it can be captured together with its neighbours. Several streams may wait for
    each other, to be batched, and keep their threads.
    """
    sources = [n for n, node in graph.nodes.items() if node.stage.is_source()]
    waits = {n for n in graph.nodes if devices[n].name == "cpu" or len(sources) > 1}
    label = {n: node.thread if n in waits and not sync else "" for n, node in graph.nodes.items()}
    for name in sources:
        if len(sources) > 1 or (graph.live and not sync):
            label[name] = f"source {name}"
    spare = max(cores - 1, 1) - len(set(label.values()))
    if not sync and len(sources) == 1 and not label[sources[0]] and spare > 0:
        label[sources[0]] = f"source {sources[0]}"
        spare -= 1
    for name, node in graph.nodes.items():
        if not sync and spare > 0 and _writes(node) and not label[name]:
            label[name] = f"sink {name}"
            spare -= 1
    return label


def _writes(node: Node) -> bool:
    return not node.stage.outputs


def _names(groups: Mapping[tuple[int, str], list[str]]) -> dict[tuple[int, str], str]:
    """A short unique name for every segment: its thread's label, or its first stage's name."""
    names: dict[tuple[int, str], str] = {}
    for (level, label), stages in sorted(groups.items()):
        name = label.rpartition(" ")[2] or stages[0]
        names[level, label] = name if name not in names.values() else f"{name} {level}"
    return names


def _edges(graph: Graph, home: Mapping[str, str]) -> tuple[EdgePlan, ...]:
    between: dict[tuple[str, str], list[Wire]] = {}
    for w in graph.wires:
        if home[w.src] != home[w.dst]:
            between.setdefault((home[w.src], home[w.dst]), []).append(w)
    awaited = {
        pair: {w.key for w in wires if not graph.nodes[w.dst].stage.inputs[w.port].hold}
        for pair, wires in between.items()
    }
    drives = {pair: bool(keys) for pair, keys in awaited.items()}
    for segment in {dst for _, dst in between}:  # a segment that only holds is driven by its first edge
        pairs = [p for p in between if p[1] == segment]
        if not any(drives[p] for p in pairs):
            drives[pairs[0]] = True
    size = 1 if graph.live else EDGE_SIZE
    return tuple(
        EdgePlan(src, dst, keys, keys - awaited[src, dst], drives[src, dst], size, graph.live)
        for (src, dst), wires in between.items()
        for keys in [frozenset(w.key for w in wires)]
    )


def _blocks(graph: Graph, home: Mapping[str, str], readers: list[Wire], edges: tuple[EdgePlan, ...]) -> int:
    """How many arrays of one output can be alive at once: in the making, waiting, in use, and held."""
    key = readers[0].key
    blocks = 1 + graph.nodes[readers[0].src].stage.is_source()  # a source's own variable outlives its yield
    for e in edges:
        if key in e.keys and e.src == home[readers[0].src]:
            blocks += e.size + 2  # waiting, in use by the taker, and met early by its join
    held = {home[w.dst] for w in readers if graph.nodes[w.dst].stage.inputs[w.port].hold}
    return blocks + len(held)
