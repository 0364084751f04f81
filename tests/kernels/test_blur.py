"""The blur is a Gaussian, and nothing of the subject enters it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernels import blur


def scratch() -> Callable[[str, tuple[int, ...], Any], np.ndarray]:
    """Lasting memory as a stage's context gives it; it begins full of rubbish."""
    kept: dict[str, np.ndarray] = {}

    def take(name: str, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        if name not in kept or kept[name].shape != shape:
            kept[name] = np.full(shape, 77, dtype)
        return kept[name]

    return take


def background(image: np.ndarray, alpha: np.ndarray, sigma: float) -> np.ndarray:
    out = np.empty_like(image)
    blur.background(image, alpha, out, sigma, scratch())
    return out


def u8(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.integers(0, 256, shape, dtype=np.uint8)


def f32(rng: np.random.Generator, *shape: int, to: float = 255) -> np.ndarray:
    return rng.uniform(0, to, shape).astype(np.float32)


def matte(rng: np.random.Generator) -> np.ndarray:
    alpha = rng.uniform(-0.5, 1.5, (33, 47)).astype(np.float32)
    alpha[:9] = 0
    return alpha


def blank(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return np.zeros(shape, dtype)


CASES: list[tuple[Any, Any]] = [
    (blur.shrink_background, lambda r: [u8(r, 33, 47, 3), matte(r), blank(7, 10, 4), 5, 33, 47]),
    (blur.shrink_picture, lambda r: [u8(r, 33, 47, 3), blank(7, 10, 4), 5, 33, 47]),
    (blur.gauss, lambda r: [f32(r, 33, 47, 4), blank(33, 47, 4), 0, 1, 7, 0.88, 0.2, 33, 47]),
    (blur.gauss, lambda r: [f32(r, 33, 47, 4), blank(33, 47, 4), 1, 0, 40, 0.88, 0.2, 33, 47]),
    (blur.push, lambda r: [f32(r, 33, 47, 4), blank(9, 12, 4), 4, 4, 33, 47]),
    (blur.push, lambda r: [f32(r, 33, 47, 4), blank(33, 12, 4), 1, 4, 33, 47]),
    (blur.pull, lambda r: [f32(r, 9, 12, 4), f32(r, 33, 47, 4), 4, 1e-3, 9, 12]),
    (blur.widen, lambda r: [weighted(r), blank(7, 47, 3, dtype=np.uint16), 5, 10]),
    (blur.heighten, lambda r: [rows(r), blank(33, 47, 3, dtype=np.uint8), 5, 7]),
    (
        blur.heighten_under,
        lambda r: [u8(r, 33, 47, 3), matte(r), rows(r), blank(33, 47, 3, dtype=np.uint8), 5, 7],
    ),
]


def weighted(rng: np.random.Generator) -> np.ndarray:
    """Colours times weight, and the weight; some have none."""
    weight = rng.uniform(0, 1, (7, 10, 1)) * (rng.uniform(0, 1, (7, 10, 1)) > 0.2)
    return np.concatenate([f32(rng, 7, 10, 3) * weight, weight], axis=-1).astype(np.float32)


def rows(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 255 * 128 + 1, (7, 47, 3), dtype=np.uint16)


def disc(h: int, w: int, soft: float, radius: float = 0.3) -> np.ndarray:
    y, x = np.mgrid[:h, :w]
    return np.clip((radius * h - np.hypot(y - h * 0.55, x - w * 0.5)) / soft + 0.5, 0, 1).astype(np.float32)


@pytest.mark.parametrize("soft", [1e-3, 1.0, 4.0])
@pytest.mark.parametrize("sigma", [3.0, 10.0, 20.0, 45.0])
def test_a_red_subject_leaves_no_red_in_the_blurred_blue_around_it(sigma: float, soft: float) -> None:
    h, w = 360, 640
    alpha = disc(h, w, soft)
    red, blue = np.array([255, 0, 0]), np.array([0, 0, 255])
    image = np.rint(alpha[..., None] * red + (1 - alpha[..., None]) * blue).astype(np.uint8)
    out = background(image, alpha, sigma)
    outside = alpha == 0
    assert out[outside][:, 0].max() <= 1
    assert out[outside][:, 2].min() >= 254


def test_the_soft_edge_holds_the_subject_only_in_the_share_of_its_alpha() -> None:
    alpha = disc(360, 640, 8.0)
    image = np.zeros((360, 640, 3), np.uint8)
    image[...] = np.rint(alpha[..., None] * (255, 0, 0) + (1 - alpha[..., None]) * (0, 0, 255))
    red = background(image, alpha, 15.0)[..., 0].astype(float)
    assert (red - 255 * alpha * alpha).max() <= 2  # image * alpha, and nothing through the blur


def test_the_subject_stays_exactly_as_it_was() -> None:
    rng = np.random.default_rng(1)
    image, alpha = u8(rng, 120, 160, 3), disc(120, 160, 2.0)
    out = background(image, alpha, 9.0)
    np.testing.assert_array_equal(out[alpha == 1], image[alpha == 1])


def test_a_hole_without_background_in_reach_takes_the_far_background_not_black_nor_the_subject() -> None:
    image = np.zeros((300, 400, 3), np.uint8)
    image[...] = (255, 0, 0)
    image[:, :20] = (0, 0, 200)
    alpha = np.ones((300, 400), np.float32)
    alpha[:, :20] = 0
    alpha[140:160, 300:320] = 0.5  # half transparent, 280 pixels from the nearest background
    hole = background(image, alpha, 5.0)[150, 310].astype(int)
    assert abs(hole - (128, 0, 100)).max() <= 2


def test_a_matte_without_any_clear_background_still_blurs_what_there_is() -> None:
    image = np.full((40, 60, 3), 90, np.uint8)
    assert (background(image, np.full((40, 60), 0.8, np.float32), 4.0) == 90).all()


def test_a_matte_of_one_everywhere_gives_the_image() -> None:
    image = u8(np.random.default_rng(2), 40, 60, 3)
    np.testing.assert_array_equal(background(image, np.ones((40, 60), np.float32), 4.0), image)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 255), st.floats(0.3, 300), st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**32 - 1))
