"""The suite of file graphs: clips, rivals in processes of their own, what is measured, and memory over time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bgflow.bench import filegraph, memory
from bgflow.bench.clips import Clip, filmed, rendered
from bgflow.bench.pictures import Size
from bgflow.bench.result import Row
from bgflow.bench.rival import Rival
from bgflow.bench.suite import Scope, find, measure
from bgflow.errors import UsageError
from tests.networks import pulled

pytest.importorskip("cv2")
SMALL = Size(64, 48)


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    return rendered(tmp_path / "clip.mp4", SMALL, 4)


def test_a_graph_is_fed_from_memory_in_place_of_its_files() -> None:
    graph = filegraph.changed(filegraph.fed(MASKS, SMALL, "net.alpha"))
    assert {node.stage.use for node in graph.nodes.values()} == {filegraph.FEED, "mog.mask", "null.sink"}
    assert filegraph.ran(graph, 4).done == 4


def test_a_rendered_clip_has_a_matte_for_every_frame(clip: Clip) -> None:
    assert len(clip.truths) == clip.frames == 4
    assert clip.truths[0].shape == (48, 64)
    assert clip.truths[0].max() > 0.5


MASKS = """
graph: masks
stages:
  video: {use: file.source, set: {path: a.mp4}}
  net: {use: mog.mask, in: video.image}
  out: {use: null.sink, in: net.alpha}
"""


def test_a_long_clip_goes_to_and_fro_among_its_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bgflow.bench.clips.DRAWN", 3)
    truths = rendered(tmp_path / "c.mp4", SMALL, 6).truths
    assert truths[3] is truths[1]
    assert truths[4] is truths[0]


def test_a_folder_without_the_data_set_gives_no_clip(tmp_path: Path) -> None:
    assert filmed(tmp_path / "c.mp4", tmp_path) is None


def test_a_graph_is_cut_behind_a_matte(clip: Clip) -> None:
    text = filegraph.cut(MASKS, "net.alpha")
    found = filegraph.mattes(filegraph.changed(text, clip))
    assert [m.shape for m in found] == [(48, 64)] * 4
    assert "out" not in filegraph.changed(text, clip).nodes


def test_a_run_is_timed_from_its_first_frame_to_the_closed_file(clip: Clip) -> None:
    assert 0 < filegraph.seconds(filegraph.changed(MASKS, clip), 4) < 5


def test_iou_is_the_mean_over_the_frames() -> None:
    one, none = np.ones((2, 2), np.float32), np.zeros((2, 2), np.float32)
    assert filegraph.iou([one, none], [one, none]) == 1
    assert filegraph.iou([one, one], [one, none]) == 0.5
    assert filegraph.apart([one, none], [none, none]) == 0.5


def test_a_script_in_a_process_of_its_own_answers_again_and_again(clip: Clip, tmp_path: Path) -> None:
    with Rival("opencv_mog2", 3, clip=str(clip.path), out=str(tmp_path / "out.mp4")) as rival:
        assert rival() > 0
        assert rival() > 0
    assert (tmp_path / "out.mp4").stat().st_size > 0


def test_a_library_that_is_nowhere_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BGFLOW_PEERS", raising=False)
    monkeypatch.setitem(__import__("bgflow.bench.scripts").bench.scripts.NEEDS, "opencv_mog2", "no_such_library")
    with pytest.raises(UsageError, match="no_such_library is not installed; BGFLOW_PEERS may name an environment"):
        Rival("opencv_mog2", 3).__enter__()


def test_a_script_that_fails_is_told_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"opencv_mog2: TypeError: .*clip"):
        Rival("opencv_mog2", 3).__enter__()


@pytest.fixture
def scope() -> Iterator[Scope]:
    scope = Scope(seconds=0, tiny=True)
    yield scope
    scope.close()


@pytest.mark.slow
def test_the_suite_measures_every_graph_from_file_to_file(scope: Scope, monkeypatch: pytest.MonkeyPatch) -> None:
    pulled()
    monkeypatch.delenv("BGFLOW_BENCH_DATA", raising=False)
    found = {item.name: item for item in measure("graphs", find("graphs"), scope)}
    rows = {name for name, item in found.items() if isinstance(item, Row)}
    assert rows >= {"cctv_mog", "decode alone", "file_replace, computing alone", "encode alone", "u2netp on video"}
    assert rows >= {"file_replace", "IoU on person", "synth_demo", "image_remove"}


@pytest.mark.parametrize("growth", [0.0, 50.0])
def test_growth_is_told_from_noise(growth: float) -> None:
    noise = np.random.default_rng(0).normal(0, 3, 1000)
    found = memory.grown((300 + noise + np.linspace(0, growth, 1000)).tolist())
    assert found.low <= growth * 0.8 <= found.high  # of the last four fifths


@pytest.mark.slow
def test_the_memory_of_a_short_run_is_watched() -> None:
    pulled()
    samples = memory.watched(SMALL, 6, 3)
    assert samples
    assert 50 < max(samples) < 2000
