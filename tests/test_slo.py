"""A graph that promises a latency says so in time units, for live sources, and with rungs that are cheaper each."""

from __future__ import annotations

import textwrap

import pytest

import tests.toys
from bgflow import load
from bgflow.cadence import Auto
from bgflow.controls import Controls
from bgflow.errors import GraphError
from bgflow.ladder import Ladder, chains
from bgflow.slo import Slo, duration
from tests.commandline import bgflow
from tests.test_keeper import Sharp

assert tests.toys
assert Sharp

LIVE = """\
stages:
  src: {use: toy.live}
  a: {use: toy.add, in: src, every: 2}
  p: {use: toy.pair, in: {image: src, other: a}}
"""


def told(slo: str, stages: str = LIVE, slos: tuple[str, ...] = ()) -> list[str]:
    """What is said of a graph, without the source lines."""
    with pytest.raises(GraphError) as e:
        load("g.yaml", stages + textwrap.dedent(slo), slos=slos)
    return [line for line in str(e.value).splitlines() if not line.startswith("    ")]


@pytest.mark.parametrize(
    ("text", "seconds"), [("33ms", 0.033), ("0.5s", 0.5), (".5 s", 0.5), ("1min", 60), ("250us", 0.00025)]
)
def test_a_time_is_a_number_with_a_unit(text: str, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["33", 33, "", "ms", "-1ms", "1h", "1 ms 2", None, True])
def test_a_time_without_a_unit_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"a time has a unit, as in 33ms or 0\.5s, not "):
        duration(text)


def test_a_goal_alone_is_enough_where_a_stage_may_rest() -> None:
    graph = load("g.yaml", LIVE + "slo: {p95: 33ms}\n")
    assert graph.slo == Slo(0.95, 0.033, 5.0)
    assert chains(graph) == {"a": [{"a.every": 3}, {"a.every": 4}, {"a.every": 6}]}


def test_a_ladder_of_the_graph_is_taken_as_it_stands() -> None:
    text = "slo: {p99: 0.1s, window: 10s, ladder: [{a.every: 5, a.amount: 2}, {a.amount: 3}]}\n"
    slo = load("g.yaml", LIVE + text).slo
    assert slo == Slo(0.99, 0.1, 10.0, ({"a.every": 5, "a.amount": 2}, {"a.amount": 3}))


@pytest.mark.parametrize(
    ("slo", "words"),
    [
        ("slo: 33ms", "g.yaml:5:6: slo holds a goal: {p95: 33ms}"),
        ("slo:", "g.yaml:5:5: slo holds a goal: {p95: 33ms}"),
        ("slo: {p95: 33}", "g.yaml:5:12: p95: a time has a unit, as in 33ms or 0.5s, not 33"),
        ("slo: {p95: 0ms}", "g.yaml:5:12: p95 is from 0.001 s to 60 s, not 0ms"),
        ("slo: {p95: 33ms, window: 10ms}", "g.yaml:5:26: window is from 1 s to 600 s, not 10ms"),
        ("slo: {window: 5s}", "g.yaml:5:1: slo has one goal, p50, p90, p95 or p99, as in {p95: 33ms}"),
        ("slo: {p95: 33ms, p99: 50ms}", "g.yaml:5:1: slo has one goal, p50, p90, p95 or p99, as in {p95: 33ms}"),
        ("slo: {p95: 33ms, latter: 3}", "g.yaml:5:18: unknown key 'latter'; did you mean 'ladder'?"),
        (
            "slo: {p95: 33ms, ladder: []}",
            "g.yaml:5:26: a ladder is a list of changes, the best picture first: [{net.every: 4}, {edge.radius: 0}]",
        ),
        (
            "slo: {p95: 33ms, ladder: [3]}",
            "g.yaml:5:27: a rung holds changes: {stage.param: value, stage.every: n}",
        ),
        ("slo: {p95: 33ms, ladder: [{b.every: 3}]}", "g.yaml:5:28: no stage is named 'b'; there are a, p, src"),
        (
            "slo: {p95: 33ms, ladder: [{a.fail: x}]}",
            "g.yaml:5:28: a has no parameter 'fail' that may change while it runs; there are amount, every",
        ),
        (
            "slo: {p95: 33ms, ladder: [{src.every: 2}]}",
            "g.yaml:5:28: src has no parameter 'every' that may change while it runs",
        ),
        (
            "slo: {p95: 33ms, ladder: [{a.amount: 300}]}",
            "g.yaml:5:28: amount: input should be less than or equal to 255, not 300",
        ),
        (
            "slo: {p95: 33ms, ladder: [{a.every: auto}]}",
            "g.yaml:5:28: every: every is a whole number from 1 while it runs, not 'auto'",
        ),
        (
            "slo: {p95: 33ms, ladder: [{a.every: 3}, {a.every: 3, a.amount: 1}]}",
            "g.yaml:5:41: this rung changes nothing: the one before it has the same values",
        ),
        (
            "slo: {p95: 33ms, ladder: [{a.every: 2}]}",
            "g.yaml:5:27: this rung changes nothing: the one before it has the same values",
        ),
    ],
)
def test_a_wrong_slo_is_told_with_its_place(slo: str, words: str) -> None:
    assert told(slo) == [words]


