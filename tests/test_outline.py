"""What the page is told of a graph: how to draw it, and what can be looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bgflow import load, plan
from bgflow.controls import Controls
from bgflow.web.outline import after, before, outline, types

FOLDER = Path(__file__).parents[1] / "graphs"
SHIPPED = sorted(FOLDER.glob("*.yaml"))
GRAPH = """
graph: demo
clock: live
device: cpu
stages:
  camera: {use: synth.source}
  net: {use: mog.mask, in: camera.image, every: 3, thread: net}
  edge: {use: edge.refine, in: {image: camera.image, alpha: net.alpha}, every: {least: 2}}
  cut: {use: compose.replace, in: {image: camera.image, alpha: edge.alpha}}
  file: {use: null.sink, in: camera.image}
  out: {use: preview.sink, in: cut.out}
"""


def told(text: str = GRAPH) -> Any:
    graph = load("g.yaml", text)
    return outline(plan(graph, cores=4), Controls.of(graph))


def stages() -> dict[str, Any]:
    return {stage["name"]: stage for stage in told()["stages"]}


def test_a_column_is_the_longest_way_from_a_source() -> None:
    levels = {name: stage["level"] for name, stage in stages().items()}
    assert levels == {"camera": 0, "net": 1, "edge": 2, "cut": 3, "file": 1, "out": 4}


def test_links_say_where_a_queue_is() -> None:
    queues = {(link["from"], link["to"]): link["queue"] for link in told()["links"]}
    assert queues["camera.image", "net.image"]
    assert queues["net.alpha", "edge.alpha"]
    assert not queues["edge.alpha", "cut.alpha"]


def test_the_cadence_is_that_of_now_beside_that_of_the_file() -> None:
    graph = load("g.yaml", GRAPH)
    controls = Controls.of(graph)
    controls.update({"net.every": 5})
    every = {s["name"]: (s["every"], s["every_file"], s["auto"]) for s in outline(plan(graph), controls)["stages"]}
    assert (every["camera"], every["net"], every["edge"]) == ((None, None, False), (5, 3, False), (2, 2, True))


def test_outputs_say_whether_they_are_wired_and_can_be_drawn() -> None:
    outputs = {out["port"]: (out["wired"], out["shows"]) for out in stages()["net"]["outputs"]}
    assert outputs == {"label": (False, True), "alpha": (True, True), "evidence": (False, True), "plate": (False, True)}


def test_the_result_is_what_the_sink_gets_that_people_look_at() -> None:
    assert (told()["before"], told()["after"]) == ("camera.image", "cut.out")


def test_a_graph_without_a_picture_has_neither() -> None:
    graph = load("g.yaml", "stages:\n  a: {use: 'tests.looking:Numbered'}\n  e: {use: null.sink, in: a.points}\n")
    assert after(graph) is None
    assert before(graph) == "a.image"


@pytest.mark.parametrize("file", SHIPPED, ids=lambda f: f.stem)
def test_every_graph_that_comes_with_bgflow_has_something_before_and_after(file: Path) -> None:
    graph = load(file)
    assert before(graph) in types(graph)
    assert after(graph) in types(graph)
    assert before(graph) != after(graph)


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("webrtc_replace", ["net.alpha", "steady.alpha", "edge.alpha"]),
        ("cctv_mog", ["mog.alpha", "mog.plate", "mog.evidence", "mog.label"]),
        ("synth_demo", ["mog.alpha", "mog.plate", "mog.evidence", "camera.alpha"]),
        ("airbuttons_capture", ["net.alpha", "capture.plate", "capture.spread"]),
    ],
)
def test_alpha_plate_mean_and_uncertainty_can_be_looked_at(name: str, keys: list[str]) -> None:
    assert types(load(FOLDER / f"{name}.yaml")).keys() >= set(keys)
