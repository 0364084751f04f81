"""A camera at this machine without its background, with FFmpeg's test picture as the camera."""

from __future__ import annotations

import contextlib
import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bgflow import Run, load, models, plan
from bgflow.bench.filegraph import dumped, shipped
from bgflow.graph import Graph
from tests import media
from tests.browser.chromium import until

ROOT = Path(__file__).resolve().parents[1]
CAMERA = ("camera.format=lavfi", "camera.device=testsrc2=size=160x90:rate=30")
BLOCK = re.search(r"```yaml\n(.*?)```", (ROOT / "docs" / "gallery.md").read_text(), re.S)


@pytest.fixture(autouse=True)
def _model() -> None:
    if not models.get("u2netp").path.is_file():
        pytest.skip("needs u2netp: bgflow models pull u2netp")


def ended_in(ends: dict[str, Any]) -> str:
    """The graph with other stages in place of its last two."""
    graph = yaml.safe_load(shipped("camera_remove"))
    assert list(graph["stages"])[-2:] == ["replace", "out"]
    stages = {name: it for name, it in graph["stages"].items() if name not in ("replace", "out")}
    return dumped({**graph, "stages": {**stages, **ends}})


@contextlib.contextmanager
def running(text: str, *sets: str) -> Iterator[Graph]:
    """The graph, once ten frames have come to its end; it is stopped then."""
    graph = load("camera_remove.yaml", text, sets=[*CAMERA, *sets], device="cpu")
    with Run(plan(graph)) as run:
        until(lambda: getattr(graph.nodes["out"].stage, "ctx", None), "the graph's start")
        out: Any = graph.nodes["out"].stage.ctx
        until(lambda: out.count >= 10 or run.errors, "ten frames")
        yield graph
        run.stop()


def test_the_graph_runs_with_the_test_picture_as_its_camera_and_its_page_has_the_background_to_choose(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    with running(shipped("camera_remove"), "out.port=0"):
        address = re.search(r"http://127.0.0.1:\d+", caplog.text)
        assert address, caplog.text
        with urllib.request.urlopen(f"{address[0]}/api/backgrounds") as answer:
            assert json.load(answer)["value"] == "#00b140"


def test_with_the_ends_that_the_gallery_gives_it_writes_a_video_with_transparency(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert BLOCK
    monkeypatch.chdir(tmp_path)
    with running(ended_in(yaml.safe_load(BLOCK[1]))):
        pass
    alpha = media.first_picture(tmp_path / "camera_remove.webm", "libvpx-vp9")[..., 3]
    assert alpha.shape == (90, 160)
    assert alpha.min() == 0


def test_the_comment_in_the_graph_is_the_block_of_the_gallery() -> None:
    assert BLOCK
    comments = [line.strip("# ") for line in shipped("camera_remove").splitlines() if line.strip().startswith("#")]
    for line in BLOCK[1].splitlines():
        assert line in comments
