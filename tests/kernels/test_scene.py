"""The camera side of a synthetic scene."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bgflow.kernel import Kernel
from bgflow.kernels import scene

Make = Callable[[np.random.Generator], list[Any]]
H, W = 33, 47


def unit(rng: np.random.Generator, *shape: int) -> np.ndarray[Any, Any]:
    return rng.random(shape, np.float32)


def levels(rng: np.random.Generator) -> np.ndarray[Any, Any]:
    return rng.integers(0, 256, (H, W, 3), np.uint8)


def drawn(style: int, seed: int) -> Make:
    palette = np.array([[198, 192, 182], [90, 120, 172]], np.float32)
    return lambda rng: [np.zeros((H + 4, W + 4, 3), np.float32), palette, style, seed, 2, H, W]


CASES: list[tuple[Kernel, Make]] = [
    *[(scene.backdrop, drawn(style, seed)) for style in range(len(scene.BACKGROUNDS)) for seed in (0, 2**31 - 1)],
    (scene.cover, lambda rng: [unit(rng, H, W), unit(rng, H, W)]),
    (
        scene.light,
        lambda rng: [
            200 * unit(rng, H + 4, W + 4, 3), unit(rng, *scene.grid(H, W)), np.zeros((H, W, 3), np.uint8),
            1, 2, 0.3, 0.8, 1.5, 0.6,
        ],
    ),
    (
        scene.develop,
        lambda rng: [unit(rng, H, W), levels(rng), levels(rng), np.zeros((H, W, 3), np.uint8), 0.0, 1],
    ),
    (
        scene.develop,
        lambda rng: [unit(rng, H, W), levels(rng), levels(rng), np.zeros((H, W, 3), np.uint8), 9.0, 2**31 - 1],
    ),
    (scene.annotate, lambda rng: [unit(rng, H, W), unit(rng, *scene.grid(H, W)), np.zeros((H, W), np.uint8), 0.3]),
]  # fmt: skip


def test_noise_has_the_asked_deviation_and_no_bias() -> None:
    grey = np.full((200, 200, 3), 128, np.uint8)
    image = np.empty_like(grey)
    scene.develop(np.ones((200, 200), np.float32), grey, grey, image, 6.0, 3)
    noise = image.astype(float) - 128
    assert noise.std() == pytest.approx(6, rel=0.02)
    assert abs(noise.mean()) < 0.1
    assert abs(np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1]) < 0.01


@pytest.mark.parametrize(("h", "w"), [(1, 1), (2, 3), (7, 6), (33, 47), (36, 64)])
def test_the_shadow_grid_reaches_over_every_pixel(h: int, w: int) -> None:
    shade = np.ones(scene.grid(h, w), np.float32)
    label = np.empty((h, w), np.uint8)
    scene.annotate(np.zeros((h, w), np.float32), shade, label, 1.0)
    assert (label == 127).all()
