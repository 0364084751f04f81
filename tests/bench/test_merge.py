"""Results of suites that were measured one after the other, as one."""

from __future__ import annotations

from pathlib import Path

import pytest

from bgflow.bench.merge import files, merge
from bgflow.bench.result import Absent
from bgflow.errors import UsageError
from tests.bench.results import around, result, row

EARLY, LATE = "2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00"


def test_rows_of_all_files_come_in_the_order_of_their_measuring(tmp_path: Path) -> None:
    result(row("b", around(2)), started=LATE).save(tmp_path / "1.json")
    result(row("a", around(1)), started=EARLY).save(tmp_path / "2.json")
    merged = merge(files([str(tmp_path)]))
    assert [r.name for r in merged.rows] == ["a", "b"]
    assert merged.fingerprint.started == LATE


def test_the_last_measurement_of_a_row_counts(tmp_path: Path) -> None:
    result(row("a", around(1)), started=LATE).save(tmp_path / "new.json")
    result(row("a", around(9)), started=EARLY).save(tmp_path / "old.json")
    (only,) = merge(files([str(tmp_path)])).rows
    assert only.interval.value == pytest.approx(1)


def test_what_was_absent_and_then_measured_is_a_row(tmp_path: Path) -> None:
    before = result(started=EARLY)
    before.absent.append(Absent(suite="kernels", name="a", why="no cv2"))
    before.save(tmp_path / "old.json")
    result(row("a", around(1)), started=LATE).save(tmp_path / "new.json")
    merged = merge(files([str(tmp_path)]))
    assert ([r.name for r in merged.rows], merged.absent) == (["a"], [])


def test_results_of_two_machines_are_merged_only_when_asked(tmp_path: Path) -> None:
    result(row("a", around(1)), cores=8).save(tmp_path / "a.json")
    result(row("b", around(1))).save(tmp_path / "b.json")
    paths = files([str(tmp_path)])
    with pytest.raises(UsageError, match="was measured on Test CPU, 8 cores.*--anyway"):
        merge(paths)
    assert len(merge(paths, anyway=True).rows) == 2


def test_tiny_sizes_are_not_mixed_with_real_ones(tmp_path: Path) -> None:
    result(row("a", around(1)), tiny=True).save(tmp_path / "a.json")
    result(row("b", around(1))).save(tmp_path / "b.json")
    with pytest.raises(UsageError, match=r"a\.json: is of tiny sizes"):
        merge(files([str(tmp_path)]))


def test_a_folder_without_results_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no .json in it"):
        files([str(tmp_path)])
