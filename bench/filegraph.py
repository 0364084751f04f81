"""File graphs as the bench runs them: seconds a frame of a whole run, and the mattes on the way."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

import bgflow.graphs
from bgflow import In, Run, Stage, load, plan
from bgflow.bench.clips import Clip
from bgflow.bench.ends import FEED
from bgflow.bench.pictures import Host, Size
from bgflow.frame import Array
from bgflow.graph import Graph
from bgflow.stage import Context

KEEP = "bgflow.bench.filegraph:Keep"


class Keep(Stage, use=KEEP):
    """Keeps a copy of every matte."""

    alpha = In("f32[h,w] alpha")

    host = True

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        self.kept: list[Host] = []

    def process(self, alpha: Array) -> None:
        self.kept.append(np.array(alpha))


def shipped(name: str) -> str:
    """The text of a graph that comes with bgflow."""
    return (Path(bgflow.graphs.__path__[0]) / f"{name}.yaml").read_text("utf-8")


def changed(text: str, clip: Clip | None = None, out: Path | None = None, sets: Sequence[str] = ()) -> Graph:
    """A graph with this clip as its `video` and `out` as its file, on the CPU."""
    ends = [*([f"video.path={clip.path}"] if clip else []), *([f"out.path={out}"] if out else [])]
    return load("bench.yaml", text, sets=[*ends, *sets], device="cpu")


def cut(text: str, alpha: str) -> str:
    """The stages of a graph that lead to a matte, which is kept at its end."""
    graph = yaml.safe_load(text)
    wanted, kept = [alpha], {}
    while wanted:
        name = wanted.pop().partition(".")[0]
        kept[name] = graph["stages"][name]
        into = kept[name].get("in", {})
        wanted += [into] if isinstance(into, str) else into.values()
    return dumped({**graph, "stages": {**kept, "keep": {"use": KEEP, "in": alpha}}})


def fed(text: str, size: Size, last: str) -> str:
    """A graph without its file ends: frames from memory in place of `video`, nothing written behind `last`."""
    graph = yaml.safe_load(text)
    feed = {"use": FEED, "set": {"width": size.width, "height": size.height, "resident": True}}
    ends = {"video": feed, "out": {"use": "null.sink", "in": last}}
    return dumped({**graph, "stages": {**graph["stages"], **ends}})


def keyed(text: str) -> str:
    """The graph of a green screen with a video as its shot, before a plain colour."""
    graph = yaml.safe_load(text)
    stages = graph["stages"]
    del stages["actor"], stages["shot"]
    stages["key"]["in"] = "video.image"
    stages["replace"]["set"] = {"background": "#204060"}
    return dumped({**graph, "stages": {"video": {"use": "file.source", "set": {"path": "a.mp4"}}, **stages}})


def paced(text: str, every: int) -> str:
    """A graph whose network runs at each so-manieth frame."""
    graph = yaml.safe_load(text)
    graph["stages"]["net"]["every"] = every
    return dumped(graph)


def dumped(graph: dict[str, Any]) -> str:
    """As YAML, without the copies that the whole graph was allowed."""
    return yaml.safe_dump({key: value for key, value in graph.items() if key != "budget"}, sort_keys=False)


def seconds(graph: Graph, frames: int) -> float:
    """Of a frame on the mean, from the end of the first at the stage `out` to the end of the last, all files closed."""
    ends = [node.stage for node in graph.nodes.values() if not node.stage.outputs]
    processed: list[float] = []
    closed: list[float] = []
    _marked(graph.nodes["out"].stage, "process", processed)
    for stage in ends:
        _marked(stage, "close", closed)
    ran(graph, frames)
    return (max(closed) - processed[0]) / max(len(processed) - 1, 1)


def _marked(stage: Stage, method: str, marks: list[float]) -> None:
    """Have a method of a stage note the time whenever it is done."""
    call = getattr(stage, method)

    def marked(*values: Any) -> Any:
        done = call(*values)
        marks.append(time.perf_counter())
        return done

    setattr(stage, method, marked)


def ran(graph: Graph, frames: int = 0) -> Run:
    """The graph's run, ended."""
    with Run(plan(graph), frames=frames) as run:
        run.wait()
    return run


def mattes(graph: Graph) -> list[Host]:
    """What a graph of `cut` keeps."""
    ran(graph)
    keep = graph.nodes["keep"].stage
    assert isinstance(keep, Keep)
    return keep.kept


def iou(found: Sequence[Host], truths: Sequence[Host]) -> float:
    """Of the masks at 0.5, the mean over the frames, as DAVIS has it; 1 where neither has anybody."""
    scores = []
    for matte, truth in zip(found, truths, strict=True):
        mask, true = matte >= 0.5, truth >= 0.5
        either = np.count_nonzero(mask | true)
        scores.append(np.count_nonzero(mask & true) / either if either else 1.0)
    return float(np.mean(scores))


def apart(found: Sequence[Host], others: Sequence[Host]) -> float:
    """The mean absolute difference of mattes."""
    return float(np.mean([np.abs(a - b).mean() for a, b in zip(found, others, strict=True)]))
