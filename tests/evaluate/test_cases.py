from __future__ import annotations

import numpy as np
import pytest

from bgflow.evaluate.cases import WORST, Record, gather
from bgflow.evaluate.footage import Sample
from tests.evaluate.shapes import box

PICTURE = np.zeros((32, 64, 3), np.uint8)


def _record(scores: dict[str, float], apart: int = 1) -> Record:
    record = Record(apart)
    for name, score in scores.items():
        record.add(Sample(name, PICTURE), score, box(10, 30), box(10, 20))
    return record


def test_the_worst_comes_first_and_neighbours_in_a_clip_stand_for_each_other() -> None:
    record = _record({str(n): {3: 0.4, 4: 0.3, 20: 0.5}.get(n, 1.0) for n in range(45)}, apart=15)
    assert [sample.name for sample, _ in record.worst()] == ["4", "20", "30"]


def test_only_the_few_worst_are_kept() -> None:
    record = _record({str(n): n / 100 for n in reversed(range(50))})
    assert [sample.name for sample, _ in record.worst()] == [str(n) for n in range(WORST)]


def test_a_picture_that_one_does_badly_at_is_shown_with_the_results_of_all() -> None:
    first, second = _record({"a": 0.9, "b": 0.8}), _record({"a": 0.7, "b": 0.1})
    cases = gather("clip", [first, second])
    assert [(c.sample, [v.score for v in c.views if v]) for c in cases] == [("b", [0.8, 0.1]), ("a", [0.9, 0.7])]


def test_a_result_that_never_came_is_shown_as_none() -> None:
    (case,) = gather("clip", [_record({"a": 0.9}), _record({})])
    assert case.views[1] is None


def test_a_result_is_kept_to_half_a_level_of_255() -> None:
    record, result = Record(1), np.linspace(0, 1, 32 * 64, dtype=np.float32).reshape(32, 64)
    record.add(Sample("a", PICTURE), 0.5, box(10, 30), result)
    view = record.view("a")
    assert view is not None
    assert view.result == pytest.approx(result, abs=0.5 / 255 + 1e-6)
