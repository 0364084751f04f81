"""What intervals promise: their limits are order statistics, and they hold the truth as often as they say."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgflow.bench.interval import Interval, ratio, short, verdict

SAMPLES = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("count", "low", "high"), [(6, 1, 6), (8, 1, 8), (9, 2, 8), (15, 4, 12), (25, 8, 18), (100, 40, 61)]
)
def test_the_limits_of_a_median_are_the_order_statistics_of_the_tables(count: int, low: int, high: int) -> None:
    found = Interval.of([float(n) for n in range(count, 0, -1)])
    assert (found.low, found.high, found.count) == (low, high, count)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_fewer_than_six_samples_give_their_extremes(count: int) -> None:
    found = Interval.of([float(n) for n in range(count)])
    assert (found.low, found.high) == (0, count - 1)


@pytest.mark.parametrize(("quantile", "low", "high"), [(0.9, 84, 96), (0.1, 5, 17)])
def test_the_limits_of_another_quantile_are_binomial_too(quantile: float, low: int, high: int) -> None:
    found = Interval.of([float(n) for n in range(1, 101)], quantile)
    below = sum(math.comb(100, k) * quantile**k * (1 - quantile) ** (100 - k) for k in range(low, high))
    closer = sum(math.comb(100, k) * quantile**k * (1 - quantile) ** (100 - k) for k in range(low + 1, high))
    assert below >= 0.95 > closer  # by hand: P(low <= K < high) for the number K of samples below the quantile
    assert (found.low, found.high) == (low, high)


DRAWS: dict[str, tuple[Callable[[random.Random], float], float]] = {
    "normal": (lambda r: r.gauss(10, 2), 10),
    "exponential": (lambda r: r.expovariate(1), math.log(2)),
    "two speeds": (lambda r: r.uniform(1, 1.1) if r.random() < 0.7 else r.uniform(5, 9), 1 + 0.1 * 0.5 / 0.7),
}


@pytest.mark.parametrize("count", [7, 15, 60])
@pytest.mark.parametrize("name", DRAWS)
def test_the_true_median_lies_within_in_95_of_100_cases_whatever_the_distribution(name: str, count: int) -> None:
    draw, truth = DRAWS[name]
    r, trials = random.Random(5), 2000
    intervals = (Interval.of([draw(r) for _ in range(count)]) for _ in range(trials))
    held = sum(i.low <= truth <= i.high for i in intervals)
    assert held / trials >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / trials)


def test_the_true_95th_percentile_lies_within_in_95_of_100_cases() -> None:
    r, truth, trials = random.Random(5), -math.log(0.05), 1000
    intervals = (Interval.of([r.expovariate(1) for _ in range(200)], 0.95) for _ in range(trials))
    held = sum(i.low <= truth <= i.high for i in intervals)
    assert held / trials >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / trials)


@given(SAMPLES, st.sampled_from([0.01, 0.5, 0.95, 0.99]))
def test_the_value_lies_between_its_limits_and_all_are_within_the_samples(samples: list[float], q: float) -> None:
    found = Interval.of(samples, q)
    assert min(samples) <= found.low <= found.high <= max(samples)
    if q == 0.5:
        assert found.low <= found.value * (1 + 1e-12)
        assert found.value <= found.high * (1 + 1e-12)


@given(SAMPLES)
def test_a_ratio_cancels_what_slows_both_alike(samples: list[float]) -> None:
    found = ratio([3 * s for s in samples], samples)
    assert (found.low, found.high) == (pytest.approx(3), pytest.approx(3))


def test_a_ratio_of_samples_that_do_not_pair_up_is_refused() -> None:
    with pytest.raises(ValueError):
        ratio([1.0, 2.0], [1.0])


def test_an_interval_over_another_takes_the_extremes_of_both() -> None:
    assert Interval(10, 8, 12, 9).over(Interval(4, 2, 5, 7)) == Interval(2.5, 1.6, 6, 7)


def test_an_interval_over_one_that_may_be_nothing_says_nothing() -> None:
    assert verdict(Interval(10, 8, 12, 9).over(Interval(1, -1, 2, 7))) == "cannot tell"


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (1.04, 1.2, "faster"),
        (0.8, 0.96, "slower"),
        (0.9, 1.2, "cannot tell"),
        (1.01, 1.02, "cannot tell"),
        (0.98, 0.99, "cannot tell"),
    ],
)
def test_a_verdict_needs_the_whole_interval_beyond_the_noise(low: float, high: float, said: str) -> None:
    assert verdict(Interval((low + high) / 2, low, high, 9), noise=0.03) == said


@given(st.floats(0.1, 10), st.floats(1, 2), st.floats(0, 0.2))
def test_a_verdict_is_the_other_one_when_old_and_new_change_places(value: float, wide: float, noise: float) -> None:
    there = Interval(value, value / wide, value * wide, 9)
    back = Interval(1 / value, 1 / there.high, 1 / there.low, 9)
    other = {"faster": "slower", "slower": "faster", "cannot tell": "cannot tell"}
    assert verdict(back, noise) == other[verdict(there, noise)]


@pytest.mark.parametrize(("value", "text"), [(0.00123, "0.00123"), (12.345, "12.3"), (1234.5, "1,234"), (3e6, "3e+06")])
def test_a_number_is_told_in_three_digits(value: float, text: str) -> None:
    assert short(value) == text
