"""Growing, shrinking and cleaning mattes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import morphology
from tests.kernels import hostcuda
from tests.kernels.test_box import empty, real
from tests.kernels.test_guided import Memory

Make = Callable[[np.random.Generator], list[Any]]
H, W = 33, 47


def lines(dy: int, dx: int, sign: int, step: int) -> Make:
    return lambda rng: [real(rng, H, W), empty(H, W), dy, dx, 4, 0.4, sign, H, W, -(-W // step), step]


def patches(rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Blobs of many sizes, soft and hard."""
    return np.clip(np.repeat(np.repeat(real(rng, 11, 16), 3, 0), 3, 1)[:H, :W] * 2 - 1, 0, 1).astype(np.float32)


def surveyed(rng: np.random.Generator) -> list[Any]:
    return [patches(rng), empty(2, 9, 12), empty(2, 9, 12), 4, H, W]


def judged(rng: np.random.Generator) -> list[Any]:
    mass = real(rng, 2, 9, 12)
    peak = (real(rng, 2, 9, 12) < 0.3).astype(np.float32)
    return [mass, peak, np.full((2, 9, 12), 9, np.uint8), np.zeros((2, 9 * 12), np.int32), 1.2, 9, 12]


def swept(rng: np.random.Generator) -> list[Any]:
    return [real(rng, H, W), rng.integers(0, 3, (2, 9, 12), np.uint8), empty(H, W), 4, H, W, 12]


CASES: list[tuple[Kernel, Make]] = [
    *[(morphology.line, lines(*way, 1, 20)) for way in ((0, 1), (1, 0), (1, 1), (1, -1))],
    *[(morphology.line, lines(*way, -1, 1)) for way in ((0, 1), (1, 0), (1, 1), (1, -1))],
    (morphology.survey, surveyed),
    (morphology.survey_row, lambda rng: [
        patches(rng), empty(9, 3, W), empty(2, 9, 12), empty(2, 9, 12), 4, H, W, 12,
    ]),
    (morphology.judge, judged),
    (morphology.sweep, swept),
    (morphology.clear, lambda rng: [
        real(rng, H, W), rng.integers(-1, 9, (2, 1 + 9 * 12), np.int32), rng.integers(0, 99, (2, 1 + 9 * 12), np.int32),
        empty(H, W), 50.0, 4, 12,
    ]),
    (morphology.steepen, lambda rng: [real(rng, H, W), empty(H, W), 3.0]),
]  # fmt: skip


def grown(alpha: np.ndarray[Any, Any], r: float) -> np.ndarray[Any, Any]:
    out = np.empty_like(alpha)
    morphology.grow(alpha, out, r, Memory())
    return out


def cleaned(alpha: np.ndarray[Any, Any], least: float) -> np.ndarray[Any, Any]:
    out = np.empty_like(alpha)
    morphology.despeckle(alpha, out, least, Memory())
    return out


@pytest.mark.parametrize("r", [0.5, 1, 2, 2.5, 3, 5, 8, 12.7])
def test_a_disc_grows_and_shrinks_by_the_same_in_all_directions(r: float) -> None:
    y, x = np.mgrid[-60:61, -60:61]
    disc = np.clip(30.5 - np.hypot(y, x), 0, 1).astype(np.float32)
    for way in (r, -r):
        moved = grown(disc, way)
        sides = moved[60, 60:].sum(), moved.diagonal()[60:].sum() * np.sqrt(2)
        assert sides[0] - disc[60, 60:].sum() == pytest.approx(way, abs=0.05 + 0.06 * r)
        assert sides[1] - disc.diagonal()[60:].sum() * np.sqrt(2) == pytest.approx(way, abs=0.5 + 0.06 * r)


