"""The search for patches of a picture in an older one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import patches
from tests.kernels.test_flow import PADDED, Plane, empty, grey, near, pair, waves

Make = Callable[[np.random.Generator], list[Any]]
GRID = (10, 13)

CASES: list[tuple[Kernel, Make]] = [
    (patches.search, lambda rng: [*pair(rng), near(rng, 2, 5, 7), empty(2, *GRID), 5, 7, *PADDED]),
    (patches.search, lambda rng: [*pair(rng), 50 * near(rng, 2, 5, 7), empty(2, *GRID), 5, 7, *PADDED]),
]


def found(now: Plane, past: Plane, guess: tuple[float, float] = (0, 0)) -> Plane:
    """The displacements of all patches, from a coarser search that found half of `guess` everywhere."""
    here = grey(now)
    out, coarse = empty(2, *patches.grid(here)), empty(2, 1, 1)
    coarse[:, 0, 0] = np.array(guess) / 2
    patches.search(here, grey(past), coarse, out, 1, 1, *here.shape)
    return out


@settings(max_examples=25, deadline=None)
@given(dy=st.integers(-40, 40), dx=st.integers(-40, 40))
def test_with_a_guess_near_enough_all_patches_are_found(dy: int, dx: int) -> None:
    got = found(waves(64, 80, dy / 10, dx / 10), waves(64, 80), (-dy / 10 + 0.7, -dx / 10 - 0.7))
    inside = got[:, 3:-3, 3:-3]
    off = np.hypot(inside[0] + dy / 10, inside[1] + dx / 10)
    assert off.mean() < 0.1
    assert np.quantile(off, 0.95) < 0.4  # a patch may stay where it explains all but noise


def test_a_guess_that_is_worse_than_standing_still_is_not_followed() -> None:
    image = waves(64, 80)
    assert not found(image, image, (6, -5)).any()


@pytest.mark.parametrize("light", [-30, 30])
def test_a_change_of_light_moves_nothing(light: int) -> None:
    image = (waves(64, 80) * 0.6 + 50).astype(np.uint8)
    assert not found((image.astype(int) + light).astype(np.uint8), image).any()


def test_a_patch_never_leaves_the_padded_picture() -> None:
    rng = np.random.default_rng(0)
    now, past = (rng.integers(0, 256, (24, 24, 3), np.uint8) for _ in range(2))
    for guess in ((500, 500), (-500, -500)):
        v, u = found(now, past, guess)
        start = patches.PAD - patches.STEP + patches.STEP * np.arange(7)
        for at in (v + start[:, None], u + start):
            assert 0 <= at.min() <= at.max() <= 24 + 2 * patches.PAD - patches.SIZE - 2
