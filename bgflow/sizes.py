"""Work out how big every array of a graph will be, as far as it can be known before the first frame."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bgflow.graph import Graph


@dataclass
class Sizes:
    """Shapes by 'stage.output' (absent: unknown), problems as (stage, text), and frames by source where known."""

    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    problems: list[tuple[str, str]] = field(default_factory=list)
    frames: dict[str, int] = field(default_factory=dict)


def infer(graph: Graph, probe: bool) -> Sizes:
    """Carry sizes from the sources down the wires; with `probe`, sources may open their files to tell theirs."""
    sizes = Sizes()
    for name, node in graph.nodes.items():
        bound: dict[str, int] = {}
        if node.stage.is_source():
            bound.update(node.stage.sizes(probe))
            if "frames" in bound:
                sizes.frames[name] = bound.pop("frames")
        for port, wire in graph.into(name).items():
            shape = sizes.shapes.get(wire.key)
            given = graph.nodes[wire.src].stage.outputs[wire.out].types[0]
            if shape is None:
                continue
            kind = next((t for t in node.stage.inputs[port].types if t.accepts(given) is None), None)
            if kind is None or not kind.dims:
                continue
            before = dict(bound)
            if (dim := kind.bind(shape, bound)) is not None:
                size = "x".join(map(str, shape))
                had = f"{dim} is {before[dim]}" if dim in before else f"it wants {kind}"
                sizes.problems.append((name, f"{wire.key} is {size}, but {had} on {name}'s other inputs"))
        for out, p in node.stage.outputs.items():
            kind = p.types[0]
            if kind.dims and all(d.isdigit() or d in bound for d in kind.dims):
                sizes.shapes[f"{name}.{out}"] = kind.shape(bound)
    return sizes