@settings(max_examples=40, deadline=None)
@given(h=st.integers(1, 20), w=st.integers(1, 20), r=st.integers(1, 8), seed=st.integers(0, 99))
def test_shrinking_is_growing_the_background(h: int, w: int, r: int, seed: int) -> None:
    alpha = np.random.default_rng(seed).integers(0, 9, (h, w)).astype(np.float32) / 8
    np.testing.assert_allclose(grown(alpha, -r), 1 - grown(1 - alpha, r), atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(h=st.integers(1, 20), w=st.integers(1, 20), r=st.integers(1, 8), seed=st.integers(0, 99))
def test_growing_only_adds(h: int, w: int, r: int, seed: int) -> None:
    alpha = np.random.default_rng(seed).random((h, w), np.float32)
    assert (grown(alpha, r) >= alpha).all()


@pytest.mark.parametrize("r", [0.25, 1.5, 4.75, -0.25, -2.5])
def test_a_fraction_of_a_pixel_moves_a_straight_edge_by_that_fraction(r: float) -> None:
    alpha = empty(40, 50)
    alpha[:, 25:] = 1
    assert grown(alpha, r)[20].sum() == pytest.approx(25 + r)


def test_the_pictures_border_is_no_edge() -> None:
    whole = np.ones((40, 50), np.float32)
    assert (grown(whole, -6) == 1).all()


def scene() -> np.ndarray[Any, Any]:
    """A subject of 60x40 with a hole of 6x6 and a bay open to it, and a speck of 5x5; 200 rows, so cells of 3."""
    alpha = empty(200, 240)
    alpha[100:160, 60:100] = 1
    alpha[120:126, 70:76] = 0
    alpha[140:146, 90:100] = 0
    alpha[30:35, 180:185] = 1
    return alpha


def test_a_small_speck_goes_and_a_small_hole_is_filled_and_nothing_else_changes() -> None:
    want = scene()
    want[30:35, 180:185] = 0
    want[120:126, 70:76] = 1
    assert np.array_equal(cleaned(scene(), 50), want)


def test_what_has_the_area_stays() -> None:
    assert np.array_equal(cleaned(scene(), 24), scene())


def test_a_speck_is_as_large_as_its_alpha_adds_up_to() -> None:
    faint = scene()
    faint[30:35, 180:185] = 0.5
    assert cleaned(faint, 13)[32, 182] == 0
    assert cleaned(faint, 12)[32, 182] == 0.5


def test_a_gap_at_the_pictures_border_is_no_hole() -> None:
    alpha = np.ones((100, 100), np.float32)
    alpha[97:, 50:53] = 0
    assert np.array_equal(cleaned(alpha, 50), alpha)


def test_a_thin_diagonal_limb_belongs_to_its_body() -> None:
    alpha = scene()
    for i in range(60):
        alpha[100 - i, 99 + i : 102 + i] = 1
    assert cleaned(alpha, 200)[45, 155] == 1


@pytest.mark.parametrize(("h", "w"), [(1, 1), (1, 9), (97, 3), (96, 96)])
def test_any_size_works(h: int, w: int) -> None:
    alpha = np.random.default_rng(0).random((h, w), np.float32)
    assert np.array_equal(cleaned(alpha, 0.0), alpha)
    assert grown(alpha, 2).shape == (h, w)


@pytest.mark.skipif(not hostcuda.has_gxx(), reason="needs g++")
@settings(max_examples=40, deadline=None)
@given(h=st.integers(1, 250), w=st.integers(1, 60), seed=st.integers(0, 999), least=st.integers(0, 120))
def test_a_gpu_takes_away_the_same_specks_and_holes(h: int, w: int, seed: int, least: int) -> None:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 17, (-(-h // 5), -(-w // 5))) * (rng.random((-(-h // 5), -(-w // 5))) < rng.random())
    alpha = (np.repeat(np.repeat(coarse, 5, 0), 5, 1)[:h, :w] / 16).astype(np.float32)
    out = np.empty_like(alpha)
    with hostcuda.gpu():
        morphology.despeckle(alpha, out, least + 0.03, Memory())
    np.testing.assert_array_equal(out, cleaned(alpha, least + 0.03))
