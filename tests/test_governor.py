"""The control law stays on its ladder, settles, recovers, and does not swing, whatever the load is."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.governor import CALM, EASY, MOST, Governor, Step, chance

GOAL, WINDOW, FPS, TICK = 0.033, 5.0, 30, 0.25
COSTS = (0.040, 0.030, 0.022, 0.015, 0.010)
"""Seconds a frame takes on each rung of an unloaded machine."""
ladders = st.lists(st.floats(0.4, 0.95), min_size=1, max_size=6).map(
    lambda ratios: tuple(0.040 * math.prod(ratios[:n]) for n in range(len(ratios) + 1))
)


@dataclass
class Trace:
    """What the law did: every step with its time, and the rung at each look."""

    steps: list[tuple[float, Step]] = field(default_factory=list)
    rungs: list[int] = field(default_factory=list)

    @property
    def usual(self) -> int:
        """The rung of most of the last quarter."""
        return Counter(self.rungs[-len(self.rungs) // 4 :]).most_common(1)[0][0]


def simulated(
    load: Callable[[float], float],
    seconds: float,
    costs: tuple[float, ...] = COSTS,
    *,
    noise: float = 0.08,
    seed: int = 0,
    lost: Callable[[float], float] = lambda now: 0.0,
) -> Trace:
    """Frames at a steady rate, each as late as its rung costs times the load; a share of them is lost."""
    chances, governor, trace = random.Random(seed), Governor(0.95, GOAL, WINDOW, len(costs) - 1), Trace()
    for n in range(round(seconds / TICK)):
        now, count = n * TICK, round(FPS * TICK)
        gone = sum(chances.random() < lost(now) for _ in range(count))
        cost = load(now) * costs[governor.rung]
        step = governor.advance(now, [cost * math.exp(chances.gauss(0, noise)) for _ in range(count - gone)], gone)
        if step:
            trace.steps.append((now, step))
        trace.rungs.append(governor.rung)
    return trace


@given(
    st.lists(st.tuples(st.floats(0, 5), st.lists(st.floats(0, 1), max_size=20), st.integers(0, 20)), max_size=200),
    st.integers(0, 5),
    st.sampled_from([0.5, 0.9, 0.95, 0.99]),
)
def test_it_rises_by_single_rungs_and_never_leaves_the_ladder(
    events: list[tuple[float, list[float], int]], lowest: int, quantile: float
) -> None:
    governor, now = Governor(quantile, GOAL, WINDOW, lowest), 0.0
    for wait, latencies, lost in events:
        now, before = now + wait, governor.rung
        step = governor.advance(now, latencies, lost)
        assert 0 <= governor.rung <= lowest
        assert governor.rung - before == (step.after - step.before if step else 0)
        assert before - governor.rung <= 1


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.floats(5, 60), st.floats(0.1, 6)), min_size=1, max_size=6), ladders, st.integers(0, 99))
def test_a_step_comes_a_window_after_the_one_before_it_or_later(
    phases: list[tuple[float, float]], costs: tuple[float, ...], seed: int
) -> None:
    ends = [sum(length for length, _ in phases[: n + 1]) for n in range(len(phases))]

    def load(now: float) -> float:
        return next((factor for end, (_, factor) in zip(ends, phases, strict=True) if now < end), 1.0)

    times = [at for at, _ in simulated(load, ends[-1], costs, seed=seed).steps]
    assert all(b - a >= WINDOW for a, b in itertools.pairwise(times))


@settings(max_examples=12, deadline=None)
@given(st.floats(0.3, 6), ladders, st.integers(0, 99))
def test_constant_load_makes_it_settle_and_tries_grow_rare(load: float, costs: tuple[float, ...], seed: int) -> None:
    seconds = 1200.0
    steps = simulated(lambda now: load, seconds, costs, seed=seed).steps
    tries = math.log2(seconds / (CALM * WINDOW)) + 1
    assert len(steps) <= 2 * len(costs) + 2 * tries
    assert sum(step.after - step.before > 1 for _, step in steps) <= math.log2(len(costs)) + 1


@settings(max_examples=15, deadline=None)
@given(st.floats(0.3, 6), st.floats(1, 3), ladders, st.integers(0, 99))
def test_more_load_never_ends_on_a_better_rung(load: float, more: float, costs: tuple[float, ...], seed: int) -> None:
    light, heavy = (simulated(lambda now, x=x: x, 300, costs, seed=seed) for x in (load, load * more))  # type: ignore[misc]
    assert light.usual <= heavy.usual


@settings(max_examples=20, deadline=None)
@given(st.floats(1.5, 20), st.floats(5, 120), ladders, st.integers(0, 99))
def test_when_the_load_has_ended_it_climbs_back_to_the_best_rung(
    load: float, length: float, costs: tuple[float, ...], seed: int
) -> None:
    easy = 0.8 * EASY * GOAL / costs[0]
    climb = (len(costs) - 1) * (CALM + 2) * WINDOW
    trace = simulated(lambda now: load if now < length else easy, length + 3 * climb + 60, costs, seed=seed)
    assert trace.rungs[-1] == 0


@settings(max_examples=20, deadline=None)
@given(st.floats(1.05, 20), ladders, st.integers(0, 99))
def test_it_ends_on_the_best_rung_that_holds_the_goal_or_on_the_lowest(
    load: float, costs: tuple[float, ...], seed: int
) -> None:
    trace = simulated(lambda now: load, 300, costs, noise=0.0, seed=seed)
    holds = [n for n, cost in enumerate(costs) if cost * load <= GOAL]
    assert trace.usual == (holds[0] if holds else len(costs) - 1)


@settings(max_examples=20, deadline=None)
@given(st.floats(1.3, 20), st.integers(8, 40), st.floats(0.9, 0.99), st.integers(0, 99))
def test_the_number_of_steps_to_the_rung_that_holds_grows_with_the_logarithm_of_its_number(
    load: float, length: int, ratio: float, seed: int
) -> None:
    costs = tuple(0.033 * ratio**n for n in range(length + 1))
    trace = simulated(lambda now: load, 200, costs, noise=0.0, seed=seed)
    holds = next((n for n, cost in enumerate(costs) if cost * load <= GOAL), length)
    times = [
        at for at, step in trace.steps if step.after > step.before and max(trace.rungs[: round(at / TICK)]) < holds
    ]
    assert len(times) <= math.log2(holds + 1) + 1


def test_a_step_that_brought_much_is_followed_by_a_small_one_and_one_that_brought_little_by_a_large_one() -> None:
    steep = simulated(lambda now: 2, 20, (0.033, 0.020, 0.012, 0.005, 0.001), noise=0.0)
    flat = simulated(lambda now: 2, 20, (0.033, 0.032, 0.031, 0.030, 0.010), noise=0.0)
    assert [(step.before, step.after) for _, step in steep.steps] == [(0, 1), (1, 2)]
    assert [(step.before, step.after) for _, step in flat.steps][:3] == [(0, 1), (1, 3), (3, 4)]


def test_a_rung_that_was_passed_over_and_holds_is_found_without_waiting_for_ease() -> None:
    costs = (0.040, 0.038, 0.032, 0.031)
    trace = simulated(lambda now: 1, 120, costs, noise=0.0)
    assert [(step.before, step.after) for _, step in trace.steps] == [(0, 1), (1, 3), (3, 2)]
    assert costs[3] > EASY * GOAL


def test_a_rung_that_was_passed_over_and_does_not_hold_is_tried_once() -> None:
    trace = simulated(lambda now: 1, 600, (0.040, 0.039, 0.0385, 0.031), noise=0.0)
    assert [(step.before, step.after) for _, step in trace.steps] == [(0, 1), (1, 3), (3, 2), (2, 3)]


def test_overload_is_answered_within_a_fifth_of_the_window_and_a_few_looks() -> None:
    trace = simulated(lambda now: 5 if now >= 60 else 0.5, 100)
    assert 60 < trace.steps[0][0] <= 60 + 0.2 * WINDOW + 3 * TICK


def test_one_hiccup_however_long_its_frames_were_takes_no_step() -> None:
    assert simulated(lambda now: 100 if 60 <= now < 60.75 else 0.5, 120).steps == []


def test_two_percent_of_late_frames_do_not_break_a_95_percent_goal() -> None:
    chances = random.Random(1)
    governor = Governor(0.95, GOAL, WINDOW, 3)
    steps = [
        governor.advance(n * TICK, [0.1 if chances.random() < 0.02 else 0.01 for _ in range(8)]) for n in range(4000)
    ]
    assert not any(steps)


def test_lost_frames_are_late_frames_though_the_others_are_quick() -> None:
    trace = simulated(lambda now: 0.1, 30, lost=lambda now: 0.5)
    assert trace.steps[0][1].after == 1
    assert trace.steps[0][1].value == math.inf
    assert trace.steps[0][1].lost > 0


def test_each_step_up_that_fails_doubles_the_wait_for_the_next() -> None:
    ups = [at for at, step in simulated(lambda now: 1, 600, (0.040, 0.015)).steps if step.after == 0]
    downs = [at for at, step in simulated(lambda now: 1, 600, (0.040, 0.015)).steps if step.after == 1]
    waits = [up - down for up, down in zip(ups, downs, strict=False)]
    assert [round(wait / waits[0], 1) for wait in waits] == pytest.approx([1, 1.9, 3.9, 7.6, 15.1], rel=0.06)


def test_the_wait_has_an_end() -> None:
    hours = simulated(lambda now: 1, 2 * 3600, (0.040, 0.015), noise=0.0)
    ups = [at for at, step in hours.steps if step.after == 0]
    assert max(b - a for a, b in itertools.pairwise(ups)) <= (MOST * CALM + 3) * WINDOW


def test_after_failures_it_does_not_wait_long_once_the_load_is_really_less() -> None:
    trace = simulated(lambda now: 1 if now < 600 else 0.3, 700, (0.040, 0.015))
    assert trace.rungs[-1] == 0
    assert trace.steps[-1][0] < 600 + (CALM + 2) * WINDOW


def test_nothing_seen_is_no_reason_for_a_step() -> None:
    governor = Governor(0.95, GOAL, WINDOW, 3)
    for n in range(40):
        governor.advance(n * TICK, [0.1] * 8)
    before = governor.rung
    assert before > 0
    assert not any(governor.advance(100 + n * TICK, []) for n in range(400))
    assert (governor.rung, governor.value) == (before, None)


def test_on_the_lowest_rung_it_says_that_nothing_is_left() -> None:
    governor = Governor(0.95, GOAL, WINDOW, 1)
    for n in range(80):
        governor.advance(n * TICK, [0.1] * 8)
    assert (governor.rung, governor.exhausted) == (1, True)


@pytest.mark.parametrize(("late", "frames", "share"), [(3, 10, 0.05), (13, 150, 0.05), (2, 150, 0.01), (90, 150, 0.5)])
def test_the_chance_of_so_many_late_frames_is_the_binomial_tail(late: int, frames: int, share: float) -> None:
    exact = sum(math.comb(frames, k) * share**k * (1 - share) ** (frames - k) for k in range(late, frames + 1))
    assert chance(late, frames, share) == pytest.approx(exact, rel=1e-4)
