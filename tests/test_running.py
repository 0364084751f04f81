"""The list of running graphs, and the commands that talk to them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bgflow.web import running as registry
from bgflow.web.running import enlist, folder
from tests.commandline import bgflow
from tests.peers import running
from tests.test_remote import GRAPH


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of this test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_a_graph_is_found_without_being_told_where_it_is(tmp_path: Path) -> None:
    with running(tmp_path, GRAPH):
        told = bgflow("set", "lamp.level", "3", "key.colour", "#0000ff", "blur.radius", "2.5")
        assert (told.code, told.err) == (0, "")
        assert told.out.startswith("applied at frame ")
        assert bgflow("do", "lamp.flash", "times=2").out.startswith("flashed 2 (frame ")


def test_the_page_is_on_the_list_while_the_graph_runs_and_no_longer(tmp_path: Path) -> None:
    with running(tmp_path, GRAPH) as (_, url):
        assert [it.url for it in registry.running()] == [url]
        [file] = folder().iterdir()
        assert file.parent.stat().st_mode & 0o777 == 0o700
    assert list(folder().iterdir()) == []


def test_what_was_left_by_a_process_that_died_is_taken_off(tmp_path: Path) -> None:
    enlist("http://127.0.0.1:9/", None)
    (folder() / "broken.json").write_text("{")
    assert registry.running() == []
    assert [p.name for p in folder().iterdir()] == ["broken.json"]


def test_where_none_or_several_run_the_command_says_what_to_do(tmp_path: Path) -> None:
    none = bgflow("set", "lamp.level", "3")
    assert (none.code, none.err) == (
        2,
        "no graph with a page runs here; start one that has a webrtc.* or preview.sink, or give --url\n",
    )
    with running(tmp_path, GRAPH) as (_, url):
        other = url.replace("127.0.0.1", "localhost")
        leave = enlist(other, None)
        (folder() / "0-0.json").write_text(json.dumps({"url": other, "pid": 0, "cert": None}))
        several = bgflow("set", "lamp.level", "3")
        assert several.err.startswith("several graphs run here; choose one with --url: ")
        assert bgflow("set", "lamp.level", "3", "--url", url).code == 0
        leave()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("set", "lamp.level", "10"), "lamp.level: input should be less than or equal to 9, not 10"),
        (("set", "lamp.level", "-1"), "lamp.level: input should be greater than or equal to 0, not -1"),
        (("set", "lamp.level"), "lamp.level has no value; write STAGE.PARAM VALUE, and so on"),
        (("set", "lamp.level", "yes"), "yes is true in YAML 1.1; write true, or 'yes' in quotes"),
        (("do", "lamp.flash", "times"), "'times' is no NAME=VALUE"),
        (("do", "lamp.flash", "times=5"), "5 flashes are too many; ask for 3 at most"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(arguments: tuple[str, ...], line: str, tmp_path: Path) -> None:
    with running(tmp_path, GRAPH):
        told = bgflow(*arguments)
    assert (told.code, told.err) == (2, f"{line}\n")


def test_a_graph_that_does_not_answer_is_one_line() -> None:
    told = bgflow("do", "run.stop", "--url", "http://127.0.0.1:9")
    assert (told.code, told.err) == (
        2,
        "no graph answers at http://127.0.0.1:9: connection refused; start one, or give another --url\n",
    )


def test_a_stages_actions_are_in_its_help() -> None:
    out = bgflow("stages", "capture.sets").out
    assert "actions:\n  plate\n      Take the empty scene after a countdown: leave the picture.\n" in out
    assert "  point(x: number, y: number, down: boolean, mirrored: boolean)\n" in bgflow("stages", "ui.buttons").out
