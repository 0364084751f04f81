"""One Gaussian per pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernels import modes, running
from bgflow.kernels.tiles import tiles
from tests.kernels.test_mog import H, W, picture

NUMBERS: dict[str, Any] = {
    "rate": 0.02, "slow": 0.001, "reach": 16, "var_init": 15, "var_min": 4, "var_max": 75, "shadow": 127, "tau": 0.5,
}  # fmt: skip


def taught(rng: np.random.Generator, h: int = H, w: int = W) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    gauss, label = np.zeros((h, tiles(w), modes.TILE), np.float32), np.zeros((h, w), np.uint8)
    unseen = np.zeros((h, w), np.float32)
    unseen[:2, :9] = 1
    for n in range(30):
        running.update(picture(rng, n, h, w), unseen, gauss, label, **NUMBERS)
    return picture(rng, 30, h, w), gauss, label


def step(span: int) -> Any:
    def made(rng: np.random.Generator) -> list[Any]:
        image, gauss, label = taught(rng)
        image[5] = 0
        freeze = np.zeros((H, W), np.float32)
        freeze[:, 5:20] = 1
        return [image, freeze, gauss, label, -(-W // span), span, W, *NUMBERS.values()]

    return made


def evidence(span: int) -> Any:
    def made(rng: np.random.Generator) -> list[Any]:
        image, gauss, _ = taught(rng)
        return [image, gauss, np.zeros((H, W), np.float32), -(-W // span), span, W, NUMBERS["reach"]]

    return made


def plate(span: int) -> Any:
    return lambda rng: [taught(rng)[1], np.zeros((H, W, 3), np.uint8), -(-W // span), span, W]


CASES: list[tuple[Any, Any]] = [
    (kernel, make(span))
    for kernel, make in (
        (running.running_update, step),
        (running.running_evidence, evidence),
        (running.running_plate, plate),
    )
    for span in (64, 1)
]


def test_the_cases_give_every_label_frozen_and_not() -> None:
    values = step(64)(np.random.default_rng(7))
    running.running_update(*values)
    for where in (values[1] > 0, values[1] == 0):
        assert set(np.unique(values[3][where])) == {0, 127, 255}


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**31), h=st.integers(1, 9), w=st.integers(1, 140))
def test_the_first_frame_is_the_background(seed: int, h: int, w: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (h, w, 3), dtype=np.uint8)
    gauss, label = np.zeros((h, tiles(w), modes.TILE), np.float32), np.ones((h, w), np.uint8)
    running.update(image, np.zeros((h, w), np.float32), gauss, label, **NUMBERS)
    plate = np.zeros_like(image)
    running.plate(gauss, plate)
    np.testing.assert_array_equal(plate, image)
    assert not label.any()


def test_the_mean_moves_by_the_rate_where_the_colour_is_near_and_slower_elsewhere() -> None:
    gauss, label = np.zeros((1, 1, modes.TILE), np.float32), np.zeros((1, 2), np.uint8)
    nowhere = np.zeros((1, 2), np.float32)
    running.update(np.full((1, 2, 3), 100, np.uint8), nowhere, gauss, label, **NUMBERS)
    running.update(np.array([[[102] * 3, [200] * 3]], np.uint8), nowhere, gauss, label, **NUMBERS)
    assert label.tolist() == [[0, 255]]
    np.testing.assert_allclose(gauss[0, 0, modes.RED : modes.RED + 2], [100 + 0.02 * 2, 100 + 0.001 * 100], rtol=1e-6)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**31))
def test_what_is_frozen_does_not_change_and_is_subject_if_nothing_was_learned(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image, gauss, label = taught(rng)
    before = gauss.copy()
    freeze = (rng.random((H, W)) < 0.5).astype(np.float32)
    running.update(image, freeze, gauss, label, **NUMBERS)
    changed = (gauss != before).reshape(H, tiles(W), 4, 64).any(axis=2).reshape(H, -1)[:, :W]
    assert not changed[freeze > 0.5].any()
    assert changed.any()
    assert (label[:2, :9][freeze[:2, :9] > 0.5] == 255).all()


def test_evidence_is_above_a_half_where_the_label_is_not_background() -> None:
    image, gauss, label = taught(np.random.default_rng(5))
    sure = np.zeros((H, W), np.float32)
    running.update(image, np.zeros((H, W), np.float32), gauss, label, sure, **NUMBERS | {"shadow": 255})
    known = np.ones((H, W), bool)
    known[:2, :9] = False
    np.testing.assert_array_equal(sure[known] >= 0.5, label[known] == 255)
    assert (sure[~known] == 0.5).all()
