"""Composites: their truth is exact, and what a network is judged on it has never seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bgflow.media import gallery
from bgflow.train import backdrops, composite
from bgflow.train.composite import Composites, cropped, of_files
from bgflow.train.sample import Pixels


def flat(*levels: int) -> Pixels:
    return np.full((40, 60, len(levels)), levels, np.uint8)


def disc() -> Pixels:
    y, x = np.mgrid[:40, :60]
    inside = (y - 20) ** 2 + (x - 30) ** 2 < 150
    return np.dstack([np.full((40, 60, 3), (200, 20, 20)), inside * 255]).astype(np.uint8)


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32))
def test_the_picture_is_the_plate_wherever_alpha_is_zero(seed: int) -> None:
    made = Composites(lambda i: disc(), lambda i: flat(10, 90, 160))
    picture, plate, alpha = made.draw(np.random.default_rng(seed), (32, 48), 0)
    assert plate is not None
    assert picture.shape == plate.shape == (32, 48, 3)
    np.testing.assert_array_equal(picture[alpha == 0], plate[alpha == 0])


def test_the_same_generator_gives_the_same_sample() -> None:
    first, again = (composite.synthetic(0).draw(np.random.default_rng(9), (48, 64), 0) for _ in range(2))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)


def test_some_samples_have_nobody_in_them_and_most_have_somebody() -> None:
    made = Composites(lambda i: disc(), lambda i: flat(10, 90, 160))
    alphas = [made.draw(np.random.default_rng(n), (32, 48), 0).alpha for n in range(200)]
    empty = sum(not a.any() for a in alphas) / len(alphas)
    assert 0.02 < empty < 0.25


def test_what_is_rendered_grows_with_the_turns() -> None:
    seen: set[int] = set()

    def cutout(i: int) -> Pixels:
        seen.add(i)
        return disc()

    made = Composites(cutout, lambda i: flat(10, 90, 160))
    for n in range(300):
        made.draw(np.random.default_rng(n), (8, 12), 0)
    assert max(seen) < composite.FIRST
    for n in range(300):
        made.draw(np.random.default_rng(n), (8, 12), 10 * composite.POOL)
    assert composite.FIRST < max(seen) < composite.POOL


def test_no_painting_is_both_trained_on_and_judged_by() -> None:
    assert set(backdrops.HELD_OUT) < set(gallery.names())
    assert len(gallery.names()) - len(backdrops.HELD_OUT) >= 4


def test_held_out_cutouts_and_backdrops_are_others() -> None:
    train, judge = composite.synthetic(0), composite.synthetic(0, held_out=True)
    for name in ("_cutout", "_backdrop"):
        first = [getattr(train, name)(i) for i in range(4)]
        other = [getattr(judge, name)(i) for i in range(4)]
        assert not any(np.array_equal(a, b) for a in first for b in other)


def test_cropping_keeps_pictures_together() -> None:
    ramp = np.arange(40 * 60 * 3, dtype=np.uint32).reshape(40, 60, 3).astype(np.uint8)
    for seed in range(8):
        a, b = cropped(np.random.default_rng(seed), (20, 30), 0.5, ramp, 255 - ramp)
        assert np.abs(a.astype(int) + b - 255).max() <= 1


def test_own_cutouts_and_backgrounds_are_read_from_files(tmp_path: Path) -> None:
    Image.fromarray(disc()).save(tmp_path / "disc.png")
    Image.fromarray(flat(10, 90, 160)).save(tmp_path / "wall.png")
    made = of_files([tmp_path / "disc.png"], [tmp_path / "wall.png"])
    drawn = [made.draw(np.random.default_rng(n), (32, 48), 0) for n in range(8)]
    assert all(np.abs(s.plate.astype(int) - (10, 90, 160)).max() <= 1 for s in drawn if s.plate is not None)
    assert any(s.alpha.any() for s in drawn)


@pytest.mark.parametrize("held_out", [False, True])
def test_a_backdrop_has_the_size_that_is_asked_for(held_out: bool) -> None:
    for n in range(12):
        assert backdrops.backdrop(np.random.default_rng(n), (36, 52), held_out).shape == (36, 52, 3)
