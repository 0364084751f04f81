"""Two opinions made into one matte."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bgflow.kernel import Kernel
from bgflow.kernels import fuse
from tests.kernels.test_guided import empty, real

H, W = 33, 47

CASES: list[tuple[Kernel, Callable[[np.random.Generator], list[Any]]]] = [
    (fuse.count, lambda rng: [rng.choice(np.array([0, 127, 255], np.uint8), (H, W)), empty(H, W)]),
    (fuse.witness, lambda rng: [real(rng, H, W), real(rng, H, W), real(rng, H, W), empty(4, 5, 6), H, W]),
    (fuse.decide, lambda rng: [*(real(rng, H, W) for _ in range(4)), 9 * real(rng, 4, 5, 6), empty(H, W), 0.7]),
]


def evidence(sees: float, spares: float) -> np.ndarray[Any, Any]:
    """A voter that is right on these shares of the subject and of the background."""
    many = np.float32(1e9)
    return np.broadcast_to(
        np.array([many, many * sees, many, many * spares], np.float32)[:, None, None], (4, 5, 6)
    ).copy()


def test_the_answer_of_a_perfect_voter_is_the_median_of_low_vote_and_high() -> None:
    rng = np.random.default_rng(0)
    alpha, vote, out = real(rng, H, W), real(rng, H, W), empty(H, W)
    low, high = alpha * np.float32(0.5), alpha + (1 - alpha) * np.float32(0.5)
    fuse.decide(alpha, low, high, vote, evidence(1, 1), out, 1.0)
    np.testing.assert_allclose(out, np.median(np.stack([low, vote, high]), axis=0), atol=1e-6)


def test_a_blind_voter_takes_nothing_away_and_one_who_sees_ghosts_adds_nothing() -> None:
    rng = np.random.default_rng(0)
    alpha, vote, out = real(rng, H, W), real(rng, H, W), empty(H, W)
    fuse.decide(alpha, empty(H, W), empty(H, W) + 1, vote, evidence(0, 1), out, 1.0)
    assert (out >= alpha).all()
    fuse.decide(alpha, empty(H, W), empty(H, W) + 1, vote, evidence(1, 0), out, 1.0)
    assert (out <= alpha).all()


def test_only_the_subject_votes() -> None:
    vote = empty(1, 3)
    fuse.count(np.array([[0, 127, 255]], np.uint8), vote)
    assert vote.tolist() == [[0, 0, 1]]
