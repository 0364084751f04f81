"""The report holds what happened, and is written whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import tests.toys
from bgflow import Run, environment, load, plan
from bgflow.errors import MediaError, StageError
from bgflow.report import report, write

assert tests.toys

GRAPH = """\
device: cpu
stages:
  src: {use: toy.count, set: {frames_: 40}}
  add: {use: toy.add, device: fake, in: src.image}
  end: {use: toy.pair, in: {image: add.out, other: src.image}}
"""


def finished(text: str, **kw: int) -> Run:
    run = Run(plan(load("g.yaml", text), cores=1), **kw)
    with run:
        run.wait()
    return run


def test_every_wire_is_listed_with_its_copies_also_those_without() -> None:
    content = report(finished(GRAPH))
    size = 4 * 6 * 3
    assert content["copies"] == {
        "src.image -> add.image": {"count": 40, "bytes": 40 * size},
        "add.out -> end.image": {"count": 40, "bytes": 40 * size},
        "src.image -> end.other": {"count": 0, "bytes": 0},
    }


def test_pools_are_listed_as_planned_and_as_made_and_nothing_is_allocated_after_warm_up() -> None:
    content = report(finished(GRAPH))
    [pool] = [p for p in content["pools"] if p["port"] == "src.image"]
    assert (pool["device"], pool["shape"]) == ("cpu", [4, 6, 3])
    assert 1 <= pool["made"] <= pool["planned"]
    assert pool["bytes"] == pool["made"] * 72
    assert content["allocations_after_warm_up"] == 0


def test_stages_have_their_count_and_percentiles_in_order() -> None:
    content = report(finished(GRAPH, frames=7))
    assert content["frames"] == 7
    for stage in content["stages"].values():
        assert stage["count"] == 7
        assert 0 <= stage["p50"] <= stage["p95"] <= stage["p99"]
    assert content["latency_ms"]["p50"] <= content["latency_ms"]["p99"]


def test_it_names_the_machine_the_version_and_why_the_device_was_chosen() -> None:
    content = report(finished(GRAPH))
    assert content["device"] == "device cpu: as asked"
    assert content["environment"]["cores"] == len(os.sched_getaffinity(0))
    assert content["environment"]["cpu"]
    assert content["peak_rss_bytes"] > 10_000_000
    assert content["live"] is False


def test_dropped_frames_are_counted_by_place_and_reason() -> None:
    run = finished(GRAPH)
    run.contexts[1].drop("too dark", 3)
    run.contexts[1].drop("blurred")
    assert report(run)["dropped"] == {"add": {"too dark": 3, "blurred": 1}}


def test_warnings_and_errors_of_every_thread_are_in_it() -> None:
    run = Run(plan(load("g.yaml", GRAPH, sets=["add.fail=process"]), cores=1))
    run.contexts[0].warn("looks odd")
    with pytest.raises(StageError), run:
        run.wait()
    content = report(run)
    assert content["errors"] == ["g.yaml:4:3: stage 'add' failed in process at frame 3: ValueError: process"]
    assert content["warnings"] == {"src": {"looks odd": 1}}


def test_the_report_is_json_and_replaces_an_old_one_whole(tmp_path: Path) -> None:
    target = tmp_path / "r.json"
    target.write_text("old")
    content = report(finished(GRAPH))
    write(target, content)
    assert json.loads(target.read_text()) == json.loads(json.dumps(content))
    assert list(tmp_path.iterdir()) == [target]


def test_a_report_that_cannot_be_written_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(MediaError) as e:
        write(tmp_path / "none" / "r.json", {})
    assert str(e.value) == f"{tmp_path}/none/r.json: the report cannot be written: no such file or directory"
    assert list(tmp_path.iterdir()) == []


def test_the_environment_names_only_versions_that_are_installed() -> None:
    assert environment.version("numpy")
    assert environment.version("no-such-distribution") == ""
