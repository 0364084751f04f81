from __future__ import annotations

import pytest

from bgflow import load
from bgflow.errors import UsageError
from bgflow.evaluate.feed import Feed, Judge
from bgflow.evaluate.graft import JUDGE, graft, judged
from bgflow.graph import Graph

SOURCE = "  camera: {use: synth.source}\n"
MOG = "  mog: {use: mog.mask, in: camera.image}\n"
EDGE = "  edge: {use: edge.refine, in: {image: camera.image, alpha: mog.alpha}}\n"
REST = (
    "  replace: {use: compose.replace, in: {image: camera.image, alpha: edge.alpha}, set: {background: '#00b140'}}\n"
    "  out: {use: file.sink, in: replace.out, set: {path: out.mp4}}\n"
)


def _graph(*stages: str) -> Graph:
    return load("g.yaml", "stages:\n" + "".join(stages))


def test_the_last_matte_is_judged_and_what_only_follows_it_left_out() -> None:
    grafted = graft(_graph(SOURCE, MOG, EDGE, REST), Feed(), Judge())
    assert list(grafted.nodes) == ["camera", "mog", "edge", JUDGE]
    assert {str(w) for w in grafted.wires} == {
        "camera.image -> mog.image",
        "camera.image -> edge.image",
        "mog.alpha -> edge.alpha",
        "edge.alpha -> eval.sink.alpha",
        "camera.ticket -> eval.sink.ticket",
    }


def test_the_data_replaces_the_source() -> None:
    feed = Feed()
    assert graft(_graph(SOURCE, MOG, EDGE, REST), feed, Judge()).nodes["camera"].stage is feed


def test_an_earlier_matte_or_a_label_is_judged_when_asked_for() -> None:
    grafted = graft(_graph(SOURCE, MOG, EDGE, REST), Feed(), Judge(), alpha="mog.label")
    assert list(grafted.nodes) == ["camera", "mog", JUDGE]


def test_the_truth_of_a_synthetic_source_is_never_judged() -> None:
    with pytest.raises(UsageError, match=r"g\.yaml: no stage makes a matte; eval judges f32\[h,w\] alpha outputs"):
        judged(_graph(SOURCE, "  end: {use: null.sink, in: camera.alpha}\n"))


def test_a_matte_that_does_not_exist_is_answered_with_a_near_one() -> None:
    with pytest.raises(
        UsageError, match=r"--alpha edge\.alhpa: g\.yaml has no such matte; did you mean 'edge\.alpha'\?"
    ):
        judged(_graph(SOURCE, MOG, EDGE, REST), "edge.alhpa")


def test_several_last_mattes_must_be_chosen_from() -> None:
    two = "  other: {use: mog.running, in: camera.image}\n  a: {use: null.sink, in: mog.alpha}\n"
    with pytest.raises(UsageError, match=r"has several mattes, (mog|other)\.alpha, (mog|other)\.alpha; choose one"):
        judged(_graph(SOURCE, MOG, two, "  b: {use: null.sink, in: other.alpha}\n"))


def test_a_source_that_is_not_needed_for_the_matte_is_left_out() -> None:
    plate = "  pictures: {use: images.source, set: {path: nowhere}}\n  x: {use: null.sink, in: pictures.image}\n"
    assert "pictures" not in graft(_graph(SOURCE, MOG, EDGE, REST, plate), Feed(), Judge()).nodes


def test_a_matte_of_several_sources_needs_one_named() -> None:
    graph = _graph(
        SOURCE,
        "  photo: {use: synth.source}\n",
        "  mog: {use: mog.mask, in: photo.image}\n",
        EDGE,
        "  end: {use: null.sink, in: edge.alpha}\n",
    )
    with pytest.raises(
        UsageError, match=r"edge\.alpha comes from several sources, camera, photo; choose with --source"
    ):
        graft(graph, Feed(), Judge())
    assert graft(graph, Feed(), Judge(), source="photo").nodes["camera"].stage.use == "synth.source"


def test_a_live_graph_is_judged_at_the_pace_of_files() -> None:
    graph = load("g.yaml", "clock: live\nstages:\n" + SOURCE + MOG + EDGE + REST)
    assert not graft(graph, Feed(), Judge()).live


def test_what_the_data_cannot_give_is_said() -> None:
    graph = _graph(
        SOURCE,
        "  edge: {use: edge.refine, in: {image: camera.image, alpha: camera.alpha}}\n",
        "  end: {use: null.sink, in: edge.alpha}\n",
    )
    with pytest.raises(UsageError, match=r"edge needs camera\.alpha, which the data does not have; it has pictures"):
        graft(graph, Feed(), Judge())
