"""A checked graph: stages, wires and their order; no threads, no memory, no files opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bgflow.budget import Budget
from bgflow.cadence import Auto
from bgflow.slo import Slo
from bgflow.stage import Stage


@dataclass(frozen=True)
class Wire:
    """One connection: output `src.out` feeds input `dst.port`."""

    src: str
    out: str
    dst: str
    port: str

    @property
    def key(self) -> str:
        """The name of the value that travels: 'stage.output'."""
        return f"{self.src}.{self.out}"

    def __str__(self) -> str:
        return f"{self.src}.{self.out} -> {self.dst}.{self.port}"


@dataclass(frozen=True)
class Node:
    """One stage of a graph and what the graph says of it."""

    name: str
    stage: Stage
    where: str
    every: int | Auto = 1
    thread: str = ""
    device: str = ""


@dataclass(frozen=True)
class Graph:
    """A checked graph; `order` is topological, `nodes` follow it."""

    name: str
    file: str
    nodes: Mapping[str, Node]
    wires: tuple[Wire, ...]
    device: str = "auto"
    clock: str = "auto"
    budget: Budget = field(default_factory=Budget)
    slo: Slo | None = None
    text: str = field(default="", repr=False, compare=False)
    """What it was read from."""

    @property
    def order(self) -> tuple[str, ...]:
        """The stages' names, every stage after those that feed it."""
        return tuple(self.nodes)

    @property
    def live(self) -> bool:
        """Whether frames that come too late are dropped (any live source, or `clock: live`)."""
        return self.clock == "live" or (self.clock == "auto" and any(n.stage.live for n in self.nodes.values()))

    def into(self, name: str) -> dict[str, Wire]:
        """The wires into a stage, by port."""
        return {w.port: w for w in self.wires if w.dst == name}
