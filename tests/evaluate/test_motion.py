from __future__ import annotations

import numpy as np
import pytest

from bgflow.evaluate.motion import Motion, signed_distance
from tests.evaluate.shapes import Array, box


def _moving(result: list[Array], truth: list[Array]) -> dict[str, float]:
    motion = Motion()
    for alpha, true in zip(result, truth, strict=True):
        motion.add(alpha, true)
    return motion.figures()


def _bar(n: int, speed: int = 3, fat: int = 0) -> Array:
    return box(20 + speed * n - fat, 60 + speed * n + fat, 0, 40, (40, 160))


def test_signed_distance_is_half_a_pixel_on_both_sides_of_the_edge() -> None:
    assert signed_distance(box(3, 6, 0, 2, (2, 9)) > 0)[0].tolist() == [
        -2.5,
        -1.5,
        -0.5,
        0.5,
        1.5,
        0.5,
        -0.5,
        -1.5,
        -2.5,
    ]


def test_a_result_of_the_last_frame_lags_by_the_way_the_truth_has_moved() -> None:
    truth = [_bar(n) for n in range(8)]
    assert _moving([truth[max(n - 1, 0)] for n in range(8)], truth)["lag"] == pytest.approx(3, abs=1e-6)


def test_a_result_that_runs_ahead_has_a_negative_lag() -> None:
    assert _moving([_bar(n + 1) for n in range(8)], [_bar(n) for n in range(8)])["lag"] == pytest.approx(-3, abs=1e-6)


def test_a_matte_that_is_too_fat_does_not_lag() -> None:
    told = _moving([_bar(n, fat=2) for n in range(8)], [_bar(n) for n in range(8)])
    assert told["lag"] == pytest.approx(0, abs=1e-6)


def test_a_truth_that_stands_still_has_no_lag() -> None:
    assert "lag" not in _moving([_bar(0, fat=n % 2) for n in range(8)], [_bar(0)] * 8)


def test_flicker_is_the_share_of_flips_where_the_truth_stays() -> None:
    truth = box(10, 30)
    blinking = truth.copy()
    blinking[0, :16] = 1  # 16 of 32 * 64 pixels, on in every second frame
    told = _moving([truth, blinking, truth, blinking], [truth] * 4)
    assert told["flicker"] == pytest.approx(1000 * 16 / (32 * 64))


def test_a_change_that_the_truth_makes_too_is_no_flicker() -> None:
    truth = [_bar(n) for n in range(5)]
    assert _moving(truth, truth)["flicker"] == 0


def test_dtssd_is_the_root_mean_square_of_the_difference_of_changes() -> None:
    still = np.zeros((10, 10), np.float32)
    half = np.full((10, 10), 0.5, np.float32)
    assert _moving([still, half, half], [still, still, still])["dtssd"] == pytest.approx((50 + 0) / 2)


def test_a_constant_error_has_no_dtssd() -> None:
    truth = [_bar(n) for n in range(5)]
    assert _moving([t * np.float32(0.5) + np.float32(0.25) for t in [truth[0]] * 5], [truth[0]] * 5)["dtssd"] == 0
