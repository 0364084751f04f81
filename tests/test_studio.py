"""`bgflow studio`: any graph with a page; what plays begins again, and nothing is written."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bgflow import Run, load, plan
from bgflow.cli.rehearsal import PICTURE_FPS, PICTURES_FPS, rehearsal
from bgflow.web.studio import Studio, own_page, placed
from tests.commandline import bgflow
from tests.looking import bits, looking
from tests.media import times
from tests.peers import running

FILES = """\
# A film.
stages:
  video: {{use: file.source, set: {{path: {clip}}}}}
  copy: {{use: "tests.looking:Passed", in: video.image}}
  out: {{use: file.sink, in: {{image: copy.out, audio: video.audio}}, set: {{path: {out}}}}}
"""
MADE = """
stages:
  made: {use: "tests.looking:Numbered", set: {frames_: 40}}
  copy: {use: "tests.looking:Passed", in: made.image}
  end: {use: null.sink, in: copy.out}
"""
PHOTOS = """
stages:
  photos: {use: images.source, set: {path: %s}}
  end: {use: null.sink, in: photos.image}
"""
PAGE = """
stages:
  camera: {use: webrtc.source, set: {port: 0}}
  out: {use: webrtc.sink, in: camera.image}
  more: {use: preview.sink, in: camera.image}
"""


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Eight frames that show their numbers, a third of a second in all."""
    source = tmp_path / "n%d.png"
    for n in range(8):
        Image.fromarray(bits(n)[..., None].repeat(3, 2).repeat(4, 0)).save(tmp_path / f"n{n}.png")
    file = tmp_path / "clip.mp4"
    text = f"""
    stages:
      photos: {{use: images.source, set: {{path: {source}, fps: 25}}}}
      out: {{use: file.sink, in: photos.image, set: {{path: {file}, crf: 10}}}}
    """
    with Run(plan(load("clip.yaml", text))) as run:
        run.wait()
    return file


@pytest.fixture
def film(clip: Path, tmp_path: Path) -> Path:
    """A graph that reads and writes a film."""
    file = tmp_path / "film.yaml"
    file.write_text(FILES.format(clip=clip, out=tmp_path / "out.mp4"))
    return file


def got(url: str, path: str) -> Any:
    with urllib.request.urlopen(url + path, timeout=20) as answer:
        return json.loads(answer.read()) if answer.headers.get_content_type() == "application/json" else answer.read()


