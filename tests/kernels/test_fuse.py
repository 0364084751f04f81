"""Two opinions made into one matte."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import fuse
from tests.kernels import hostcuda
from tests.kernels.test_box import empty, real
from tests.kernels.test_guided import Memory

H, W = 33, 47
M, N = 5, 6

Picture = np.ndarray[Any, Any]
share = st.floats(0, 1, width=32)


def labels(rng: np.random.Generator) -> Picture:
    return rng.choice(np.array([0, 127, 255], np.uint8), (H, W))


def cells(rng: np.random.Generator) -> Picture:
    return 12 * real(rng, fuse.PLANES, M, N)


CASES: list[tuple[Kernel, Callable[[np.random.Generator], list[Any]]]] = [
    (fuse.count, lambda rng: [labels(rng), empty(H, W)]),
    (fuse.weigh, lambda rng: [labels(rng), real(rng, H, W), empty(H, W)]),
    (
        fuse.witness,
        lambda rng: [real(rng, 17, 24), real(rng, 17, 24), real(rng, H, W), empty(fuse.PLANES, M, N), 1, H, W],
    ),
    (fuse.add_rows, lambda rng: [cells(rng), empty(M, fuse.PLANES), N]),
    (fuse.judge, lambda rng: [real(rng, M, fuse.PLANES), real(rng, fuse.MIND), M, H * W, 1]),
    (fuse.add_parts, lambda rng: [cells(rng).reshape(fuse.PLANES, M * N), empty(4, fuse.PLANES), 4, M * N]),
    (fuse.density, lambda rng: [cells(rng), empty(M, N)]),
    (
        fuse.combine,
        lambda rng: [
            real(rng, H, W), real(rng, 17, 24), real(rng, 17, 24), real(rng, H, W), cells(rng), real(rng, M, N),
            real(rng, M, N), real(rng, fuse.MIND), real(rng, H, W), empty(H, W), 0.7, 0.4, 0.6, 0.5, 1, W, N, 8,
        ],
    ),
    (
        fuse.combine,
        lambda rng: [
            real(rng, H, W), real(rng, 17, 24), real(rng, 17, 24), real(rng, H, W), cells(rng), real(rng, M, N),
            real(rng, M, N), real(rng, fuse.MIND), real(rng, H, W), empty(H, W), 0.7, 0.4, 0.6, 0.5, 1, W, W, 1,
        ],
    ),
    (
        fuse.settle,
        lambda rng: [*(real(rng, H, W) for _ in range(3)), real(rng, fuse.MIND), real(rng, H, W), empty(H, W), 0.7],
    ),
    (fuse.confide, lambda rng: [*(real(rng, H, W) for _ in range(3)), real(rng, fuse.MIND), empty(H, W), 0.7]),
    (
        fuse.latch,
        lambda rng: [real(rng, H, W), real(rng, H, W), rng.integers(0, 2, (H, W)).astype(np.uint8), empty(H, W)],
    ),
]  # fmt: skip


def test_only_the_subject_votes() -> None:
    vote = empty(1, 3)
    fuse.count(np.array([[0, 127, 255]], np.uint8), vote)
    assert vote.tolist() == [[0, 0, 1]]


def test_a_shadow_is_no_vote_whatever_its_evidence() -> None:
    vote = empty(1, 3)
    fuse.weigh(np.array([[0, 127, 255]], np.uint8), np.array([[0.25, 0.75, 0.75]], np.float32), vote)
    assert vote.tolist() == [[0, 0, 1]]


def judged(frames: list[tuple[float, float, float]]) -> Picture:
    """The mind after frames of (share of the background voted for, votes, votes found), of one picture of 1000."""
    mind = empty(fuse.MIND)
    mind.fill(0)
    for alarm, votes, found in frames:
        rows = np.array([[0, 0, 900, 900 * (1 - alarm), 1000 * votes, 1000 * found]], np.float32)
        fuse.judge(rows, mind, 1, 1000, 1)
    return mind


def test_a_model_is_believed_from_its_second_calm_frame_on() -> None:
    assert judged([(0, 0, 0)])[fuse.TRUST] == 0
    assert judged([(0, 0, 0)] * 2)[fuse.TRUST] == 1


def test_a_model_in_uproar_is_not_believed_until_it_has_been_calm() -> None:
    calm, uproar, neither = (0.0, 0.0, 0.0), (0.5, 0.0, 0.0), (0.1, 0.0, 0.0)
    assert judged([calm] * 9 + [uproar])[fuse.TRUST] == 0
    assert judged([calm] * 9 + [uproar] + [neither] * 9)[fuse.TRUST] == 0
    assert judged([calm] * 9 + [neither])[fuse.TRUST] > 0.99


def test_a_network_that_finds_little_loses_its_veto_and_one_that_finds_most_keeps_it() -> None:
    assert judged([(0, 0.1, 0.09)] * 99)[fuse.VETO] == 1
    assert judged([(0, 0.1, 0.03)] * 99)[fuse.VETO] == 0


def decided(a: float, vote: float, low: float, high: float, trust: float, inside: float, overrule: float) -> float:
    """One pixel, where the model is believed as much as `trust` says and neither side has a veto to lose."""
    of = {name: np.full((1, 1), value, np.float32) for name, value in locals().items()}
    near = np.full((fuse.PLANES, 1, 1), 30, np.float32)
    mind = np.array([2, 0, 0, 1, 1], np.float32)
    fuse.decide(
        of["a"], of["low"], of["high"], of["vote"], near, of["inside"], of["inside"], mind,
        np.zeros((1, 1), np.float32), out := empty(1, 1), trust, 0.5, overrule, 1.0, 0, 1,
    )  # fmt: skip
    return float(out[0, 0])


@given(share, st.sampled_from([0.0, 1.0]), share, share, share, share, share)
def test_a_clear_vote_moves_the_answer_towards_it_and_not_beyond(
    a: float, vote: float, low: float, high: float, trust: float, inside: float, overrule: float
) -> None:
    found = decided(a, vote, low, high, trust, inside, overrule)
    assert min(a, vote) - 1e-6 <= found <= max(a, vote) + 1e-6


@given(share, share, share, share, share, share, share)
def test_the_answer_to_a_vague_vote_is_an_alpha_too(
    a: float, vote: float, low: float, high: float, trust: float, inside: float, overrule: float
) -> None:
    assert -1e-6 <= decided(a, vote, low, high, trust, inside, overrule) <= 1 + 1e-6


@given(share, share, share, share, share, share)
def test_where_both_agree_nothing_changes(
    a: float, low: float, high: float, trust: float, inside: float, overrule: float
) -> None:
    for sure in (0.0, 1.0):
        assert decided(sure, sure, low, high, trust, inside, overrule) == sure


@given(share, share, share, share, share)
def test_without_trust_nothing_changes_by_a_bit(a: float, vote: float, low: float, high: float, inside: float) -> None:
    assert decided(a, vote, low, high, 0.0, inside, 1.0) == np.float32(a)


@given(share)
def test_at_the_edge_a_pixel_and_its_negative_are_treated_alike(a: float) -> None:
    """With edge at a half: subject for background, and the vote turned round."""
    near_one, near_none = decided(1, 0, 0, 1, a, 1, 1), decided(0, 1, 0, 1, a, 1, 1)
    assert abs(near_one - (1 - near_none)) < 1e-6


@pytest.mark.skipif(not hostcuda.has_gxx(), reason="needs g++")
@settings(max_examples=20, deadline=None)
@given(m=st.integers(1, 40), n=st.integers(1, 60), seed=st.integers(0, 999), busy=st.floats(0.05, 0.9))
def test_a_gpu_judges_as_a_cpu_does(m: int, n: int, seed: int, busy: float) -> None:
    rng = np.random.default_rng(seed)
    counted = 64 * real(rng, fuse.PLANES, m, n)
    counted[fuse.VOTED] *= rng.random((m, n)) < busy
    counted[fuse.FOUND] = counted[fuse.VOTED] * real(rng, m, n)
    found = []
    for way in hostcuda.ways():
        mind = np.full(fuse.MIND, 0.5, np.float32)
        with way.values[0]():
            fuse.weigh_up(counted, mind, 64 * m * n, Memory())
        found.append(mind)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-4)