def test_every_wrong_rung_is_told_at_once_and_beside_other_mistakes() -> None:
    slo = "slo: {p95: 5, ladder: [{b.every: 3}, {a.amont: 3}]}\ndevcie: cpu\n"
    assert [line.partition(": ")[0] for line in told(slo)] == [f"g.yaml:{at}" for at in ("5:12", "5:25", "5:39", "6:1")]


def test_a_graph_of_files_is_told_that_its_frames_are_never_late() -> None:
    words = "slo is for live graphs; frames of a file wait for each other and are never late"
    assert told("slo: {p95: 33ms}", LIVE.replace("toy.live", "toy.count")) == [f"g.yaml:5:1: {words}"]


def test_a_graph_in_which_nothing_can_be_cheaper_is_told_to_give_a_ladder() -> None:
    words = "no stage of this graph says how it could be cheaper; give the slo a ladder"
    assert told("slo: {p95: 33ms}", LIVE.replace(", every: 2", "")) == [f"g.yaml:5:1: {words}"]


@pytest.mark.parametrize("text", ["p95=40ms", "p95<40ms", "p95 <= 40ms"])
def test_an_option_sets_the_goal_of_a_graph_that_has_none(text: str) -> None:
    assert load("g.yaml", LIVE, slos=[text]).slo == Slo(0.95, 0.04)


def test_an_option_replaces_the_goal_of_the_graph_and_keeps_its_ladder() -> None:
    graph = load("g.yaml", LIVE + "slo: {p99: 50ms, ladder: [{a.every: 9}]}\n", slos=["p95=40ms", "window=2s"])
    assert graph.slo == Slo(0.95, 0.04, 2.0, ({"a.every": 9},))


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("33ms", "write it as --slo p95=33ms; there are p50, p90, p95, p99 and window"),
        ("p96=33ms", "write it as --slo p95=33ms; there are p50, p90, p95, p99 and window"),
        ("p95=33", "p95: a time has a unit, as in 33ms or 0.5s, not 33"),
    ],
)
def test_a_wrong_option_is_told_by_its_name(option: str, words: str) -> None:
    assert told("", slos=(option,)) == [f"--slo {option}: {words}"]


def test_the_command_line_takes_the_option_and_the_plan_shows_it() -> None:
    shown = bgflow("run", "webrtc_replace", "--slo", "p95<40ms", "--plan")
    assert (shown.code, "  slo: p95 40 ms over 5 s" in shown.out.splitlines()) == (0, True)


def test_the_shipped_camera_graph_has_steps_to_take_in_several_stages() -> None:
    offered = chains(load("graphs/webrtc_replace.yaml"))
    assert list(offered) == ["net", "edge", "replace"]
    assert offered["net"][:3] == [{"net.every": 4}, {"net.every": 6}, {"net.height": 128, "net.width": 224}]


@pytest.mark.parametrize("file", ["webrtc_replace", "webrtc_blur"])
def test_every_step_that_a_shipped_stage_offers_can_be_taken_and_taken_back(file: str) -> None:
    graph = load(f"graphs/{file}.yaml", slos=["p95=40ms"])
    controls, ladder = Controls.of(graph), Ladder(chains(graph))
    for _ in range(ladder.lowest):
        (changes,) = ladder.down({})
        before = {target: controls.value(target) for target in changes}
        controls.update(changes)
        assert {target: controls.value(target) for target in changes} == changes != before
        controls.update(before)
        controls.update(changes)


def test_stages_of_an_accelerator_keep_their_pace() -> None:
    graph = load("g.yaml", LIVE)
    assert chains(graph, fast=["a"]) == {}


def test_where_the_picture_is_watched_the_least_rest_grows() -> None:
    graph = load("g.yaml", LIVE.replace("every: 2", "every: {least: 4}"))
    assert graph.nodes["a"].every == Auto(least=4)
    assert chains(graph) == {"a": [{"a.every": 6}]}


def test_going_down_takes_the_next_step_of_the_stage_that_costs_most_and_going_up_takes_it_back() -> None:
    ladder = Ladder({"a": [{"a.x": 1}, {"a.x": 2}], "b": [{"b.x": 1}]})
    costs: list[dict[str, float]] = [{"a": 1, "b": 2}, {"a": 1, "b": 2}, {"a": 1, "b": 0}]
    down = [changes for cost in costs for changes in ladder.down(cost)]
    assert down == [{"b.x": 1}, {"a.x": 1}, {"a.x": 2}]
    assert (ladder.rung, ladder.lowest) == (3, 3)
    assert [ladder.up() for _ in range(3)] == down[::-1]


def test_several_rungs_at_once_come_from_the_stages_that_are_left_to_cost_most() -> None:
    ladder = Ladder({"a": [{"a.x": n} for n in range(4)], "b": [{"b.x": n} for n in range(4)]})
    assert ladder.down({"a": 10, "b": 7}, 4) == [{"a.x": 0}, {"a.x": 1}, {"b.x": 0}, {"a.x": 2}]
    assert [ladder.up() for _ in range(4)] == [{"a.x": 2}, {"b.x": 0}, {"a.x": 1}, {"a.x": 0}]