@contextmanager
def command(*args: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`bgflow studio ARGS…` as a process of its own, and where its page is."""
    line = [sys.executable, "-m", "bgflow", "studio", "--no-open", "--port", "0", *map(str, args)]
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True, env=os.environ) as process:
        try:
            assert process.stderr
            for said in process.stderr:
                if found := re.match(r"open (http\S+)", said):
                    yield process, found[1]
                    return
            raise AssertionError("it ended without a page")
        finally:
            process.kill()


def test_the_command_shows_a_graph_of_files_again_and_again_and_writes_nothing(film: Path, tmp_path: Path) -> None:
    async def numbers(url: str) -> list[int]:
        async with looking(url) as looker:
            looks = [await looker.look(show=["copy.out"]) for _ in range(30)]
        return [look.numbers["copy.out"] for look in looks]

    with command(film) as (process, url):
        seen = asyncio.run(numbers(url))
        shown = got(url, "api/graph")
        given = got(url, "api/graph.yaml").decode()
        index = got(url, "").decode()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert set(seen) <= set(range(8))
    assert sum(b < a for a, b in itertools.pairwise(seen)) >= 2
    assert (shown["before"], shown["after"]) == ("video.image", "copy.out")
    assert given == film.read_text()
    assert "<script" in index
    assert not (tmp_path / "out.mp4").exists()


def test_what_plays_once_ends_the_command(film: Path, tmp_path: Path) -> None:
    told = bgflow("studio", film, "--no-open", "--port", 0, "--once")
    assert told.code == 0
    assert f"out: {tmp_path / 'out.mp4'} is not written; --write does that" in told.err
    assert not (tmp_path / "out.mp4").exists()


def test_with_write_every_frame_is_written_once(film: Path, tmp_path: Path) -> None:
    told = bgflow("studio", film, "--no-open", "--port", 0, "--write")
    assert told.code == 0
    assert f"out: writes {tmp_path / 'out.mp4'}" in told.err
    assert len(times(tmp_path / "out.mp4")[0]) == 8


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["no.yaml"], 2, "no.yaml: there is no such graph file"),
        (["synth_demmo"], 2, "did you mean 'synth_demo'?"),
        (["synth_demo", "--prot", "1"], 2, "bgflow studio: there is no option '--prot'; did you mean '--port'?"),
        (["synth_demo", "--set", "camera.colour=1"], 2, "synth.source has no parameter 'colour'"),
        (["file_replace", "--set", "video.path=no.mp4", "--no-open", "--port", "0"], 2, "no.mp4"),
    ],
)
def test_what_cannot_start_is_told_as_by_every_command(args: list[str], code: int, said: str) -> None:
    told = bgflow("studio", *args)
    assert told.code == code
    assert said in told.err.splitlines()[-1]


def test_a_port_that_was_asked_for_and_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        told = bgflow("studio", "synth_demo", "--no-open", "--port", port)
    assert told.code == 2
    assert told.err.splitlines()[-1] == (
        f"bgflow studio: 127.0.0.1:{port} is taken by another program; set another port, for example --port {port + 1}"
    )


def test_a_failure_while_it_runs_is_the_exit_code_1(tmp_path: Path) -> None:
    file = tmp_path / "g.yaml"
    failing = "{use: 'tests.toys:Add', in: made.image, set: {fail: process, at: 0}}"
    file.write_text(MADE.replace('{use: "tests.looking:Passed", in: made.image}', failing))
    told = bgflow("studio", file, "--no-open", "--port", 0)
    assert told.code == 1
    assert "process" in told.err.splitlines()[-1]


def test_where_no_port_was_asked_for_one_that_is_free_is_taken(tmp_path: Path) -> None:
    graph = load(tmp_path / "g.yaml", MADE)
    first, second = own_page(graph, None, None), own_page(graph, None, None)
    assert first
    assert second
    assert first.port != second.port
    first.socket.close()
    second.socket.close()


def test_a_graph_with_a_page_is_seen_there(tmp_path: Path) -> None:
    graph = load(tmp_path / "g.yaml", PAGE)
    assert own_page(graph, None, None) is None
    assert placed(graph, "0.0.0.0", 9000) == [
        "camera.address=0.0.0.0",
        "out.address=0.0.0.0",
        "more.address=0.0.0.0",
        "camera.port=9000",
    ]


def test_the_page_of_a_graph_with_one_has_looks_too(tmp_path: Path) -> None:
    graph = PAGE.replace("webrtc.source, set: {port: 0}", '"tests.looking:LiveNumbered"')
    with running(tmp_path, graph.replace("preview.sink,", "preview.sink, set: {port: 0},")) as (_, url):
        shown = got(url, "api/graph")
    assert (shown["before"], shown["after"]) == ("camera.image", "camera.image")
    assert [s["level"] for s in shown["stages"]] == [0, 1, 1]
    assert {"from": "camera.image", "to": "out.image", "queue": True, "held": False} in shown["links"]


def test_the_page_beside_a_run_ends_with_it(tmp_path: Path) -> None:
    graph = load(tmp_path / "g.yaml", MADE)
    page = own_page(graph, None, 0)
    assert page
    run = Run(plan(graph))
    with run, Studio(graph, page, browser=False).beside(run):
        while not page.ready:
            time.sleep(0.01)
        assert got(page.url, "api/about")["graph"] == "g"
        run.wait()
    with pytest.raises(urllib.error.URLError):
        got(page.url, "api/about")


def test_pictures_are_shown_long_enough_to_be_looked_at(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "one.png")
    for path, fps in ((tmp_path, PICTURES_FPS), (tmp_path / "one.png", PICTURE_FPS)):
        played = rehearsal(load(tmp_path / "g.yaml", PHOTOS % path), [])
        params = played.nodes["photos"].stage.params.model_dump()
        assert (params["fps"], params["loop"], played.clock) == (fps, -1, "live")


def test_what_the_user_says_of_the_end_counts(tmp_path: Path) -> None:
    graph = load(tmp_path / "g.yaml", PHOTOS % "x.png, loop: 2")
    params = rehearsal(graph, ["photos.fps=5"]).nodes["photos"].stage.params.model_dump()
    assert (params["loop"], params["fps"]) == (2, 5)
