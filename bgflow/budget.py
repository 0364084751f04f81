"""How often each frame crosses between the host and an accelerator, and the most that a graph allows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pydantic

if TYPE_CHECKING:
    from bgflow.graph import Graph

WORDS = {"h2d": "from the host to the device", "d2h": "from the device to the host"}


class Budget(pydantic.BaseModel):
    """What `budget` may say in a graph: the most copies a frame may take each way; what is left out is not limited."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    h2d: int | None = pydantic.Field(default=None, ge=0, description="copies of each frame from the host to the device")
    d2h: int | None = pydantic.Field(default=None, ge=0, description="copies of each frame from the device to the host")

    def over(self, crossings: Iterable[Crossing]) -> list[tuple[str, str]]:
        """What is over it: ('h2d' or 'd2h', text)."""
        found = list(crossings)
        out = []
        for way, allowed in (("h2d", self.h2d), ("d2h", self.d2h)):
            made = sum(getattr(c, way) for c in found)
            if allowed is not None and round(made, 2) > allowed:
                places = ", ".join(f"{c.place} {getattr(c, way):g}" for c in found if getattr(c, way))
                text = f"a frame is copied {made:g} times {WORDS[way]}, but the budget is {allowed}: {places}"
                out.append((way, text))
        return out


@dataclass(frozen=True)
class Crossing:
    """Copies that each frame takes at one place: a wire between devices, or inside a stage."""

    place: str
    h2d: float = 0
    d2h: float = 0


def homes(graph: Graph) -> dict[str, str]:
    """The device of each stage, as the graph says it."""
    return {name: "cpu" if node.stage.host else node.device or graph.device for name, node in graph.nodes.items()}


def crossings(graph: Graph, devices: Mapping[str, str], segments: Mapping[str, str] | None = None) -> list[Crossing]:
    """All copies of one frame, with each stage on the device of that name.

    A value is copied once for all stages of one segment (thread) that want it; without `segments` there is one.
    """
    out: dict[tuple[str, str, str], Crossing] = {}
    for wire in graph.wires:
        src, dst = devices[wire.src], devices[wire.dst]
        if src == dst or not graph.nodes[wire.src].stage.outputs[wire.out].types[0].dims:
            continue
        key = (wire.key, dst, segments[wire.dst] if segments else "")
        out.setdefault(key, Crossing(str(wire), h2d=int(src == "cpu"), d2h=int(dst == "cpu")))
    found = list(out.values())
    for name, node in graph.nodes.items():
        if devices[name] != "cpu" and any(own := node.stage.copies()):
            found.append(Crossing(name, *own))
    return found
