"""Carrying a matte along a flow, and settling it with a new answer."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import carry, pyramid
from tests.kernels import hostcuda

Make = Callable[[np.random.Generator], list[Any]]
Plane = np.ndarray[Any, Any]
M, N = 33, 47
PADDED = pyramid.padded(M, N)
WIDE = 48  # whole cells


def empty(*shape: int) -> Plane:
    return np.zeros(shape, np.float32)


def real(rng: np.random.Generator, *shape: int) -> Plane:
    return rng.random(shape, np.float32)


def level(value: float) -> Plane:
    return np.array([value], np.float32)


def near(rng: np.random.Generator, n: int = N) -> Plane:
    return rng.uniform(-6, 6, (2, M, n)).astype(np.float32)


def rest(rng: np.random.Generator) -> Plane:
    """A flow that is nothing in some cells."""
    motion = near(rng, WIDE)
    motion[:, :, 8:32] = 0
    return motion


def grey(rng: np.random.Generator, n: int = N) -> Plane:
    return rng.integers(0, 960, pyramid.padded(M, n), np.uint16)


def ties(rng: np.random.Generator, n: int) -> Plane:
    return (rng.integers(0, 12, n) * 3.5).astype(np.float32)


def ranks(some: Plane) -> np.ndarray[Any, Any]:
    before = np.zeros((7, some.size), np.int32)
    hostcuda.python(carry.outrank)(some, before, 7, some.size)
    return before


CASES: list[tuple[Kernel, Make]] = [
    (carry.differ, lambda rng: [grey(rng), grey(rng), near(rng), empty(M, N), *PADDED]),
    (carry.differ, lambda rng: [grey(rng), grey(rng), 20 * near(rng), empty(M, N), *PADDED]),
    (carry.smooth_span, lambda rng: [real(rng, M, N), empty(M, N), N, 1, M, N]),
    (carry.smooth_span, lambda rng: [real(rng, M, N), empty(M, N), 1, N, M, N]),
    (carry.smooth_span, lambda rng: [real(rng, 3, 3), empty(3, 3), 3, 1, 3, 3]),
    (carry.thin, lambda rng: [real(rng, M, N), empty(-(-M // carry.APART), -(-N // carry.APART))]),
    (carry.carry, lambda rng: [real(rng, M, N), near(rng), empty(M, N), M, N]),
    (carry.fill, lambda rng: [
        real(rng, M, WIDE), 20 * real(rng, M, WIDE), grey(rng, WIDE), empty(M, WIDE), level(7), WIDE // 8, M, WIDE
    ]),
    (carry.begin, lambda rng: [real(rng, M, N), 0.5]),
    (carry.bring, lambda rng: [
        real(rng, M, WIDE), 9 * real(rng, M, WIDE), rest(rng), 20 * real(rng, M, WIDE), empty(M, WIDE), empty(M, WIDE),
        level(7), 0.12, 0.4, 0.1, WIDE // 8, M, WIDE
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


def brought(matte: Plane, trust: Plane, motion: Plane, difference: Plane) -> tuple[Plane, Plane]:
    """Matte and trust, carried along."""
    now = empty(*matte.shape), empty(*matte.shape)
    m, n = matte.shape
    carry.bring(matte, trust, motion, difference, *now, level(5), 0.1, 0.4, 1.0, n // 8, m, n)
    return now


def test_trust_is_lost_where_something_new_shows() -> None:
    difference, ones = empty(4, 8), np.ones((4, 8), np.float32)
    difference[:, 3:] = 10
    _, trust = brought(ones, ones, empty(2, 4, 8), difference)
    np.testing.assert_allclose(trust[:, :3], 0.9)
    assert not trust[:, 3:].any()


def test_trust_is_lost_where_something_moves_fast() -> None:
    motion, ones = empty(2, 8, 16), np.ones((8, 16), np.float32)
    motion[1] = np.repeat([0, 0.5, 1, 7], 4)
    _, trust = brought(ones, ones, motion, empty(8, 16))
    np.testing.assert_allclose(trust[0], np.repeat([0.9, 0.825, 0.6, 0.6], 4), rtol=1e-5)


def test_what_is_new_becomes_what_looks_like_it_nearby() -> None:
    matte, difference, out = empty(20, 32), empty(20, 32), empty(20, 32)
    now = np.full(pyramid.padded(20, 32), 60 * 16, np.uint16)
    now[:, pyramid.PAD + 15 :] = 180 * 16
    matte[:, 12:] = 1  # the subject was there, and is from column 15 on now
    difference[:, 12:15] = 10
    carry.fill(matte, difference, now, out, level(5), 4, 20, 32)
    assert out[:, :15].max() < 0.02
    assert out[:, 15:].min() == 1


@settings(max_examples=25, deadline=None)
@given(dy=st.integers(-4, 4), dx=st.integers(-4, 4), seed=st.integers(0, 99))
def test_carrying_by_whole_pixels_is_a_shift(dy: int, dx: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    source, trust, motion, out = real(rng, 20, 32), real(rng, 20, 32), empty(2, 20, 32), empty(20, 32)
    motion[0], motion[1] = -dy, -dx
    carry.carry(source, motion, out, 20, 32)
    np.testing.assert_allclose(out[4:-4, 4:-4], np.roll(source, (dy, dx), (0, 1))[4:-4, 4:-4], atol=1e-6)
    matte, kept = brought(source, trust, motion, empty(20, 32))
    np.testing.assert_array_equal(matte, out)
    share = 0.6 if dy or dx else 0.9
    np.testing.assert_allclose(kept[4:-4, 4:-4], share * np.roll(trust, (dy, dx), (0, 1))[4:-4, 4:-4], rtol=1e-5)


@settings(max_examples=25, deadline=None)
@given(m=st.integers(1, 20), n=st.integers(1, 20), seed=st.integers(0, 99))
def test_smoothing_is_the_mean_of_five_by_five_with_the_border_repeated(m: int, n: int, seed: int) -> None:
    source, out = real(np.random.default_rng(seed), m, n), empty(m, n)
    carry.smooth(source, out)
    wide = np.pad(source, 2, mode="edge")
    want = np.mean([wide[j : j + m, i : i + n] for j in range(5) for i in range(5)], 0)
    np.testing.assert_allclose(out, want, atol=1e-6)


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
