"""A running graph as a YAML text: its file, with what was changed since."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from bgflow.cadence import Auto
from bgflow.check import load
from bgflow.controls import EVERY
from bgflow.document import Document, Place
from bgflow.errors import BgflowError
from bgflow.media.container import redacted
from bgflow.rewrite import rewritten

if TYPE_CHECKING:
    from bgflow.controls import Controls
    from bgflow.graph import Graph

SENT = "the picture that was sent from the page; write the path of yours here"


def recipe(graph: Graph, controls: Controls, sent: Mapping[str, str], private: bool = False) -> str:
    """The graph with its parameters as they are now; `sent` has the names of pictures that came over the page, by path.

    The text of the file stays, with its comments, where values can be changed in it; else the values are written anew.
    Whoever may not know this machine's files (`private`) gets them without their folders, and no comments.
    """
    was = load(graph.file, graph.text)
    values = _values(was, graph, controls)
    notes = {}
    for place, value in values.items():
        if isinstance(value, str) and value in sent:
            values[place] = f"{sent[value].removeprefix('sent:')}.png"
            notes[place] = SENT
    if private:
        data = _merged(graph.text, values)
        for stage in data["stages"].values():
            stage |= {"set": _shortened(stage["set"])} if stage.get("set") else {}
        return _anew(data)
    text = rewritten(graph.text, values, notes)
    try:
        if Document(graph.file, text).data == (merged := _merged(graph.text, values)):
            return text
    except BgflowError:
        pass
    told = "".join(f"# {place[1]}.{place[-1]}: {note}\n" for place, note in notes.items())
    return told + _anew(merged)


def _values(was: Graph, graph: Graph, controls: Controls) -> dict[Place, Any]:
    """What is another value now than in the file, by its place there."""
    out: dict[Place, Any] = {}
    hot = {(it["stage"], it["param"]): it["value"] for it in controls.list()}
    for name, node in graph.nodes.items():
        before = was.nodes[name].stage.params
        now = {p: hot.get((name, p), getattr(node.stage.params, p)) for p in type(before).model_fields}
        plain = json.loads(before.model_copy(update=now).model_dump_json())
        changed = (param for param in now if now[param] != getattr(before, param))
        out |= {("stages", name, "set", param): _short(plain[param]) for param in changed}
        every, at = was.nodes[name].every, controls.value(f"{name}.{EVERY}")
        if isinstance(every, Auto) and at not in (None, every.least):
            out["stages", name, "every", "least"] = at
        elif isinstance(every, int) and at not in (None, every):
            out["stages", name, "every"] = at
    if graph.device != was.device:
        out["device",] = graph.device
    return out


def _short(value: Any) -> Any:
    """A number as people write it: 3, not 3.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _merged(text: str, values: Mapping[Place, Any]) -> dict[str, Any]:
    """The file's data with other values."""
    data: dict[str, Any] = Document("graph", text).data
    for place, value in values.items():
        spot: Any = data
        for key in place[:-1]:
            if not isinstance(spot.get(key), dict):
                spot[key] = {}
            spot = spot[key]
        spot[place[-1]] = value
    return data


def _shortened(value: Any) -> Any:
    """Plain data without folders and passwords."""
    if isinstance(value, dict):
        return {k: _shortened(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_shortened(v) for v in value]
    if not isinstance(value, str):
        return value
    return redacted(value) if "://" in value else Path(value).name or value


def _anew(data: Any) -> str:
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)
