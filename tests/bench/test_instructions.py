"""Counted instructions: what is a regression, and that a slower kernel is found."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bgflow.bench import instructions
from bgflow.bench.counted import cases, counts, per_pixel, slopes
from bgflow.bench.instructions import Baseline, read, regressions
from bgflow.bench.pictures import Size
from bgflow.errors import UsageError

BASELINE = Baseline(versions=instructions.versions(), per_pixel={"box": 10.0, "mog": 40.0})


def test_more_instructions_than_allowed_are_a_line_each() -> None:
    assert regressions(BASELINE.per_pixel, {"box": 10.9, "mog": 39}, 0.1) == []
    assert regressions(BASELINE.per_pixel, {"box": 11.2, "mog": 50}, 0.1) == [
        "box: 11.2 instructions a pixel instead of 10, +12%",
        "mog: 50 instructions a pixel instead of 40, +25%",
    ]


def test_a_case_that_is_not_counted_any_more_is_told() -> None:
    assert "mog: is not counted any more" in regressions(BASELINE.per_pixel, {"box": 10}, 0.1)[0]


def test_a_call_is_read_by_its_name_and_size_from_a_dump() -> None:
    head = "desc: Trigger: Client Request: box mean 256x192\n\nevents: Ir\n"
    assert counts(f"{head}fn=(1) 0x00000000000163a0\n0 18\n\ntotals: 905807\n") == [("box mean", 49152, 905807)]


def test_what_python_does_around_a_kernel_cancels_out() -> None:
    python, pixel = 50_000, 12
    calls = [("box", n, python + pixel * n + more) for n in (100, 400) for more in (0, 700)]
    assert slopes(calls) == {"box": pixel}


def test_the_committed_baseline_has_every_case() -> None:
    assert set(read().per_pixel) == {name for name, _ in cases(Size(64, 48))}


@pytest.mark.parametrize("text", ["{", '{"versions": {}}', '{"versions": {}, "per_pixel": {"a": 0}}'])
def test_a_baseline_that_cannot_be_read_is_told(tmp_path: Path, text: str) -> None:
    file = tmp_path / "b.json"
    file.write_text(text)
    with pytest.raises(UsageError, match="is no baseline; --write makes one"):
        read(file)


@pytest.mark.parametrize(("factor", "code"), [(1.0, 0), (1.3, 1)])
def test_the_command_ends_with_1_when_a_kernel_became_slower(
    factor: float, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "b.json"
    file.write_text(json.dumps(BASELINE.model_dump()))
    monkeypatch.setattr(instructions, "read", lambda: read(file))
    monkeypatch.setattr(instructions, "per_pixel", lambda only: {"box": 10.0 * factor, "mog": 40.0})
    assert instructions.main([]) == code
    assert ("slower: box: 13 instructions" in capsys.readouterr().err) == bool(code)


def test_without_valgrind_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda tool: None)
    with pytest.raises(UsageError, match="valgrind is not installed; apt-get install valgrind"):
        per_pixel()
