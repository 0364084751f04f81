"""Every graph that comes with bgflow is clean and runs as it is, with the real stages."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bgflow import load, models
from bgflow.cli.diagram import svg
from tests.commandline import bgflow

GRAPHS = Path(__file__).resolve().parents[1] / "graphs"
NAMES = sorted(p.stem for p in GRAPHS.glob("*.yaml"))
LIVE = [p.stem for p in GRAPHS.glob("*.yaml") if re.search("use: (webrtc|camera).source", p.read_text())]
FILES = [n for n in NAMES if n not in (*LIVE, "synth_demo", "greenscreen")]
SMALL = ("--set", "camera.width=96", "--set", "camera.height=64", "--set", "camera.count=12", "--set", "camera.enter=4")


@pytest.mark.parametrize("name", NAMES)
def test_every_graph_checks_clean_and_can_be_drawn(name: str) -> None:
    told = bgflow("check", GRAPHS / f"{name}.yaml")
    assert (told.code, told.err) == (0, "")
    assert svg(load(GRAPHS / f"{name}.yaml")).startswith("<svg")


@pytest.mark.parametrize("name", NAMES)
def test_every_graph_is_named_as_its_file_and_says_how_to_run_it(name: str) -> None:
    text = (GRAPHS / f"{name}.yaml").read_text()
    assert load(GRAPHS / f"{name}.yaml").name == name
    assert f"bgflow run graphs/{name}.yaml" in text


def test_a_graph_that_comes_with_bgflow_is_found_by_its_bare_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert bgflow("check", "synth_demo").out == f"{GRAPHS}/synth_demo.yaml: ok, 7 stages\n"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the demo has run, small."""
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        told = bgflow("run", GRAPHS / "synth_demo.yaml", *SMALL, "--set", "pictures.path=synth_pictures/%04d.jpg")
    assert told.code == 0, told.err
    return folder


def frames(path: Path) -> int:
    import av

    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_the_demo_needs_nothing_and_writes_material_for_the_others(demo: Path) -> None:
    assert frames(demo / "synth_demo.mp4") == 12
    assert frames(demo / "synth_camera.mp4") == 12
    assert [p.name for p in (demo / "synth_pictures").iterdir()] == ["0000.jpg"]


def test_the_green_screen_makes_its_own_shot_and_keys_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small = [part.replace("camera.", "actor.") for part in SMALL]
    told = bgflow("run", GRAPHS / "greenscreen.yaml", *small, "--report", "r.json")
    assert told.code == 0, told.err
    assert frames(tmp_path / "greenscreen.mp4") == 12
    assert json.loads(Path("r.json").read_text())["allocations_after_warm_up"] == 0


@pytest.mark.parametrize("name", FILES)
def test_every_graph_on_files_runs_as_it_is_after_the_demo(
    demo: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    graph = load(GRAPHS / f"{name}.yaml")
    if any(n.stage.use == "u2net.mask" for n in graph.nodes.values()) and not models.get("u2netp").path.is_file():
        pytest.skip("needs u2netp: bgflow models pull u2netp")
    monkeypatch.chdir(demo)
    told = bgflow("run", GRAPHS / f"{name}.yaml", "--report", "r.json")
    assert told.code == 0, told.err
    content = json.loads(Path("r.json").read_text())
    assert content["frames"] == (1 if name == "image_remove" else 12)
    assert content["dropped"] == {}
    assert content["allocations_after_warm_up"] == 0
    out = demo / str(graph.nodes["out"].stage.params.model_dump()["path"])
    assert (out / "0000.png").is_file() if name == "image_remove" else frames(out) == 12


@pytest.mark.parametrize("name", FILES)
def test_a_graph_whose_material_is_missing_says_which_graph_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    told = bgflow("run", GRAPHS / f"{name}.yaml")
    assert told.code == 2
    assert told.err.endswith(f"; {GRAPHS}/synth_demo.yaml writes it: run that first\n")
