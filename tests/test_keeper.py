"""A run with an slo gives up quality when its frames are late, takes it back, and keeps account of every step."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import pytest

import tests.toys
from bgflow import In, Out, Param, Run, Stage, load, plan
from bgflow.devices import to_host
from bgflow.report import report

assert tests.toys


class Time:
    """A clock that moves when somebody works or waits: hours of a live run pass in a moment."""

    def __init__(self) -> None:
        self.now = 100.0

    def start(self, time: Fraction) -> object:
        return self.now - float(time)

    def wait_until(self, token: object, time: Fraction, stop: threading.Event) -> None:
        assert isinstance(token, float)
        self.now = max(self.now, token + float(time))


TIME = Time()
LOAD: list[tuple[float, float]] = []
"""From which second on the machine is how many times slower."""
SEEN: list[tuple[int, int]] = []


class Sharp(Stage, use="toy.sharp"):
    """Takes as many milliseconds as it is sharp, and more when the machine is loaded."""

    image = In("u8[h,w,3] rgb")
    out = Out("u8[h,w,3] rgb")
    sharpness: int = Param(20, ge=1, le=100, hot=True)
    passes: int = Param(1, ge=1, le=9, hot=True)

    def ladder(self) -> Iterator[Mapping[str, Any]]:
        for n in (12, 8, 4):
            if n < self.sharpness:
                yield {"sharpness": n}

    def process(self, image: Any) -> Any:
        slower = [factor for since, factor in LOAD if TIME.now - 100 >= since]
        TIME.now += self.sharpness * self.passes * (slower[-1] if slower else 1) / 1e3
        SEEN.append((self.sharpness, self.passes))
        return image


GRAPH = """\
device: cpu
clock: live
slo: %s
stages:
  src: {use: toy.count, set: {frames_: 0, step: 33333333}}
  sharp: {use: toy.sharp, in: src}
  p: {use: toy.pair, in: sharp}
"""


@pytest.fixture(autouse=True)
def virtual_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let everybody ask the same clock, which only work moves."""
    TIME.now = 100.0
    SEEN.clear()
    LOAD.clear()
    monkeypatch.setattr("time.monotonic", lambda: TIME.now)
    yield
    tests.toys.MET.clear()


def ran(slo: str, seconds: float, *load_: tuple[float, float], text: str = GRAPH) -> Run:
    """A run of so many seconds at 30 frames a second, on one thread; ended."""
    LOAD.extend(load_)
    graph = load("g.yaml", text % slo)
    with Run(plan(graph, sync=True), clock=TIME, frames=round(seconds * 30)) as run:
        while not run.threads[0].join(1) and run.threads[0].is_alive():
            pass
    return run


def moves(run: Run) -> list[tuple[int, int]]:
    return [(step["from"], step["to"]) for step in report(run)["slo"]["steps"]]


def test_a_graph_that_holds_its_goal_takes_no_step() -> None:
    run = ran("{p95: 33ms}", 60)
    assert moves(run) == []
    assert report(run)["slo"]["shares"] == {"0": 1.0}


def test_load_takes_a_graph_down_step_by_step_and_back_up_when_it_is_gone() -> None:
    run = ran("{p95: 33ms, window: 2s}", 120, (20, 3.0), (50, 1.0))
    assert moves(run) == [(0, 1), (1, 2), (2, 1), (1, 0)]
    down, _, _, up = report(run)["slo"]["steps"]
    assert 20 <= down["at_s"] + 1 < 23
    assert (down["changes"], up["changes"]) == ({"sharp.sharpness": 12}, {"sharp.sharpness": 20})
    assert down["what"] == "sharp.sharpness 20 -> 12"
    assert down["why"] == "p95 was 60 ms of 33 ms"
    assert up["why"] == "p95 was 12 ms of 33 ms, and easy for 6 s"
    assert SEEN[-1] == (20, 1)


def test_a_step_of_several_rungs_sets_them_all_at_once_and_is_taken_back_one_by_one() -> None:
    run = ran("{p95: 33ms, window: 2s}", 120, (20, 12.0), (50, 1.0))
    down, *ups = report(run)["slo"]["steps"]
    assert (down["from"], down["to"], down["what"]) == (0, 2, "sharp.sharpness 20 -> 8")
    last, *ups = ups
    assert (last["from"], last["to"]) == (2, 3)
    assert [step["what"] for step in ups] == [
        "sharp.sharpness 4 -> 8",
        "sharp.sharpness 8 -> 12",
        "sharp.sharpness 12 -> 20",
    ]


def test_the_time_on_all_rungs_adds_up_to_the_run() -> None:
    shares = report(ran("{p95: 33ms, window: 2s}", 120, (20, 3.0), (50, 1.0)))["slo"]["shares"]
    assert list(shares) == ["0", "1", "2"]
    assert sum(shares.values()) == pytest.approx(1, abs=1e-3)


