"""One Gaussian per pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernels import mog, running
from tests.kernels.test_mog import H, W, picture

NUMBERS: dict[str, Any] = {
    "rate": 0.02, "slow": 0.001, "reach": 16, "var_init": 15, "var_min": 4, "var_max": 75, "shadow": 127, "tau": 0.5,
}  # fmt: skip


def taught(rng: np.random.Generator, h: int = H, w: int = W) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    gauss, label = np.zeros((h, mog.tiles(w), mog.TILE), np.float32), np.zeros((h, w), np.uint8)
    for n in range(30):
        running.update(picture(rng, n, h, w), gauss, label, fresh=n == 0, **NUMBERS)
    return picture(rng, 30, h, w), gauss, label


def step(span: int, fresh: int) -> Any:
    def made(rng: np.random.Generator) -> list[Any]:
        image, gauss, label = taught(rng)
        image[5] = 0
        return [image, gauss, label, -(-W // span), span, W, fresh, *NUMBERS.values()]

    return made


CASES: list[tuple[Any, Any]] = [
    (running.running_update, step(64, 0)),
    (running.running_update, step(64, 1)),
    (running.running_update, step(1, 0)),
    (running.running_plate, lambda r: [taught(r)[1], np.zeros((H, W, 3), np.uint8)]),
]


def test_the_cases_give_every_label() -> None:
    values = step(64, 0)(np.random.default_rng(7))
    running.running_update(*values)
    assert set(np.unique(values[2])) == {0, 127, 255}


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**31), h=st.integers(1, 9), w=st.integers(1, 140))
def test_the_first_frame_is_the_background(seed: int, h: int, w: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (h, w, 3), dtype=np.uint8)
    gauss, label = np.full((h, mog.tiles(w), mog.TILE), np.nan, np.float32), np.ones((h, w), np.uint8)
    running.update(image, gauss, label, fresh=True, **NUMBERS)
    plate = np.zeros_like(image)
    running.running_plate(gauss, plate)
    np.testing.assert_array_equal(plate, image)
    assert not label.any()


def test_the_mean_moves_by_the_rate_where_the_colour_is_near_and_slower_elsewhere() -> None:
    gauss, label = np.zeros((1, 1, mog.TILE), np.float32), np.zeros((1, 2), np.uint8)
    running.update(np.full((1, 2, 3), 100, np.uint8), gauss, label, fresh=True, **NUMBERS)
    running.update(np.array([[[102] * 3, [200] * 3]], np.uint8), gauss, label, fresh=False, **NUMBERS)
    assert label.tolist() == [[0, 255]]
    np.testing.assert_allclose(gauss[0, 0, mog.RED : mog.RED + 2], [100 + 0.02 * 2, 100 + 0.001 * 100], rtol=1e-6)
