"""`bgflow eval` as a user meets it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from bgflow import load
from bgflow.evaluate import evaluation
from bgflow.evaluate.candidate import candidates, is_stage
from bgflow.evaluate.feed import Judge
from bgflow.evaluate.graft import judged
from bgflow.evaluate.layouts import read_data
from tests.commandline import Told, bgflow
from tests.evaluate.shapes import GRAPH, RED, box, photo, save, write_pairs

QUALITY = Path(__file__).resolve().parents[2] / "bench" / "quality"


def _figures(told: Told, row: int = 0) -> dict[str, str]:
    head, _, *rows = [[c.strip() for c in line.strip("|").split("|")] for line in told.out.splitlines() if "|" in line]
    return dict(zip(head, rows[row], strict=True))


def test_a_graph_that_is_right_scores_one_and_its_pictures_stay_in_step(red: Path, tmp_path: Path) -> None:
    told = bgflow("eval", red, "--data", write_pairs(tmp_path / "data"))
    assert told.code == 0, told.err
    figures = _figures(told)
    assert [figures[n] for n in ("data", "graph", "IoU", "MAE", "Mismatch")] == ["data", "red", "1.000", "0.0000", "0"]


def _moving_clip(folder: Path) -> Path:
    """Six frames of a subject that moves by a pixel a frame."""
    for n in range(6):
        save(folder / "clip" / "frames" / f"{n}.png", photo(box(8 + n, 40 + n)))
        save(folder / "clip" / "masks" / f"{n}.png", box(8 + n, 40 + n))
    return folder


def test_a_matte_that_comes_with_every_second_frame_is_judged_on_all(red: Path, tmp_path: Path) -> None:
    red.write_text(red.read_text().replace("in: camera.image", "in: camera.image, every: 2"))
    told = bgflow("eval", red, "--data", _moving_clip(tmp_path / "d"))
    assert told.code == 0, told.err
    figures = _figures(told)
    assert (figures["Lag px"], figures["Mismatch"]) == ("0.60", "0")  # 1, 0, 1, 0, 1 pixels


def test_two_graphs_are_compared_and_the_difference_is_told(red: Path, tmp_path: Path) -> None:
    data = _moving_clip(tmp_path / "d")
    told = bgflow("eval", red, "--against", red.with_name("late.yaml"), "--data", data)
    assert told.code == 0, told.err
    assert _figures(told, 0)["Lag px"] == "0.00"
    assert _figures(told, 1)["Lag px"] == "1.00"
    assert _figures(told, 2)["Lag px"] == "-1.00"
    assert _figures(told, 2)["data"] == "difference"


def test_json_holds_every_picture(red: Path, tmp_path: Path) -> None:
    data = write_pairs(tmp_path / "data")
    assert bgflow("eval", red, "--data", data, "--json", tmp_path / "out.json").code == 0
    graph = json.loads((tmp_path / "out.json").read_text())["graphs"][0]
    assert graph["overall"]["iou"] == 1
    assert [f["name"] for f in graph["clips"][0]["frames"]] == ["p0", "p1", "p2"]


def test_html_needs_nothing_from_outside_and_shows_the_worst_case(red: Path, tmp_path: Path) -> None:
    data = write_pairs(tmp_path / "data")
    save(data / "images" / "p1.png", photo(box(8, 20)))
    assert bgflow("eval", red, "--data", data, "--html", tmp_path / "out.html").code == 0
    page = (tmp_path / "out.html").read_text()
    assert "http" not in page.replace("http-equiv", "")
    assert page.count("<figure>") == 3 * 4
    assert page.index("data / p1") < page.index("data / p0")


def test_html_shows_what_two_graphs_made_of_the_same_picture_side_by_side(red: Path, tmp_path: Path) -> None:
    data = _moving_clip(tmp_path / "d")
    args = ("--against", red.with_name("late.yaml"), "--data", data, "--html", tmp_path / "out.html")
    assert bgflow("eval", red, *args).code == 0
    case = (tmp_path / "out.html").read_text().split('<section class="case">')[1]
    names = ["picture", "truth", "red result", "red error", "late result", "late error"]
    assert re.findall(r'<img alt="([^"]+)"', case) == names
    assert re.findall(r"<b>([^<]+)</b>", case) == ["1.000", "0.939"]  # 31 of 33 columns


def test_a_background_model_is_judged_on_a_rendered_scene() -> None:
    told = bgflow("eval", "mog.mask", "--layout", "synth", "--only", "clean", "--limit", 20)
    assert told.code == 0, told.err
    figures = _figures(told)
    assert float(figures["IoU"]) > 0.9
    assert float(figures["Empty %"]) < 0.1
    assert figures["Mismatch"] == "0"


def test_cdnet_is_judged_by_the_counts_of_its_labels(red: Path, tmp_path: Path) -> None:
    for n in range(1, 4):
        save(tmp_path / "road" / "input" / f"in{n:06d}.png", photo(box(8, 40)))
        save(tmp_path / "road" / "groundtruth" / f"gt{n:06d}.png", (box(8, 24) * 255).astype(np.uint8))
    told = bgflow("eval", red, "--data", tmp_path / "road")
    figures = _figures(told)
    assert [figures[n] for n in ("Recall", "Prec", "F")] == ["1.0000", "0.5000", "0.6667"]


def test_cdnet_counts_each_video_of_a_category_and_each_category_the_same(red: Path, tmp_path: Path) -> None:
    # F of the videos: 2/3 and 1 in "road", 0 in "water"; so 5/6 and 0, and 5/12 overall
    for video, true, found in (("road/a", 24, 40), ("road/b", 40, 40), ("water/c", 0, 40)):
        for n in range(1, 3):
            save(tmp_path / "d" / video / "input" / f"in{n:06d}.png", photo(box(8, found)))
            save(tmp_path / "d" / video / "groundtruth" / f"gt{n:06d}.png", (box(8, true) * 255).astype(np.uint8))
    told = bgflow("eval", red, "--data", tmp_path / "d")
    rows = [_figures(told, n) for n in range(3)]
    assert [(r["data"], r["F"]) for r in rows] == [("road", "0.8333"), ("water", "0.0000"), ("overall", "0.4167")]


def test_robustness_reports_the_drop_of_every_harm(red: Path, tmp_path: Path) -> None:
    told = bgflow("eval", red, "--data", write_pairs(tmp_path / "data"), "--robustness", "--limit", 1)
    assert told.code == 0, told.err
    rows = {line.split("|")[1].strip(): line for line in told.out.split("harm", 1)[1].splitlines() if "|" in line}
    assert "1.000 (+0.000)" in rows["shake"]
    assert float(rows["gamma"].split("|")[-2]) == pytest.approx(0, abs=1e-9)
    assert float(rows["resolution"].split("|")[-2]) > 0.02
    assert len(rows) >= 8


def test_a_parameter_is_overridden_in_a_stage_and_by_set() -> None:
    told = bgflow("eval", "mog.mask?history=0", "--layout", "synth")
    assert (told.code, told.err) == (
        2,
        "--set mog.history=0: history: input should be greater than or equal to 1, not 0\n",
    )
    told = bgflow("eval", "mog.mask", "--set", "mog.histroy=3", "--layout", "synth")
    assert told.code == 2
    assert "--set mog.histroy=3: mog.mask has no parameter 'histroy'; did you mean 'history'?" in told.err


@pytest.mark.parametrize("file", sorted(QUALITY.glob("*.yaml")), ids=lambda f: f.stem)
def test_the_graphs_of_the_quality_table_have_one_last_matte(file: Path) -> None:
    assert judged(load(file))[1] == "alpha"


@pytest.mark.parametrize(
    ("text", "stage"),
    [
        ("mog.mask", True),
        ("u2net.mask?scale=minmax", True),
        ("bgflow.bench.peers:Mog2", True),
        ("webrtc_replace", False),
        ("graphs/cctv_mog.yaml", False),
        ("fuse.yaml", False),
    ],
)
def test_a_stage_is_told_from_a_graph(text: str, stage: bool) -> None:
    assert is_stage(text) == stage


def test_a_result_that_never_comes_is_a_mismatch(tmp_path: Path) -> None:
    footage = read_data(str(write_pairs(tmp_path)), "pairs", 0)[1][0]
    (tmp_path / "stages.py").write_text(RED.replace("return alpha", "return None"))
    (tmp_path / "red.yaml").write_text(GRAPH)
    candidate = candidates([str(tmp_path / "red.yaml")], [], "", "", "")[0]
    assert evaluation.judge(candidate, footage, lambda doing, done: None)[0].figures["mismatch"] == 3


def test_a_result_with_another_instants_ticket_is_a_mismatch(tmp_path: Path) -> None:
    from bgflow.evaluate.feed import Feed
    from bgflow.evaluate.verdict import verdict
    from bgflow.testing import opened

    footage = read_data(str(write_pairs(tmp_path)), "pairs", 0)[1][0]
    feed = Feed(footage)
    feed.waiting = dict(enumerate(footage.read()))
    with opened(Judge(feed, verdict(footage))) as judge:
        judge(0, ticket="0", alpha=box(8, 40))
        judge(1, ticket="2", alpha=box(8, 40))
        assert judge.stage.mismatched == 1
