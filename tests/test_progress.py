"""The meter counts what reached a sink; the display shows it only on a terminal."""

from __future__ import annotations

import io

import pytest

import tests.toys
from bgflow import Run, load, plan
from bgflow.cli.progress import Meter, display, drivers
from bgflow.clock import FakeClock

assert tests.toys

GRAPH = """\
device: cpu
stages:
  src: {use: toy.count, set: {frames_: 40}}
  add: {use: toy.add, in: src.image}
  end: {use: toy.pair, in: {image: add.out, other: src.image}}
"""


class Terminal(io.StringIO):
    """Something that claims to be a terminal and keeps what is shown."""

    def isatty(self) -> bool:
        return True


def shown(text: str, terminal: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a run of a graph has shown by its end."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("sys.stderr", terminal)
    run = Run(plan(load("demo", text)))
    meter = Meter(run)
    with run, display(run, meter) as refresh:
        run.wait()
        meter.read()
        refresh()
    return terminal.getvalue()


def test_a_meter_leaves_the_start_out_of_the_frame_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    now = FakeClock()
    monkeypatch.setattr("time.monotonic", lambda: float(now.now))
    run = Run(plan(load("g.yaml", GRAPH), cores=1))
    meter = Meter(run)
    end = run.contexts[2]
    now.advance(10)
    end.count = 5
    meter.read()
    now.advance(2)
    end.count = 45
    meter.read()
    assert (meter.done, meter.fps, meter.now) == (45, 20.0, 20.0)


def test_the_total_is_that_of_the_sources_that_end_the_run() -> None:
    text = """\
device: cpu
stages:
  main: {use: toy.count, set: {frames_: 40}}
  side: {use: toy.count, set: {frames_: 7}}
  end: {use: toy.pair, in: {image: main.image, other: side.image}}
"""
    graph = load("g.yaml", text)
    assert drivers(graph) == ["main"]
    assert Meter(Run(plan(graph))).total == 40
    assert Meter(Run(plan(graph), frames=10)).total == 10


def test_the_total_is_unknown_when_a_source_never_ends() -> None:
    text = GRAPH.replace("frames_: 40", "frames_: 0")
    assert Meter(Run(plan(load("g.yaml", text)))).total is None


def test_a_run_on_files_shows_a_bar_with_its_total(monkeypatch: pytest.MonkeyPatch) -> None:
    told = shown(GRAPH, Terminal(), monkeypatch)
    assert "demo" in told
    assert "40/40" in told
    assert "fps" in told


def test_a_live_run_shows_one_line_with_rate_latency_and_drops(monkeypatch: pytest.MonkeyPatch) -> None:
    told = shown(GRAPH.replace("toy.count", "toy.live"), Terminal(), monkeypatch)
    assert "demo: " in told
    assert " fps, latency " in told
    assert " dropped" in told
    assert "━" not in told


def test_without_a_terminal_nothing_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(GRAPH, io.StringIO(), monkeypatch) == ""


def test_a_finished_run_is_one_line() -> None:
    run = Run(plan(load("demo", GRAPH)))
    with run:
        run.wait()
    assert str(Meter(run)).startswith("demo: 40 frames in 0.")
    run.contexts[0].drop("late", 2)
    assert str(Meter(run)).endswith(" fps, 2 dropped")
