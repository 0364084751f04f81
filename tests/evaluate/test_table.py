from __future__ import annotations

import pytest

from bgflow.evaluate.candidate import Candidate
from bgflow.evaluate.evaluation import Result, Score, mean
from bgflow.evaluate.table import _chunks, quality, show


def _result(label: str, **iou: float) -> Result:
    scores = [Score(n, n[0], {"iou": v, "mismatch": 1}, [], 0) for n, v in iou.items()]
    return Result(Candidate(label, label), "video", scores)


def test_groups_count_the_same_however_many_clips_they_have_and_mismatches_add_up() -> None:
    overall = _result("x", a1=0.2, a2=0.4, b1=0.9).overall
    assert overall == pytest.approx({"iou": (0.3 + 0.9) / 2, "mismatch": 3})


def test_a_measure_is_the_mean_of_those_who_have_it() -> None:
    assert mean([{"iou": 0.5}, {"empty": 2.0}, {"iou": 0.7}]) == pytest.approx({"iou": 0.6, "empty": 2.0})


def test_rows_are_groups_then_overall_then_the_difference_of_two() -> None:
    _, rows = quality([_result("x", a1=0.2, b1=0.4), _result("y", a1=0.1, b1=0.1)])
    assert [row[:3] for row in rows] == [
        ["a", "x", "0.200"],
        ["a", "y", "0.100"],
        ["b", "x", "0.400"],
        ["b", "y", "0.100"],
        ["overall", "x", "0.300"],
        ["overall", "y", "0.100"],
        ["difference", "x - y", "+0.200"],
    ]


def test_a_narrow_terminal_gets_the_columns_in_turns() -> None:
    head = ["data", "graph", "one", "two", "three"]
    assert _chunks(head, [], 2, 31) == [[0, 1, 2, 3], [0, 1, 4]]
    assert _chunks(head, [], 2, 100) == [[0, 1, 2, 3, 4]]


def test_a_table_that_is_not_on_a_terminal_is_markdown() -> None:
    assert show(["data", "graph", "IoU"], [["a", "x", "0.5"]]).splitlines() == [
        "| data | graph | IoU |",
        "|------|-------|-----|",
        "| a    | x     | 0.5 |",
    ]
