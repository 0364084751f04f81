"""Things that are timed in turn: their order, and how many calls a sample has."""

from __future__ import annotations

import functools

import pytest

from bgflow.bench import duel as module
from bgflow.bench.duel import SAMPLE, WARM_UP, duel


class Clock:
    """A clock that only runs while something is called."""

    def __init__(self) -> None:
        self.now = 100.0
        self.seen: list[str] = []

    def perf_counter(self) -> float:
        return self.now

    def spend(self, name: str, seconds: float) -> None:
        self.seen.append(name)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_the_rounds_go_to_and_fro(clock: Clock) -> None:
    duel({n: functools.partial(clock.spend, n, 1) for n in "abc"}, seconds=0, rounds=4)
    assert "".join(clock.seen[3 * WARM_UP :]) == "abccbaabccba"


def test_every_run_has_as_many_samples_as_rounds_at_least(clock: Clock) -> None:
    taken = duel({n: functools.partial(clock.spend, n, 1) for n in "ab"}, seconds=0, rounds=3)
    assert {name: len(samples) for name, samples in taken.items()} == {"a": 3, "b": 3}


def test_it_goes_on_while_there_is_time(clock: Clock) -> None:
    assert len(duel({"a": functools.partial(clock.spend, "a", 1)}, seconds=20, rounds=1)["a"]) == 20


def test_a_clocked_run_is_called_once_a_sample_and_tells_its_own_time() -> None:
    answers = iter([7.0, 8.0, 9.0])
    assert duel({"a": lambda: next(answers)}, seconds=0, rounds=3, clocked=True) == {"a": [7.0, 8.0, 9.0]}


def test_a_quick_run_is_called_often_in_a_sample_and_a_slow_one_once(clock: Clock) -> None:
    runs = {name: functools.partial(clock.spend, name, s) for name, s in (("quick", SAMPLE / 10), ("slow", SAMPLE * 9))}
    duel(runs, seconds=0, rounds=2)
    assert clock.seen.count("quick") == WARM_UP + 2 * 10
    assert clock.seen.count("slow") == WARM_UP + 2


def test_samples_are_seconds_a_call(clock: Clock) -> None:
    taken = duel({"a": functools.partial(clock.spend, "a", SAMPLE / 4)}, seconds=0, rounds=2)
    assert taken["a"] == [pytest.approx(SAMPLE / 4)] * 2