def test_a_flat_picture_stays_flat_at_every_size_radius_and_matte(v: int, sigma: float, h: int, w: int, s: int) -> None:
    image = np.full((h, w, 3), v, np.uint8)
    alpha = np.random.default_rng(s).uniform(-0.5, 1.5, (h, w)).astype(np.float32)
    assert (background(image, alpha, sigma) == v).all()
    out = np.empty_like(image)
    blur.picture(image, out, sigma, scratch())
    assert (out == v).all()


@pytest.mark.parametrize("sigma", [3.0, 6.5, 12.0, 20.0])
def test_blur_is_a_gaussian_of_that_sigma(sigma: float) -> None:
    cv2 = pytest.importorskip("cv2")
    rng = np.random.default_rng(3)
    image = np.kron(u8(rng, 12, 16, 3), np.ones((25, 25, 1), np.uint8))  # hard-edged tiles
    out = np.empty_like(image)
    blur.picture(image, out, sigma, scratch())
    want = cv2.GaussianBlur(image, (0, 0), sigma)
    m = int(3 * sigma)  # at the border OpenCV mirrors, and bgflow leaves out what is not there
    difference = np.abs(out.astype(int) - want)[m:-m, m:-m]
    assert difference.mean() < 1
    assert difference.max() <= 8


def test_a_step_in_brightness_moves_nowhere() -> None:
    image = np.zeros((64, 200, 3), np.uint8)
    image[:, 100:] = 200
    for sigma in (4.0, 7.0, 11.0):
        out = np.empty_like(image)
        blur.picture(image, out, sigma, scratch())
        assert abs((int(out[32, 99, 0]) + int(out[32, 100, 0])) / 2 - 100) <= 4


def test_nan_in_the_matte_counts_as_background() -> None:
    image = np.full((30, 30, 3), 50, np.uint8)
    alpha = np.zeros((30, 30), np.float32)
    alpha[10:20, 10:20] = np.nan
    assert (background(image, alpha, 4.0) == 50).all()
