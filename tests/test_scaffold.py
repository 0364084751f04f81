"""`bgflow new stage` writes what works as it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bgflow.cli.scaffold import new_stage
from bgflow.errors import UsageError
from tests.commandline import bgflow

ROOT = Path(__file__).resolve().parents[1]


def test_the_new_stages_test_passes_and_its_graph_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = bgflow("new", "stage", "edge_glow", "--folder", tmp_path)
    assert told.code == 0
    assert told.out.splitlines()[:3] == [
        f"wrote {tmp_path}/edge_glow.py",
        f"wrote {tmp_path}/test_edge_glow.py",
        f"wrote {tmp_path}/edge_glow.yaml",
    ]
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_edge_glow.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert "2 passed" in tested.stdout, tested.stdout + tested.stderr
    monkeypatch.chdir(tmp_path)
    assert bgflow("check", "edge_glow.yaml").out == "edge_glow.yaml: ok, 3 stages\n"
    assert bgflow("run", "edge_glow.yaml", "--frames", "3").code == 0
    assert (tmp_path / "edge_glow.mp4").stat().st_size > 0


def test_the_new_stage_is_short_and_typed_by_its_ports(tmp_path: Path) -> None:
    code = new_stage("Spill", tmp_path)[0].read_text()
    assert len(code.splitlines()) <= 25
    assert "class Spill(Stage):" in code


@pytest.mark.parametrize(
    ("name", "module"),
    [("edgeGlow", "edge_glow"), ("Edge Glow", "edge_glow"), ("edge-glow", "edge_glow"), ("x2", "x2")],
)
def test_names_become_module_names(tmp_path: Path, name: str, module: str) -> None:
    assert [f.name for f in new_stage(name, tmp_path)] == [f"{module}.py", f"test_{module}.py", f"{module}.yaml"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("3d", "'3d' cannot be a stage's name; use letters, digits and _, as in 'edge_glow'"),
        ("class", "'class' cannot be a stage's name; use letters, digits and _, as in 'edge_glow'"),
        ("numpy", "'numpy' is a Python module already, which the stage would hide; choose another name"),
    ],
)
def test_a_name_that_cannot_work_is_refused(tmp_path: Path, name: str, told: str) -> None:
    with pytest.raises(UsageError) as e:
        new_stage(name, tmp_path)
    assert str(e.value) == told
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "glow.yaml").write_text("mine")
    with pytest.raises(UsageError) as e:
        new_stage("glow", tmp_path)
    assert str(e.value) == f"{tmp_path}/glow.yaml: exists already; nothing was written, choose another name or folder"
    assert [p.name for p in tmp_path.iterdir()] == ["glow.yaml"]