def test_a_rung_of_the_graph_changes_all_its_values_between_two_frames() -> None:
    ran("{p95: 33ms, window: 2s, ladder: [{sharp.sharpness: 10, sharp.passes: 2}]}", 20, (5, 3.0))
    assert set(SEEN) == {(20, 1), (10, 2)}
    assert SEEN == sorted(SEEN, reverse=True)


def test_a_cadence_of_a_rung_lets_the_stage_rest_and_its_readers_hold() -> None:
    text = GRAPH.replace("p: {use: toy.pair, in: sharp}", "p: {use: toy.pair, in: {image: src, other: sharp}}")
    run = ran("{p95: 33ms, window: 2s, ladder: [{sharp.every: 3}]}", 20, (5, 3.0), text=text)
    assert moves(run) == [(0, 1)]
    last = [other or 0 for _, _, other in tests.toys.MET[-9:]]
    assert {b - a for a, b in itertools.pairwise(sorted(set(last)))} == {3}


def test_a_step_is_logged_with_what_it_changes_and_why(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="bgflow.slo"):
        ran("{p95: 33ms, window: 2s}", 12, (5, 3.0))
    assert "sharp.sharpness 20 -> 12 (rung 0 -> 1 of 3): p95 was 60 ms of 33 ms" in [r.message for r in caplog.records]


def test_the_user_hears_once_when_nothing_is_left_to_be_made_cheaper(caplog: pytest.LogCaptureFixture) -> None:
    run = ran("{p95: 33ms, window: 2s}", 60, (0, 30.0))
    assert moves(run) == [(0, 3)]
    told = [r.message for r in caplog.records if r.levelname == "WARNING"]
    assert told == ["p95 33 ms over 2 s is missed, and nothing is left to be made cheaper"]
    keeper = run.controls.keeper
    assert keeper
    assert keeper.status()["missed"]


def test_what_somebody_else_has_set_meanwhile_is_not_taken_back() -> None:
    run = ran("{p95: 33ms, window: 2s}", 10, (0, 3.0))
    keeper = run.controls.keeper
    assert keeper
    assert keeper.ladder.rung == 2
    run.controls.set("sharp.sharpness", 5)
    for n in range(600):
        keeper.arrived(TIME.now + n / 30, 0.005)
    assert keeper.ladder.rung == 0
    assert run.controls.value("sharp.sharpness") == 5


def test_a_graph_that_drops_half_its_frames_is_not_fine_however_quick_the_others_are() -> None:
    text = GRAPH.replace("toy.count", "toy.lossy")
    run = ran("{p95: 33ms, window: 2s}", 12, text=text)
    first = report(run)["slo"]["steps"][0]
    assert first["p95_ms"] is None
    assert first["why"].endswith("frames were lost; p95 should be 33 ms")


class Lossy(tests.toys.Count, use="toy.lossy"):
    """A source that loses every second frame."""

    def frames(self) -> Iterator[tuple[int, Any]]:
        for n, (pts, image) in enumerate(super().frames()):
            if n % 2:
                self.ctx.drop("graph busy")
            else:
                yield pts, image


def test_compiling_and_loading_at_the_start_are_no_load() -> None:
    assert moves(ran("{p95: 33ms, window: 2s}", 30, (0, 100.0), (0.9, 1.0))) == []


def test_a_run_without_an_slo_has_nobody_that_changes_it() -> None:
    graph = load("g.yaml", GRAPH.replace("slo: %s\n", ""))
    run = Run(plan(graph, sync=True))
    assert run.controls.keeper is None
    assert report(run)["slo"] is None


def test_what_is_reported_and_shown_is_json() -> None:
    run = ran("{p95: 33ms, window: 2s}", 20, (5, 3.0))
    keeper = run.controls.keeper
    assert keeper
    assert json.loads(json.dumps(keeper.report(), allow_nan=False))["lowest"] == 3
    assert json.loads(json.dumps(keeper.status(), allow_nan=False))["rung"] == 2


def test_a_chain_of_an_accelerator_obeys_a_cadence_that_it_is_told_while_it_runs() -> None:
    text = """\
device: fake
stages:
  src: {use: toy.count, set: {frames_: 60}}
  a: {use: toy.capturable, in: src}
  b: {use: toy.late, in: {image: src, other: a}}
"""
    run = Run(plan(load("g.yaml", text), sync=True))
    LATE.clear()
    ASKED.append(lambda: run.controls.update({"a.every": 3}))
    with run:
        run.wait()
    assert LATE[30:36] == [31, 31, 31, 34, 34, 34]


LATE: list[int] = []
ASKED: list[Any] = []


class Late(Stage, use="toy.late"):
    """Keeps the held value of every instant, and asks for something at the thirtieth."""

    image = In("u8[h,w,3] rgb")
    other = In("u8[h,w,3] rgb", hold=True)

    def process(self, image: Any, other: Any) -> None:
        LATE.append(int(to_host(other)[0, 0, 0]))
        if len(LATE) == 30:
            ASKED.pop()()
