"""What a live graph may promise, `slo: {p95: 33ms}`: a latency that is held by giving up quality, step by step."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bgflow.controls import Controls
from bgflow.document import Document, Place, near
from bgflow.ladder import Changes, chains

if TYPE_CHECKING:
    from bgflow.graph import Graph

QUANTILES = ("p50", "p90", "p95", "p99")
KEYS = (*QUANTILES, "window", "ladder")
UNITS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0}
WINDOW = 5.0
Say = Callable[..., None]
"""Tells of a mistake at a place: `say(place, text, key=False)`."""


@dataclass(frozen=True)
class Slo:
    """A service level objective: `quantile` of the frames reach their sink within `goal` seconds, in every `window`.

    `rungs` are the changes that may be made for it, best picture first; without them the stages are asked.
    """

    quantile: float
    goal: float
    window: float = WINDOW
    rungs: tuple[Changes, ...] = ()

    @property
    def name(self) -> str:
        """The quantile as graphs and reports call it: p95."""
        return f"p{self.quantile * 100:g}"

    def __str__(self) -> str:
        return f"{self.name} {self.goal * 1e3:g} ms over {self.window:g} s"


def duration(value: object) -> float:
    """Seconds from '33ms', '0.5s' or '1min'; raises ValueError when it is no time with a unit."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-zµ]+)\s*", str(value))
    if not found or found[2] not in UNITS:
        raise ValueError(f"a time has a unit, as in 33ms or 0.5s, not {value!r}")
    return float(found[1]) * UNITS[found[2]]


def override(document: Document, text: str) -> None:
    """Take `--slo p95=33ms` or `--slo p95<33ms` as if the file said so; raises ValueError."""
    found = re.fullmatch(r"\s*(\w+)\s*(?:<=|<|=)\s*(\S+)\s*", text)
    if not found or found[1] not in (*QUANTILES, "window"):
        raise ValueError("write it as --slo p95=33ms; there are p50, p90, p95, p99 and window")
    key, label = found[1], f"--slo {text}"
    if isinstance(document.data, dict):
        given = document.data.get("slo")
        if given is None:
            document.data["slo"] = given = {}
            document.given["slo",] = label
        if isinstance(given, dict) and key in QUANTILES:
            for other in QUANTILES:
                given.pop(other, None)
        document.override(("slo", key), found[2], label)


def read(value: Any, graph: Graph, say: Say) -> Slo | None:
    """A graph's `slo`, checked against its stages; None where what is written is wrong, which `say` has told."""
    here: Place = ("slo",)
    if not isinstance(value, dict):
        say(here, "slo holds a goal: {p95: 33ms}")
        return None
    wrong = [key for key in value if key not in KEYS]
    for key in wrong:
        say((*here, key), f"unknown key {key!r}{near(key, KEYS)}", key=True)
    named = [q for q in QUANTILES if q in value]
    if not graph.live:
        say(here, "slo is for live graphs; frames of a file wait for each other and are never late", key=True)
    elif len(named) != 1:
        say(here, f"slo has one goal, {', '.join(QUANTILES[:-1])} or {QUANTILES[-1]}, as in {{p95: 33ms}}", key=True)
    else:
        goal = _time(value, named[0], 1e-3, 60.0, say)
        window = _time(value, "window", 1.0, 600.0, say) if "window" in value else WINDOW
        rungs = _rungs(value["ladder"], graph, say) if "ladder" in value else ()
        if not (wrong or goal is None or window is None or rungs is None):
            slo = Slo(int(named[0][1:]) / 100, goal, window, rungs)
            if chains(graph, rungs):
                return slo
            say(here, "no stage of this graph says how it could be cheaper; give the slo a ladder", key=True)
    return None


def _time(value: Mapping[str, Any], key: str, least: float, most: float, say: Say) -> float | None:
    """The time under a key of `slo`; None when it is none."""
    try:
        found = duration(value[key])
    except ValueError as e:
        say(("slo", key), f"{key}: {e}")
        return None
    if not least <= found <= most:
        say(("slo", key), f"{key} is from {least:g} s to {most:g} s, not {value[key]}")
        return None
    return found


def _rungs(value: Any, graph: Graph, say: Say) -> tuple[Changes, ...] | None:
    """The ladder of a graph; each rung is tried on top of those before it. None when one of them is wrong."""
    here: Place = ("slo", "ladder")
    if not isinstance(value, list) or not value:
        say(here, "a ladder is a list of changes, the best picture first: [{net.every: 4}, {edge.radius: 0}]")
        return None
    controls, right = Controls.of(graph), True
    for n, rung in enumerate(value):
        place: Place = (*here, n)
        if not isinstance(rung, dict) or not rung:
            say(place, "a rung holds changes: {stage.param: value, stage.every: n}")
            return None
        before = {target: controls.value(target) for target in rung}
        try:
            controls.update(rung)
        except ValueError as e:
            target = next((t for t in rung if str(e).startswith(f"{t}:")), _first_unknown(rung, controls))
            say((*place, target), str(e).removeprefix(f"{target.partition('.')[0]}."), key=True)
            right = False
        else:
            if before == {target: controls.value(target) for target in rung}:
                say(place, "this rung changes nothing: the one before it has the same values")
                right = False
    return tuple(value) if right else None


def _first_unknown(rung: Changes, controls: Controls) -> str:
    """The first target of a rung that there is not, else its first."""
    return next((target for target in rung if controls.value(target) is None), next(iter(rung)))
