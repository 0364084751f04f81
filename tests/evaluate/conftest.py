from __future__ import annotations

from pathlib import Path

import pytest

from tests.evaluate.shapes import GRAPH, RED


@pytest.fixture
def red(tmp_path: Path) -> Path:
    """A graph whose matte is right wherever the subject is red; `late.yaml` beside it is one frame late."""
    (tmp_path / "stages.py").write_text(RED)
    (tmp_path / "red.yaml").write_text(GRAPH)
    (tmp_path / "late.yaml").write_text(GRAPH.replace("Red", "Late"))
    return tmp_path / "red.yaml"
