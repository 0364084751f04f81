"""Load by the clock: what counts as late or missed, and how the most streams are found."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgflow import In, Stage, load
from bgflow.bench.fed import Clip, clip_of, fed
from bgflow.bench.openloop import MOST, Load, Slo, Stream, Trial, load_of, search
from bgflow.bench.result import Row
from bgflow.bench.suite import Scope
from bgflow.errors import UsageError
from bgflow.testing import opened

SLEEP = 0.1
GRAPH = """
device: cpu
stages:
  src: {use: synth.source, set: {width: 32, height: 24, count: 400}}
  end: {use: "SINK", in: src.image}
"""


class Slow(Stage, use="tests.bench.test_openloop:Slow"):
    """A sink that takes three frames' time for each."""

    image = In("u8[h,w,3] rgb")

    def process(self, image: Any) -> None:
        time.sleep(SLEEP)


@pytest.fixture
def graph(tmp_path: Path) -> str:
    """A graph whose sink keeps up."""
    file = tmp_path / "quick.yaml"
    file.write_text(GRAPH.replace("SINK", "null.sink"))
    return str(file)


@pytest.fixture
def slow(tmp_path: Path) -> str:
    """A graph whose sink does not."""
    file = tmp_path / "slow.yaml"
    file.write_text(GRAPH.replace("SINK", Slow.use))
    return str(file)


@given(st.integers(0, MOST))
def test_the_search_finds_the_last_number_that_is_enough(most: int) -> None:
    tried: list[int] = []

    def enough(streams: int) -> bool:
        tried.append(streams)
        return streams <= most

    assert search(enough) == most
    assert len(set(tried)) == len(tried) <= 2 * math.log2(MOST) + 2


@pytest.mark.parametrize(
    ("text", "quantile", "seconds"), [("p99<33ms", 0.99, 0.033), ("p95 < 0.1s", 0.95, 0.1), (" p50<2s", 0.5, 2)]
)
def test_a_promise_is_read_from_its_text(text: str, quantile: float, seconds: float) -> None:
    slo = Slo.parse(text)
    assert (slo.quantile, slo.seconds) == (quantile, pytest.approx(seconds))


@pytest.mark.parametrize("text", ["p99<33", "p98<33ms", "99<33ms", "p99>33ms", "p99<0ms", "p99<-1ms", ""])
def test_a_promise_that_cannot_be_read_is_told_with_one_that_can(text: str) -> None:
    with pytest.raises(UsageError, match=f"--slo {text}: is no limit; write .* p99<33ms"):
        Slo.parse(text)


def test_a_dropped_frame_breaks_every_limit() -> None:
    trial = Trial(1, (0.01,) * 97 + (math.inf,) * 3)
    assert trial.keeps(Slo.parse("p95<11ms"))
    assert not trial.keeps(Slo.parse("p99<1000s"))
    assert str(trial) == "p50 10.0 ms, p95 10.0 ms, p99 never, dropped 3 of 100"


def test_a_graph_that_keeps_up_drops_nothing(graph: str) -> None:
    trial = load_of(graph, clip_of(load(graph)), 2, 0.5, 0)
    assert (trial.streams, len(trial.seconds)) == (2, pytest.approx(30, abs=2))
    assert trial.at(0.5) < 1


def test_latency_counts_from_the_instant_at_which_a_frame_was_due(slow: str) -> None:
    trial = load_of(slow, clip_of(load(slow)), 1, 0.5, 0)
    assert trial.missed > len(trial.seconds) / 2
    assert min(trial.seconds) >= SLEEP


def test_a_clip_is_what_the_source_gives_at_its_rate(graph: str) -> None:
    clip = clip_of(load(graph))
    assert clip.rate == pytest.approx(30)
    assert set(clip.frames[0]) == {"image"}
    with opened(load(graph).nodes["src"].stage, wired={"image"}) as source:
        first = next(iter(source.frames(1)))[1]
    assert np.array_equal(clip.frames[0]["image"], first["image"] if isinstance(first, dict) else first)


def test_a_live_source_is_stood_in_for_by_rendered_pictures_of_its_size(tmp_path: Path) -> None:
    file = tmp_path / "live.yaml"
    file.write_text(
        "device: cpu\nstages:\n"
        "  cam: {use: webrtc.source, set: {width: 320, height: 180, fps: 20}}\n"
        "  out: {use: webrtc.sink, in: cam.image}\n"
    )
    graph = load(file)
    clip = clip_of(graph)
    assert (clip.rate, clip.frames[0]["image"].shape) == (20, (180, 320, 3))
    replaced = fed(graph, clip, tmp_path)
    assert [node.stage.use for node in replaced.nodes.values()] == ["bgflow.bench.fed:Fed", "null.sink"]


def test_files_are_written_into_a_folder_of_the_stream(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(GRAPH.replace("SINK", "file.sink").replace("in: src.image", "in: src.image, set: {path: a/b.mp4}"))
    sink = fed(load(file), clip_of(load(file)), tmp_path / "own").nodes["end"].stage
    assert sink.params.model_dump()["path"] == str(tmp_path / "own/b.mp4")


def test_a_graph_with_two_sources_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "two.yaml"
    second = "  b: {use: synth.source}\n  c: {use: null.sink, in: b.image}\n"
    file.write_text(GRAPH.replace("SINK", "null.sink") + second)
    with pytest.raises(UsageError, match="has 2 sources"):
        clip_of(load(file))


def test_frames_that_were_due_and_never_came_are_infinite(graph: str, tmp_path: Path) -> None:
    picture = np.zeros((24, 32, 3), np.uint8)
    stream = Stream(fed(load(graph), Clip(({"image": picture},), 10, "black"), tmp_path))
    stream.fed.began = 100.0
    stream.came = {stream.fed.due(n): 100 + n / 10 + 0.02 for n in (0, 1, 3)}
    late = list(stream.lateness(100.0, 100.35))
    assert late == [pytest.approx(0.02), pytest.approx(0.02), math.inf, pytest.approx(0.02)]


def test_the_answer_comes_with_every_number_that_was_tried(graph: str) -> None:
    rows = list(Load(graph, 0, Slo.parse("p50<60s")).cases(Scope(seconds=0.1, tiny=True)))
    assert all(isinstance(row, Row) for row in rows)
    assert [row.name for row in rows] == ["1 stream", "2 streams", "streams that keep p50<60s"]
    assert rows[-1].samples == [2.0]  # type: ignore[union-attr]
    assert "dropped" in rows[-1].note  # type: ignore[union-attr]


def test_a_dropped_frame_is_in_the_distribution_with_the_longest_wait(graph: str) -> None:
    row = Load(graph, 1, None)._row(Trial(1, (0.01, math.inf, 0.02)), Clip((), 30, "black"))
    assert isinstance(row, Row)
    assert row.samples == pytest.approx([10, 1000, 20])
