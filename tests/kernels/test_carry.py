"""Carrying a matte along a flow, and settling it with a new answer."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import carry, flow
from tests.kernels import hostcuda

Make = Callable[[np.random.Generator], list[Any]]
Plane = np.ndarray[Any, Any]
M, N = 33, 47
PADDED = flow.padded(M, N)


def empty(*shape: int) -> Plane:
    return np.zeros(shape, np.float32)


def real(rng: np.random.Generator, *shape: int) -> Plane:
    return rng.random(shape, np.float32)


def level(value: float) -> Plane:
    return np.array([value], np.float32)


def near(rng: np.random.Generator) -> Plane:
    return rng.uniform(-6, 6, (2, M, N)).astype(np.float32)


def ties(rng: np.random.Generator, n: int) -> Plane:
    return (rng.integers(0, 12, n) * 3.5).astype(np.float32)


def ranks(some: Plane) -> np.ndarray[Any, Any]:
    before = np.zeros((7, some.size), np.int32)
    hostcuda.python(carry.outrank)(some, before, 7, some.size)
    return before


CASES: list[tuple[Kernel, Make]] = [
    (carry.differ, lambda rng: [
        real(rng, *PADDED), real(rng, *PADDED), near(rng), empty(M, N), *PADDED
    ]),
    (carry.thin, lambda rng: [real(rng, M, N), empty(-(-M // carry.APART), -(-N // carry.APART))]),
    (carry.carry, lambda rng: [
        real(rng, M, N), near(rng), 20 * real(rng, M, N), 60 * real(rng, *PADDED), empty(M, N), level(7), M, N
    ]),
    (carry.begin, lambda rng: [real(rng, M, N), 0.5]),
    (carry.fade, lambda rng: [
        real(rng, M, N), near(rng), 20 * real(rng, M, N), empty(M, N), level(7), 0.12, 0.4, 3.0, M, N
    ]),
    (carry.settle, lambda rng: [
        real(rng, M, N), 20 * real(rng, M, N), real(rng, M, N), 9 * real(rng, M, N), level(7)
    ]),
    (carry.outrank, lambda rng: [ties(rng, 90), np.zeros((7, 90), np.int32), 7, 90]),
    (carry.choose, lambda rng: [ties(rng, 90), ranks(ties(np.random.default_rng(7), 90)), level(-1), 27, 2.5, 4.0, 7]),
    (carry.narrow, lambda rng: [ties(rng, 90), np.zeros(64, np.int32), level(-1), 27, 2.5, 4.0, 90, 1]),
    (carry.narrow, lambda rng: [real(rng, 200), np.zeros(64, np.int32), level(-1), 160, 1.0, 0.0, 200, 1]),
]  # fmt: skip


def settled(answer: float, difference: float, matte: float, trust: float) -> tuple[float, float]:
    """Matte and trust of one pixel after an answer."""
    a, d, c, t = (np.full((1, 1), v, np.float32) for v in (answer, difference, matte, trust))
    carry.settle(a, d, c, t, level(5))
    return float(c[0, 0]), float(t[0, 0])


def test_the_first_answers_count_like_in_a_mean() -> None:
    matte, trust = settled(0.2, 0, 0.9, 0)
    assert abs(matte - 0.2) < 1e-6
    matte, trust = settled(0.0, 0, 1.0, 1.0)
    assert matte < 0.4  # sure of the opposite: it counts for more than one of two
    matte, trust = settled(0.0, 0, 0.4, 1.0)
    np.testing.assert_allclose([matte, trust], [0.2, 2], atol=2e-3)


def test_an_unsure_answer_counts_less_than_a_sure_one() -> None:
    assert abs(settled(0.5, 0, 0.2, 1)[0] - 0.2) / 0.3 < 0.6 * abs(settled(0.0, 0, 0.2, 1)[0] - 0.2) / 0.2


def test_an_answer_for_what_is_no_longer_there_does_not_count() -> None:
    assert abs(settled(1.0, 10, 0.7, 1)[0] - 0.7) < 1e-3


def test_trust_is_lost_where_something_new_shows() -> None:
    difference, out = empty(4, 6), empty(4, 6)
    difference[:, 3:] = 10
    carry.fade(np.ones((4, 6), np.float32), empty(2, 4, 6), difference, out, level(5), 0.1, 0.4, 1.0, 4, 6)
    np.testing.assert_allclose(out[:, :3], 0.9)
    assert not out[:, 3:].any()


def test_what_is_new_becomes_what_looks_like_it_nearby() -> None:
    matte, difference, out = empty(20, 30), empty(20, 30), empty(20, 30)
    now = np.full(flow.padded(20, 30), 60, np.float32)
    now[:, flow.PAD + 15 :] = 180
    matte[:, 12:] = 1  # the subject was there, and is from column 15 on now
    difference[:, 12:15] = 10
    carry.carry(matte, empty(2, 20, 30), difference, now, out, level(5), 20, 30)
    assert out[:, :15].max() < 0.02
    assert out[:, 15:].min() == 1


@settings(max_examples=25, deadline=None)
@given(dy=st.integers(-4, 4), dx=st.integers(-4, 4), seed=st.integers(0, 99))
def test_carrying_by_whole_pixels_is_a_shift(dy: int, dx: int, seed: int) -> None:
    source = real(np.random.default_rng(seed), 20, 30)
    motion, out = empty(2, 20, 30), empty(20, 30)
    motion[0], motion[1] = -dy, -dx
    carry.carry(source, motion, empty(20, 30), empty(*flow.padded(20, 30)), out, level(1), 20, 30)
    np.testing.assert_allclose(out[4:-4, 4:-4], np.roll(source, (dy, dx), (0, 1))[4:-4, 4:-4], atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 999))
def test_a_matte_stays_between_what_was_and_what_is_said(seed: int) -> None:
    rng = np.random.default_rng(seed)
    answer, before, trust = real(rng, 9, 9), real(rng, 9, 9), 8 * real(rng, 9, 9)
    matte = before.copy()
    carry.settle(answer, 10 * real(rng, 9, 9), matte, trust, level(5))
    assert (matte >= np.minimum(answer, before) - 1e-6).all()
    assert (matte <= np.maximum(answer, before) + 1e-6).all()


LISTS = st.lists(st.one_of(st.floats(0, 255, width=32), st.integers(0, 9).map(float)), min_size=1, max_size=90)


@settings(max_examples=60, deadline=None)
@given(values=LISTS, share=st.floats(0, 1))
def test_both_ways_to_the_limit_are_the_sample_that_sorting_finds(values: list[float], share: float) -> None:
    some = np.array(values, np.float32)
    n = some.size
    rank = int(share * (n - 1))
    want = 2.5 * float(np.sort(some)[rank]) + 4
    before, parallel, serial = np.zeros((7, n), np.int32), level(-1), level(-1)
    carry.outrank(some, before, 7, n)
    carry.choose(some, before, parallel, rank, 2.5, 4.0, 7)
    carry.narrow(some, np.zeros(carry.BINS, np.int32), serial, rank, 2.5, 4.0, n, 1)
    np.testing.assert_allclose([parallel[0], serial[0]], want, rtol=1e-6, atol=3 * carry.ALIKE)


def test_the_limit_of_a_picture_is_its_noise_times_over_and_more() -> None:
    out = level(0)
    carry.limit(np.arange(30, dtype=np.float32).reshape(5, 6), 0.3, 2.0, 4.0, out, scratch)
    assert out[0] == 2 * 8 + 4


def scratch(name: str, shape: tuple[int, ...], dtype: Any) -> Plane:
    return np.empty(shape, dtype)
