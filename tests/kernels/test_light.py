"""The light of a picture against that of a background."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernels import light
from tests.kernels import hostcuda
from tests.kernels.test_samples import Model

H, W = 47, 61
Picture = np.ndarray[Any, Any]


def wall(rng: np.random.Generator, h: int = H, w: int = W) -> Picture:
    """A background of many colours, with black and white in it."""
    base = (
        np.linspace(30, 180, h * w).reshape(h, w, 1)
        + rng.uniform(-20, 20, (h // 4 + 1, w // 4 + 1, 3)).repeat(4, axis=0)[:h].repeat(4, axis=1)[:, :w]
    )
    base[:2] = 0
    base[2:5] = 255
    return np.clip(base, 0, 255).astype(np.uint8)


def lit(picture: Picture, gain: Any, rng: np.random.Generator, noise: float = 2.0) -> Picture:
    return np.clip(np.rint(picture * np.asarray(gain) + rng.normal(0, noise, picture.shape)), 0, 255).astype(np.uint8)


def fresh() -> Picture:
    return np.array([[0, 1, 1]] * 3, np.float32)


def measured(image: Picture, plate: Picture, state: Picture | None = None, freeze: Picture | None = None) -> Picture:
    state = fresh() if state is None else state
    nowhere = np.zeros(plate.shape[:2], np.float32)
    light.measure(image, plate, nowhere if freeze is None else freeze, light.LOGS, state, Model(1, 1).scratch)
    return state[:, light.GAIN]


def count(rng: np.random.Generator) -> list[Any]:
    plate, freeze = wall(rng), np.zeros((H, W), np.float32)
    freeze[10:20, 30:] = 1
    rows = -(-H // 2)
    out = np.ones((rows, 3, light.BINS), np.float32)
    return [lit(plate, (1.4, 1.2, 0.5), rng), plate, freeze, light.LOGS, out, rows, 2, W]


def votes(rng: np.random.Generator) -> Picture:
    out = np.zeros((3, light.BINS), np.float32)
    counts = count(rng)
    light.light_count(*counts)
    light.light_sum(counts[4], out, counts[5])
    return out


def summed(rng: np.random.Generator) -> list[Any]:
    counts = count(rng)
    light.light_count(*counts)
    return [counts[4], np.ones((3, light.BINS), np.float32), counts[5]]


def copies(rng: np.random.Generator) -> Picture:
    return rng.integers(0, 9, (3 * light.COPIES, light.BINS)).astype(np.int32)


def vote(rng: np.random.Generator) -> list[Any]:
    image, plate, freeze, logs, _, rows, step, w = count(rng)
    return [image, plate, freeze, logs, np.zeros_like(copies(rng)), rows, -(-w // step), step]


def piles(rng: np.random.Generator) -> Picture:
    out = np.zeros((3, light.BINS), np.float32)
    light.light_pile(votes(rng), out)
    return out


def undo(rng: np.random.Generator) -> list[Any]:
    plate = wall(rng)
    state = np.array([[0, 1, 1], [20, 1.4, 1 / 1.4], [-60, 0.5, 2]], np.float32)
    return [lit(plate, state[:, 1], rng), plate, state, np.zeros((H, W, 3), np.uint8)]


CASES: list[tuple[Any, Any]] = [
    (light.light_count, count),
    (light.light_sum, summed),
    (light.light_vote, vote),
    (light.light_tally, lambda rng: [copies(rng), np.ones((3, light.BINS), np.float32)]),
    (light.light_pile, lambda rng: [votes(rng), np.ones((3, light.BINS), np.float32)]),
    (light.light_choose, lambda rng: [votes(rng), piles(rng), fresh()]),
    (
        light.light_choose,
        lambda rng: [
            votes(rng) * np.float32(0.001),
            piles(rng) * np.float32(0.001),
            np.array([[-96, 1, 1], [96, 1, 1], [5, 1, 1]], np.float32),
        ],
    ),
    (light.light_undo, undo),
    (light.light_redo, lambda rng: [*undo(rng)[1:3], np.zeros((H, W, 3), np.uint8)]),
]

gains = st.tuples(*[st.floats(0.5, 2.0)] * 3)


@settings(deadline=None, max_examples=25)
@given(gain=gains, seed=st.integers(0, 2**31))
def test_the_gain_of_each_channel_is_found_at_once_within_2_percent_and_taken_out(gain: Any, seed: int) -> None:
    """A percent is left on purpose."""
    rng = np.random.default_rng(seed)
    plate = wall(rng)
    image = lit(plate, gain, rng)
    found = measured(image, plate)
    np.testing.assert_allclose(found, gain, rtol=0.025)
    back = np.zeros_like(image)
    state = np.stack([np.zeros(3), found, 1 / found], axis=1).astype(np.float32)
    light.light_undo(image, plate, state, back)
    known = (image < 250).all(axis=2) & (image > 20).all(axis=2)
    assert np.abs(back[known].astype(int) - plate[known]).mean() < 4 / min(gain)


@settings(deadline=None, max_examples=25)
@given(cover=st.floats(0, 0.6), colour=st.tuples(*[st.integers(0, 255)] * 3), gain=gains, seed=st.integers(0, 2**31))
def test_a_subject_before_most_of_a_lively_background_changes_no_gain(
    cover: float, colour: Any, gain: Any, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    plate = wall(rng)
    state = fresh()
    before = measured(lit(plate, gain, rng), plate, state).copy()
    covered = lit(plate, gain, rng)
    covered[:, : int(cover * W)] = colour
    np.testing.assert_allclose(measured(covered, plate, state), before, rtol=0.02)


def test_a_flat_subject_on_half_of_a_flat_wall_is_no_change_of_light() -> None:
    rng = np.random.default_rng(1)
    plate = lit(np.full((H, W, 3), 160, np.uint8), 1, rng)
    image = lit(plate, 1, rng)
    image[:, : W // 2] = lit(np.full((H, W // 2, 3), 90, np.uint8), 1, rng)
    np.testing.assert_allclose(measured(image, plate), 1, atol=0.01)


def test_what_is_frozen_has_no_vote() -> None:
    rng = np.random.default_rng(1)
    plate = lit(np.full((H, W, 3), 160, np.uint8), 1, rng)
    image, freeze = plate.copy(), np.zeros((H, W), np.float32)
    image[:, 10:], freeze[:, 10:] = 80, 1
    np.testing.assert_allclose(measured(image, plate), 0.5, rtol=0.03)
    np.testing.assert_allclose(measured(image, plate, freeze=freeze), 1, atol=0.01)


def test_the_same_light_leaves_every_bit_below_the_clip() -> None:
    rng = np.random.default_rng(2)
    plate = wall(rng)
    image, out = lit(plate, 1.004, rng, 1.0), np.zeros((H, W, 3), np.uint8)
    state = fresh()
    measured(image, plate, state)
    light.light_undo(image, plate, state, out)
    assert (state[:, light.GAIN] == 1).all()
    kept = image < light.CLIPPED
    np.testing.assert_array_equal(out[kept], image[kept])


def test_where_picture_and_background_clip_the_background_stays() -> None:
    plate, image = np.array([[[200, 120, 40]]], np.uint8), np.array([[[255, 255, 80]]], np.uint8)
    out = np.zeros_like(plate)
    light.light_undo(image, plate, np.array([[0, 2, 0.5]] * 3, np.float32), out)
    assert out.tolist() == [[[200, 128, 40]]], "green would be 240, not clipped: something else is there"


def test_a_picture_without_any_vote_keeps_the_light() -> None:
    black, plate = np.zeros((H, W, 3), np.uint8), wall(np.random.default_rng(1))
    state = np.array([[20, 1.4, 1 / 1.4]] * 3, np.float32)
    measured(black, plate, state)
    assert (state[:, light.PLACE] == 20).all()


def test_the_background_in_the_light_of_the_picture_is_clipped_white() -> None:
    out = np.zeros((1, 1, 3), np.uint8)
    light.light_redo(np.array([[[200, 100, 40]]], np.uint8), np.array([[0, 2, 0.5]] * 3, np.float32), out)
    assert out.tolist() == [[[255, 200, 80]]]


@pytest.mark.skipif(not hostcuda.has_gxx(), reason="needs g++")
@settings(deadline=None, max_examples=15)
@given(gain=gains, seed=st.integers(0, 2**31))
def test_a_gpu_counts_the_same_votes_and_finds_the_same_light(gain: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    plate = wall(rng)
    image, freeze = lit(plate, gain, rng), (rng.random((H, W)) < 0.3).astype(np.float32)
    before = measured(image, plate, freeze=freeze)
    with hostcuda.gpu():
        np.testing.assert_allclose(measured(image, plate, freeze=freeze), before, rtol=1e-6)


@pytest.mark.skipif(not hostcuda.has_gxx(), reason="needs g++")
def test_threads_that_vote_at_once_lose_no_vote() -> None:
    values = vote(np.random.default_rng(5))
    want = copies(np.random.default_rng(0)) * 0
    light.light_vote(*values[:4], want, *values[5:])
    for _ in range(20):
        got = want * 0
        hostcuda.host(light.light_vote, threads=True)(*values[:4], got, *values[5:])
        np.testing.assert_array_equal(got, want)
