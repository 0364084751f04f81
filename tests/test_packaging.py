"""A wheel holds every file that the checkout uses, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAPPED = ("stages", "kernels", "graphs", "bench")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def _checkout() -> set[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    wanted = set()
    for name in listed:
        top = name.partition("/")[0]
        if top == "bgflow" or (top in MAPPED and not name.startswith("bench/results/")):
            wanted.add(name if top == "bgflow" else f"bgflow/{name}")
    return wanted


@pytest.mark.slow
def test_the_wheel_holds_exactly_the_tracked_files(wheel: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    inside = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}
    assert inside == _checkout()


@pytest.mark.parametrize("folder", MAPPED)
def test_a_mapped_folder_refuses_a_second_copy_under_another_name(folder: str) -> None:
    out = subprocess.run([sys.executable, "-c", f"import {folder}"], cwd=ROOT, capture_output=True, text=True)
    assert f"ImportError: import bgflow.{folder}, not {folder}" in out.stderr


def test_no_python_file_is_longer_than_three_hundred_lines() -> None:
    files = [p for top in ("bgflow", *MAPPED) for p in (ROOT / top).rglob("*.py")]
    sizes = sorted(((len(p.read_text().splitlines()), p.relative_to(ROOT).as_posix()) for p in files), reverse=True)
    print("\nthe five largest:", *(f"{n:4} {name}" for n, name in sizes[:5]), sep="\n")
    assert sizes[0][0] <= 300
