"""Batches: a step's samples are the same whichever steps came before, and most of them were seen the step before."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from bgflow.train.batches import ECHO, Batches  # noqa: E402
from bgflow.train.composite import Composites  # noqa: E402
from bgflow.train.recipe import recipe  # noqa: E402
from bgflow.train.sample import Pixels, Sample, Size  # noqa: E402

SIZE = (32, 48)


def flat(rng: np.random.Generator, depth: int) -> Pixels:
    return np.broadcast_to(rng.integers(0, 256, depth).astype(np.uint8), (40, 60, depth)).copy()


def composites() -> Composites:
    return Composites(lambda i: flat(np.random.default_rng(i), 4), lambda i: flat(np.random.default_rng([9, i]), 3))


class Counted:
    """Counts what is drawn."""

    def __init__(self) -> None:
        self.drawn = 0

    def draw(self, rng: np.random.Generator, size: Size, turn: int) -> Sample:
        self.drawn += 1
        return composites().draw(rng, size, turn)


def test_a_batch_does_not_depend_on_those_before_it() -> None:
    walked = Batches(recipe("plate"), [composites()], 4, seed=1)
    for step in range(6):
        seen = walked(step, SIZE)
    alone = Batches(recipe("plate"), [composites()], 4, seed=1)(5, SIZE)
    assert all(torch.equal(a, b) for a, b in zip(seen, alone, strict=True))


def test_a_quarter_of_the_samples_is_new_in_each_step() -> None:
    counted = Counted()
    batches = Batches(recipe("plate"), [counted], 4 * ECHO, seed=1)
    batches(0, SIZE)
    for step in range(1, 5):
        counted.drawn = 0
        batches(step, SIZE)
        assert counted.drawn == 4


def test_a_sample_that_stays_is_augmented_otherwise() -> None:
    batches = Batches(recipe("plate"), [composites()], 1, seed=1)
    (first, truth), (second, same) = batches(0, SIZE), batches(1, SIZE)
    assert torch.equal(truth, same)
    assert not torch.equal(first, second)


def test_materials_take_turns() -> None:
    both = Counted(), Counted()
    batches = Batches(recipe("plate"), both, 4, seed=1)
    for step in range(4 * ECHO):
        batches(step, SIZE)
    assert both[0].drawn == pytest.approx(both[1].drawn, abs=2)


def test_pictures_grow_as_a_training_goes_on() -> None:
    how = recipe("plate")
    heights = [how.size(n / 50)[0] for n in range(51)]
    assert heights == sorted(heights)
    assert heights[0] < heights[-1]
    assert how.size() == how.sizes[-1][1]
