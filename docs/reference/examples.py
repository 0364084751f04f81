"""A graph for every stage, that `bgflow check` takes as it stands."""

from __future__ import annotations

import json
from typing import Any

from bgflow.registry import builtin
from bgflow.stage import Stage

VALUES: dict[str, dict[str, Any]] = {
    "file.sink": {"path": "out.mp4"},
    "file.source": {"path": "talk.mp4"},
    "images.sink": {"path": "cut/"},
    "images.source": {"path": "photos/"},
    "net.mask": {"model": "modnet"},
    "preprocess.resize": {"width": 640, "height": 360},
    "url.source": {"url": "rtsp://camera.example/stream"},
}
"""What the parameters that have no default could be."""

FEEDS = {
    "alpha": ("u2net.mask", "alpha"),
    "image": ("synth.source", "image"),
    "label": ("mog.mask", "label"),
    "nv12": ("preprocess.nv12", "nv12"),
    "plate": ("plate.capture", "plate"),
    "value": ("synth.source", "image"),
}
"""Where an input of this name comes from; others are left open."""


def example(cls: type[Stage]) -> str:
    """A graph, one stage a line, in which this stage has the inputs of `FEEDS`, and what it gives is taken."""
    lines: dict[str, str] = {}
    name = _add(cls, lines)
    if cls.outputs:
        lines["end"] = f"{{use: null.sink, in: {name}.{next(iter(cls.outputs))}}}"
    return "stages:\n" + "".join(f"  {name}: {text}\n" for name, text in lines.items())


def _add(cls: type[Stage], lines: dict[str, str]) -> str:
    """Add a stage behind those that feed it; returns its name."""
    wires = {}
    for port in cls.inputs.values():
        if port.name in FEEDS and not (port.optional and port.name == "alpha"):
            use, out = FEEDS[port.name]
            wires[port.name] = f"{_named(builtin()[use], lines)}.{out}"
    parts = [f"use: {cls.use}"]
    if wires:
        parts.append("in: {" + ", ".join(f"{port}: {source}" for port, source in wires.items()) + "}")
    if values := VALUES.get(cls.use):
        parts.append("set: {" + ", ".join(f"{key}: {json.dumps(value)}" for key, value in values.items()) + "}")
    name = _name(cls, lines)
    lines[name] = "{" + ", ".join(parts) + "}"
    return name


def _named(cls: type[Stage], lines: dict[str, str]) -> str:
    """The stage of that class in the graph, added where there is none."""
    return next((name for name, text in lines.items() if f"use: {cls.use}," in f"{text[:-1]},"), "") or _add(cls, lines)


def _name(cls: type[Stage], lines: dict[str, str]) -> str:
    family, _, last = cls.use.partition(".")
    name = {"source": "camera", "sink": "out", "mask": family}.get(last, last)
    return name if name not in lines else family
