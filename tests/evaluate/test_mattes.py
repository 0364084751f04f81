from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.evaluate import mattes
from bgflow.evaluate.footage import Matte
from tests.evaluate.shapes import box


def test_sad_is_the_sum_of_differences_in_thousands() -> None:
    assert mattes.sad(np.full((20, 50), 0.75, np.float32), np.full((20, 50), 0.25, np.float32)) == pytest.approx(0.5)


def test_mse_is_the_mean_square_in_thousandths() -> None:
    assert mattes.mse(np.full((20, 50), 0.75, np.float32), np.full((20, 50), 0.25, np.float32)) == pytest.approx(250)


def test_gradient_error_of_mattes_that_differ_by_a_constant_is_nothing() -> None:
    ramp = np.tile(np.linspace(0, 0.5, 64, dtype=np.float32), (32, 1))
    assert mattes.gradient(ramp + np.float32(0.25), ramp) == pytest.approx(0, abs=1e-6)


def test_gradient_error_of_a_ramp_against_nothing_is_its_slope_squared() -> None:
    # A normalised derivative of a Gaussian answers a slope of a with a * sum(x * filter), the same inside all rows.
    slope = 0.01
    ramp = np.tile(slope * np.arange(64, dtype=np.float32), (32, 1))
    at = np.arange(-4, 5)
    bell = np.exp(-(at**2) / (2 * 1.4**2)) / (1.4 * np.sqrt(2 * np.pi))
    kernel = np.outer(bell, at * bell / 1.4**2)
    answer = slope * (kernel * at).sum() / np.sqrt((kernel**2).sum())
    inside = mattes._steepness(ramp)[8:-8, 8:-8]
    assert inside == pytest.approx(np.full(inside.shape, answer), rel=1e-3)


def test_connectivity_forgives_what_is_within_fifteen_hundredths() -> None:
    truth = box(10, 40)
    assert mattes.connectivity(truth * np.float32(0.95), truth) == 0


def test_connectivity_counts_a_part_that_hangs_on_nothing() -> None:
    truth = box(10, 40)
    found = truth.copy()
    found[10:14, 50:55] = 1  # 20 pixels away from the rest, connected at no level
    assert mattes.connectivity(found, truth) == pytest.approx(20 / 1000)


def test_connectivity_of_a_hole_counts_the_hole() -> None:
    truth = box(10, 40)
    found = truth.copy()
    found[10:14, 20:25] = 0
    assert mattes.connectivity(found, truth) == pytest.approx(20 / 1000)


def _by_definition(alpha: Matte, truth: Matte) -> float:
    """Each level's largest part, looked for in the whole picture."""
    connected = np.full(truth.shape, -1.0, np.float32)
    for level in np.arange(1, 11) / 10:
        part = mattes._largest((alpha >= level - 1e-6) & (truth >= level - 1e-6))
        connected[(connected < 0) & ~part] = level - 0.1
    connected[connected < 0] = 1
    return float(np.abs(mattes._held(alpha, connected) - mattes._held(truth, connected)).sum()) / 1000


@given(h=st.integers(1, 12), w=st.integers(1, 12), levels=st.sampled_from([1, 3, 10]), seed=st.integers(0, 999))
@settings(max_examples=60, deadline=None)
def test_connectivity_looks_only_where_there_is_something_and_finds_the_same(
    h: int, w: int, levels: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    alpha, truth = (rng.integers(0, levels + 1, (2, h, w)) / np.float32(levels)).astype(np.float32)
    assert mattes.connectivity(alpha, truth) == pytest.approx(_by_definition(alpha, truth), abs=1e-6)
