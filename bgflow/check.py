"""Read a graph file and find every problem in it at once, before anything is opened."""

from __future__ import annotations

import dataclasses
import graphlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pydantic

from bgflow import slo
from bgflow.budget import Budget, crossings, homes
from bgflow.cadence import Auto, is_picture
from bgflow.devices import known as known_devices
from bgflow.document import Document, Place, Problem, near
from bgflow.errors import GraphError
from bgflow.graph import Graph, Node, Wire
from bgflow.port import mismatch
from bgflow.registry import UnknownStage, find
from bgflow.sizes import infer
from bgflow.stage import Stage

TOP_KEYS = ("graph", "description", "device", "clock", "budget", "slo", "stages")
STAGE_KEYS = ("use", "in", "set", "every", "thread", "device")


def load(
    file: str | Path, text: str | None = None, *, sets: Iterable[str] = (), slos: Iterable[str] = (), device: str = ""
) -> Graph:
    """Read and check a graph file (or `text` under the name `file`).

    `sets` are 'stage.param=value' overrides, `slos` such as 'p95=33ms' of the slo, `device` replaces the file's. No
    model, device or file is touched.

    Raises:
        UsageError: the file cannot be read.
        GraphError: with every problem in it.
    """
    document = Document(str(file), text)
    checker = Checker(document, Path(file).parent)
    for item in sets:
        checker.override(item)
    for item in slos:
        checker.promise(item)
    return checker.graph(device)


