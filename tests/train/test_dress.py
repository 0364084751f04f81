"""What subjects wear stays a colour, and takes its background's in places."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bgflow.train.dress import dressed, patches, stripes

SEEDS = st.integers(0, 2**32)


@given(seed=SEEDS)
def test_any_dress_is_a_colour(seed: int) -> None:
    plate = np.full((20, 30, 3), (20, 200, 90), np.uint8)
    worn = dressed(np.random.default_rng(seed), np.full((20, 30, 3), 99, np.float32), plate, lambda: plate[::-1])
    assert worn.shape == (20, 30, 3)
    assert 0 <= worn.min() <= worn.max() <= 255


@given(seed=SEEDS)
def test_stripes_are_waves_about_zero(seed: int) -> None:
    wave = stripes(np.random.default_rng(seed), (40, 60))
    assert wave.dtype == np.float32
    assert -1 <= wave.min() < 0 < wave.max() <= 1


@given(seed=SEEDS)
def test_patches_cover_a_part(seed: int) -> None:
    share = patches(np.random.default_rng(seed), (40, 60))
    assert share.shape == (40, 60)
    assert share.min() == 0
    assert share.max() <= 1
