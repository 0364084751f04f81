"""What the bench of the slo counts in a phase: late frames, and when the goal was kept from then on."""

from __future__ import annotations

import math

import pytest

from bgflow.bench.slo import Phase, table

FPS, GOAL = 30, 0.04


def phase(late: range, seconds: int = 20, took: float = 0.1) -> Phase:
    """Frames that are late in those seconds and took a quarter of the goal in all others."""
    frames = tuple(took if n // FPS in late else GOAL / 4 for n in range(seconds * FPS))
    return Phase("beside others", GOAL, frames, tuple(3 if n >= 10 else 0 for n in range(seconds)))


@pytest.mark.parametrize(("late", "after"), [(range(0), 0), (range(6), 6), (range(2, 9), 9), (range(20), None)])
def test_the_goal_is_kept_from_the_second_on_after_which_no_window_misses_it(late: range, after: float | None) -> None:
    assert phase(late).kept_after == after


def test_a_frame_that_never_came_is_lost_and_late() -> None:
    lost = phase(range(4), took=math.inf)
    assert (lost.lost, lost.missed, lost.p95) == (4 * FPS, 20, math.inf)


def test_the_table_tells_the_mean_rung_of_each_window() -> None:
    (row,) = table("on", [phase(range(6))])
    assert row == "| on | beside others | 100 ms | 0 of 600 | 30.0 % | 6 s | 0 0 3 3 |"