class Checker:
    """One pass over a document that collects problems and builds the graph."""

    def __init__(self, document: Document, folder: Path):
        self.doc, self.folder = document, folder
        self.bad: list[Problem] = list(document.problems)

    def say(self, place: Place, text: str, *, key: bool = False) -> None:
        self.bad.append(self.doc.problem(place, text, key=key))

    def override(self, item: str) -> None:
        target, eq, value = item.partition("=")
        stage, dot, param = target.partition(".")
        label = f"--set {item}"
        stages = self.doc.data.get("stages") if isinstance(self.doc.data, dict) else None
        if not (eq and dot and stage and param):
            self.bad.append(Problem(label, 0, 0, "write it as --set stage.param=value"))
        elif isinstance(stages, dict) and stage not in stages:
            self.bad.append(Problem(label, 0, 0, f"no stage is named {stage!r}{near(stage, stages)}"))
        else:
            self.doc.override(("stages", stage, "set", param), value, label)

    def promise(self, item: str) -> None:
        """Set or override a part of the slo."""
        try:
            slo.override(self.doc, item)
        except ValueError as e:
            self.bad.append(Problem(f"--slo {item}", 0, 0, str(e)))

    def graph(self, device: str) -> Graph:
        data = self.doc.data
        if not isinstance(data, dict) or not isinstance(data.get("stages"), dict) or not data["stages"]:
            self.say(("stages",), "a graph needs 'stages:' with at least one stage in it", key=True)
            raise GraphError(self.bad)
        for key in data:
            if key not in TOP_KEYS:
                self.say((key,), f"unknown key {key!r}{near(key, TOP_KEYS)}", key=True)
        chosen = device or data.get("device", "auto")
        self._device(("device",), chosen)
        clock = data.get("clock", "auto")
        if clock not in ("auto", "live", "file"):
            self.say(("clock",), f"clock is auto, live or file, not {clock!r}")
        nodes = {n: made for n, raw in data["stages"].items() if (made := self._node(n, raw))}
        wires = self._wires(data["stages"], nodes)
        order = self._order(data["stages"], wires, nodes)
        self._ends(nodes, wires)
        self._watched(nodes, wires)
        graph = Graph(
            str(data.get("graph", Path(self.doc.file).stem)),
            self.doc.file,
            {n: nodes[n] for n in order},
            tuple(wires),
            str(chosen),
            str(clock),
            self._budget(data.get("budget")),
            text="".join(f"{line}\n" for line in self.doc.lines),
        )
        if "slo" in data and len(nodes) == len(data["stages"]):
            graph = dataclasses.replace(graph, slo=slo.read(data["slo"], graph, self.say))
        if not self.bad:
            if graph.device != "auto":  # else the plan knows whether there is an accelerator
                for way, text in graph.budget.over(crossings(graph, homes(graph))):
                    self.say(("budget", way), text)
            for name, text in infer(graph, probe=False).problems:
                self.say(("stages", name), text, key=True)
        if self.bad:
            raise GraphError(self.bad)
        return graph

    def _device(self, place: Place, name: object) -> None:
        family = str(name).partition(":")[0]
        if family != "auto" and family not in known_devices():
            self.say(place, f"there is no device {name!r}{near(family, ['auto', *known_devices()])}")

    def _budget(self, value: Any) -> Budget:
        """The graph's budget; none where what is written is wrong."""
        if value is not None and not isinstance(value, dict):
            self.say(("budget",), "budget holds limits: {h2d: 1, d2h: 1}")
            return Budget()
        try:
            return Budget(**(value or {}))
        except pydantic.ValidationError as e:
            for p in e.errors():
                self._told(Budget, "budget", ("budget",), p)
            return Budget()

    def _node(self, name: str, raw: Any) -> Node | None:
        here: Place = ("stages", name)
        if "." in name:
            self.say(here, f"a stage's name has no dot in it: {name!r}", key=True)
        if not isinstance(raw, dict) or not isinstance(raw.get("use"), str):
            self.say(here, f"{name} needs 'use: family.stage'", key=True)
            return None
        for key in raw:
            if key not in STAGE_KEYS:
                self.say((*here, key), f"unknown key {key!r}{near(key, STAGE_KEYS)}", key=True)
        try:
            cls = find(raw["use"], self.folder)
        except UnknownStage as e:
            self.say((*here, "use"), str(e))
            return None
        every = self._every(here, raw.get("every", 1), cls)
        if raw.get("device"):
            self._device((*here, "device"), raw["device"])
        stage = self._stage(cls, here, raw.get("set") or {})
        if stage is None:
            return None
        where = self.doc.where(here)
        return Node(name, stage, where, every, str(raw.get("thread") or ""), str(raw.get("device") or ""))

    def _every(self, here: Place, value: Any, cls: type[Stage]) -> int | Auto:
        """A stage's cadence; 1 where what is written is wrong."""
        place: Place = (*here, "every")
        if value == 1 and not isinstance(value, bool):
            return 1
        if cls.is_source():
            self.say(place, f"{here[-1]} is a source; 'every' belongs to a stage after it", key=True)
        elif isinstance(value, int) and not isinstance(value, bool) and value > 1:
            return value
        elif value != "auto" and not isinstance(value, dict):
            self.say(place, f"every is a whole number from 1, or auto, not {value!r}")
        else:
            try:
                return Auto(**(value if isinstance(value, dict) else {}))
            except pydantic.ValidationError as e:
                for p in e.errors():
                    self._told(Auto, "every: auto", place, p)
        return 1

    def _stage(self, cls: type[Stage], here: Place, values: Any) -> Stage | None:
        if not isinstance(values, dict):
            self.say((*here, "set"), "'set' holds parameters: {name: value, …}")
            return None
        try:
            stage = cls(**values)
        except pydantic.ValidationError as e:
            for p in e.errors():
                self._told(cls.Params, cls.use, (*here, "set"), p)
            return None
        wrong = list(stage.problems())
        for param, text in wrong:
            self.say((*here, "set", param), text)
        return stage

    def _told(self, model: type[pydantic.BaseModel], of: str, here: Place, p: Any) -> None:
        """pydantic's finding in our words: the key, what is allowed, what was found."""
        place: Place = (*here, *(x for x in p["loc"] if isinstance(x, int) or x in model.model_fields))
        name = str(p["loc"][0])
        if p["type"] == "extra_forbidden":
            place = (*here, name)
            self.say(place, f"{of} has no parameter {name!r}{near(name, model.model_fields)}", key=True)
        elif p["type"] == "missing":
            self.say(here[:-1], f"{of} needs its parameter {name!r}", key=True)
        else:
            rule = p["msg"][0].lower() + p["msg"][1:].partition(", unable to parse")[0]
            self.say(place, f"{name}: {rule}, not {p['input']!r}")

    def _wires(self, raw: Mapping[str, Any], nodes: Mapping[str, Node]) -> list[Wire]:
        wires = []
        for name, node in nodes.items():
            here: Place = ("stages", name, "in")
            links = raw[name].get("in", {})
            if links is None:
                links = {}
            inputs = node.stage.inputs
            if isinstance(links, str):
                if not inputs:
                    self.say(here, f"{node.stage.use} is a source and takes no input", key=True)
                    continue
                links, places = {next(iter(inputs)): links}, {next(iter(inputs)): here}
            elif isinstance(links, dict):
                places = {p: (*here, p) for p in links}
            else:
                self.say(here, "'in' is one output, or {input: output, …}")
                continue
            for port, ref in links.items():
                if wire := self._wire(name, node, port, ref, places[port], raw, nodes):
                    wires.append(wire)
            for port, p in inputs.items():
                if port not in links and not p.optional:
                    self.say(("stages", name), f"{name} needs its input {port!r}", key=True)
        return wires

    def _wire(
        self,
        name: str,
        node: Node,
        port: str,
        ref: Any,
        place: Place,
        raw: Mapping[str, Any],
        nodes: Mapping[str, Node],
    ) -> Wire | None:
        inputs = node.stage.inputs
        if port not in inputs:
            self.say(place, f"{node.stage.use} has no input {port!r}{near(port, inputs)}", key=True)
            return None
        if not isinstance(ref, str):
            self.say(place, f"an input is wired to 'stage.output', not {ref!r}")
            return None
        src, _, out = ref.partition(".")
        if src not in raw:
            self.say(place, f"no stage is named {src!r}{near(src, raw)}")
            return None
        if src not in nodes:  # it was complained about already
            return None
        outs = nodes[src].stage.outputs
        out = out or next(iter(outs), "")
        if out not in outs:
            self.say(place, f"{src} ({nodes[src].stage.use}) has no output {out!r}{near(out, outs)}")
            return None
        if text := mismatch(ref, outs[out], f"{name}.{port}", inputs[port]):
            self.say(place, text)
            return None
        return Wire(src, out, name, port)

    def _watched(self, nodes: Mapping[str, Node], wires: Iterable[Wire]) -> None:
        """`every: auto` needs a picture that is wired."""
        fed = {(w.dst, w.port) for w in wires}
        if self.bad:  # as below
            return
        for name, node in nodes.items():
            if not isinstance(node.every, Auto):
                continue
            pictures = [n for n, port in node.stage.inputs.items() if is_picture(port)]
            text = f"every: auto watches a picture, but {node.stage.use} takes none; give a number"
            if pictures:
                text = f"every: auto watches a picture; wire {' or '.join(pictures)}, or give a number"
            if not any((name, n) in fed for n in pictures):
                self.say(("stages", name, "every"), text, key=True)

    def _order(self, raw: Mapping[str, Any], wires: Iterable[Wire], nodes: Mapping[str, Node]) -> tuple[str, ...]:
        feeds = {n: [w.src for w in wires if w.dst == n] for n in nodes}
        try:
            return tuple(graphlib.TopologicalSorter(feeds).static_order())
        except graphlib.CycleError as e:
            ring = e.args[1][::-1]
            self.say(("stages", ring[0]), "these stages feed each other: " + " -> ".join(ring), key=True)
            return tuple(nodes)

    def _ends(self, nodes: Mapping[str, Node], wires: Iterable[Wire]) -> None:
        """Every stage must be reached from a source and lead to a sink."""
        fed, used = {w.dst for w in wires}, {w.src for w in wires}
        if self.bad:  # a stage with a wrong input or a wrong parameter is not wired as it was meant to be
            return
        for name, node in nodes.items():
            if not node.stage.is_source() and name not in fed:
                self.say(("stages", name), f"nothing reaches {name}; wire one of its inputs", key=True)
            if node.stage.outputs and name not in used:
                outs = ", ".join(f"{name}.{o}" for o in node.stage.outputs)
                self.say(("stages", name), f"{name} leads nowhere; wire {outs} into a stage or remove it", key=True)
