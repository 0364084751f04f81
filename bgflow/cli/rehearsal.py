"""A graph to be looked at: its sources begin again at their end, and nothing is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bgflow.check import load
from bgflow.document import Document
from bgflow.graph import Graph, Node, Wire

PICTURES_FPS = 1  # of a folder of pictures, so that there is time to look at each
PICTURE_FPS = 10  # of a single one, so that a change of a parameter shows at once


def rehearsal(graph: Graph, sets: Sequence[str], *, once: bool = False) -> Graph:
    """The graph with these settings as the studio runs it: to nowhere, and without end unless `once`.

    It follows a live clock, at the pace of its sources, so that frames which come too late are dropped as a camera's
    are.
    """
    ends = [] if once else list(_endless(graph, sets))
    made = load(graph.file, graph.text, sets=[*sets, *ends], device=graph.device)
    made = dataclasses.replace(made, clock="live", slo=graph.slo)
    return _nowhere(made, {name for name, _ in writers(graph)})


def writers(graph: Graph) -> Iterator[tuple[str, str]]:
    """The sinks that write files, and where to."""
    for name, node in graph.nodes.items():
        if not node.stage.outputs and (path := getattr(node.stage, "path", None)):
            yield name, str(path)


def _endless(graph: Graph, sets: Sequence[str]) -> Iterator[str]:
    """What makes the sources play without end, as far as the graph and its user say nothing of that themselves."""
    stages: Any = Document(graph.file, graph.text).data["stages"]
    for name, node in graph.nodes.items():
        if not node.stage.is_source():
            continue
        said = {*(stages[name].get("set") or {}), *(s[len(name) + 1 :].partition("=")[0] for s in sets if _of(s, name))}
        for param, value in _without_end(node):
            if param in type(node.stage.params).model_fields and param not in said:
                yield f"{name}.{param}={value}"
        if node.stage.use == "synth.source" and "count" in said:
            yield f"{name}.count=0"


def _of(setting: str, name: str) -> bool:
    return setting.startswith(f"{name}.")


def _without_end(node: Node) -> Iterator[tuple[str, int]]:
    yield "loop", -1
    if node.stage.use == "images.source":
        single = Path(str(getattr(node.stage, "path", ""))).expanduser().is_file()
        yield "fps", PICTURE_FPS if single else PICTURES_FPS


def _nowhere(graph: Graph, sinks: set[str]) -> Graph:
    """The graph with other sinks in the place of these, which keep nothing; of their inputs the first that is wired."""
    from bgflow.stages.null import Sink

    nodes, wires = dict(graph.nodes), [w for w in graph.wires if w.dst not in sinks]
    for name in sinks:
        nodes[name] = dataclasses.replace(nodes[name], stage=Sink())
        into = graph.into(name)
        first = next(into[port] for port in graph.nodes[name].stage.inputs if port in into)
        wires.append(Wire(first.src, first.out, name, "value"))
    return dataclasses.replace(graph, nodes=nodes, wires=tuple(wires))
