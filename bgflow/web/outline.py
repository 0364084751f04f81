"""A running graph as its page draws it: the stages, what travels between them, and which of it can be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bgflow.cadence import Auto
from bgflow.graph import Graph, Node
from bgflow.port import Type
from bgflow.web.view import look_of

if TYPE_CHECKING:
    from bgflow.controls import Controls
    from bgflow.planning import Plan

SHOWING = ("webrtc.sink", "preview.sink")  # whose picture is the result, where there are several sinks


def outline(plan: Plan, controls: Controls) -> dict[str, Any]:
    """The answer to `/api/graph`."""
    graph = plan.graph
    home = {stage: segment.name for segment in plan.segments for stage in segment.stages}
    level = levels(graph)
    links = [
        {
            "from": w.key,
            "to": f"{w.dst}.{w.port}",
            "queue": home[w.src] != home[w.dst],
            "held": graph.nodes[w.dst].stage.inputs[w.port].hold,
        }
        for w in graph.wires
    ]
    stages = [
        {**_stage(graph, node), "every": controls.value(f"{name}.every"), "thread": home[name], "level": level[name]}
        for name, node in graph.nodes.items()
    ]
    return {"name": graph.name, "stages": stages, "links": links, "before": before(graph), "after": after(graph)}


def levels(graph: Graph) -> dict[str, int]:
    """The longest way from a source to each stage."""
    out: dict[str, int] = {}
    for name in graph.order:
        out[name] = max((out[w.src] + 1 for w in graph.wires if w.dst == name), default=0)
    return out


def types(graph: Graph) -> dict[str, Type]:
    """The type of every output that can be looked at, by 'stage.port'."""
    return {
        f"{name}.{out}": kind
        for name, node in graph.nodes.items()
        for out, port in node.stage.outputs.items()
        for kind in port.types[:1]
        if look_of(kind)
    }


def before(graph: Graph) -> str | None:
    """What the first source sees, which is laid beside the result."""
    sources = [name for name, node in graph.nodes.items() if node.stage.is_source()]
    used = {w.key for w in graph.wires}
    shown = [key for name in sources for key in _pictures(graph, name)]
    return next((key for key in shown if key in used), shown[0] if shown else None)


def after(graph: Graph) -> str | None:
    """What the sink gets that people look at; without one, what has come the longest way of all that sinks get."""
    sinks = [name for name, node in graph.nodes.items() if not node.stage.outputs]
    known, level = types(graph), levels(graph)
    wires = [w for name in sinks for w in graph.into(name).values() if w.key in known]
    chosen = [w for w in wires if graph.nodes[w.dst].stage.use in SHOWING] or wires
    last = max(chosen, key=lambda w: level[w.src], default=None)
    return last.key if last else None


def _stage(graph: Graph, node: Node) -> dict[str, Any]:
    stage, into = node.stage, graph.into(node.name)
    every = node.every.least if isinstance(node.every, Auto) else node.every
    used = {w.out for w in graph.wires if w.src == node.name}
    outputs = [
        {
            "port": out,
            "type": str(port.types[0]),
            "wired": out in used,
            "shows": look_of(port.types[0]) is not None,
            "about": port.description,
        }
        for out, port in stage.outputs.items()
    ]
    return {
        "name": node.name,
        "use": stage.use,
        "description": (type(stage).__doc__ or "").strip().partition("\n")[0],
        "every_file": None if stage.is_source() else every,
        "auto": isinstance(node.every, Auto),
        "inputs": [{"port": port, "from": wire.key} for port, wire in into.items()],
        "outputs": outputs,
    }


def _pictures(graph: Graph, name: str) -> list[str]:
    """The outputs of a stage that are pictures as a camera has them."""
    outputs = graph.nodes[name].stage.outputs.items()
    return [f"{name}.{out}" for out, port in outputs if look_of(port.types[0]) == "picture"]
