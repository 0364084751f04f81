"""The mixture of Gaussians: both forms of its update are MOG2 in 16 bits, and every branch is compared."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernel import Kernel
from bgflow.kernels import modes, mog
from bgflow.kernels.modes import LEVEL, ONE
from bgflow.kernels.mogfit import CHANNELS, WORK
from bgflow.kernels.tiles import tiles
from tests.kernels import hostcuda

H, W = 21, 75  # a whole tile, and a rest
Arrays = dict[str, np.ndarray]
GATE, REACH, RATIO, INIT, MIN, MAX, TAU = 9, 16, 0.9, 15, 4, 75, 0.5
RATE, FADE = 0.05, 0.05


def picture(rng: np.random.Generator, n: int, h: int = H, w: int = W) -> np.ndarray:
    """Frame n of a scene whose pixels flicker between two to six colours, darken, and now and then are new."""
    base = np.linspace(40, 200, h * w * 3).reshape(h, w, 3)
    kinds = 1 + np.arange(h * w).reshape(h, w, 1) % 6
    scene = base + 27 * (rng.integers(0, 60, (h, w, 1)) % kinds) * (rng.random((h, w, 1)) < 0.5)
    dark = rng.random((h, w, 1)) < 0.05
    scene = np.where(dark, scene * 0.7, scene)
    scene = np.where(rng.random((h, w, 1)) < 0.02, rng.integers(0, 256, (h, w, 3)), scene)
    scene[: n % 3, :5] = 0
    return np.clip(scene + rng.normal(0, 2, (h, w, 3)), 0, 255).astype(np.uint8)


def empty(h: int = H, w: int = W, most: int = 5) -> Arrays:
    return {
        "modes": np.zeros((h, w), np.uint8),
        "weight": np.zeros((most, h, w), np.uint16),
        "gauss": np.ones((most, h, tiles(w), modes.TILE), np.uint16),
        "turn": np.zeros(1, np.int32),
        "work": np.zeros((h, WORK), np.float32),
        "colour": np.zeros((h, CHANNELS), np.float32),
        "label": np.zeros((h, w), np.uint8),
    }


def frozen(h: int = H, w: int = W) -> np.ndarray:
    """A freeze that has a frozen block."""
    freeze = np.zeros((h, w), np.float32)
    freeze[h // 2 :, w // 3 : w // 2] = 1
    return freeze


def update(
    image: np.ndarray, a: Arrays, rate: float, shadow: int = 127, fade: float = FADE, freeze: Any = None
) -> None:
    nowhere = np.zeros(image.shape[:2], np.float32)
    mog.update(
        image, nowhere if freeze is None else freeze, **a, rate=rate,
        fade=fade, gate=GATE, reach=REACH, ratio=RATIO, var_init=INIT, var_min=MIN,
        var_max=MAX, shadow=shadow, tau=TAU,
    )  # fmt: skip


def taught(rng: np.random.Generator, frames: int = 90) -> tuple[np.ndarray, Arrays]:
    """A model that has seen much, and the next picture."""
    a = empty()
    for n in range(1, frames):
        update(picture(rng, n), a, max(1 / (2 * n), RATE))
    return picture(rng, frames), a


def frame(kernel: Kernel, shadow: int = 127, fade: float = FADE, rate: float = RATE) -> Any:
    """What a form of the update takes, for a model that has seen much; a block is frozen, a row knows nothing yet."""

    def made(rng: np.random.Generator) -> list[Any]:
        image, a = taught(rng)
        a["modes"][3] = 0
        pixel = kernel is mog.mog_pixel
        arrays = [frozen(), a["turn"], a["modes"], a["weight"], a["gauss"], a["label"]]
        sizes = [5] if pixel else [a["work"], a["colour"], 5, W]
        return [
            image if pixel else image.reshape(H, 3 * W),
            *arrays,
            *sizes,
            rate,
            rate * fade,
            GATE,
            REACH,
            RATIO,
            INIT,
            MIN,
            MAX,
            shadow,
            TAU,
        ]

    return made


CASES: list[tuple[Any, Any]] = [
    (mog.mog_turn, lambda rng: [rng.integers(0, mog.TURNS, 3).astype(np.int32)]),
    *(
        (kernel, frame(kernel, **how))
        for kernel in (mog.mog_pixel, mog.mog_row)
        for how in ({}, {"shadow": 255}, {"fade": 0.9}, {"rate": 0.0})
    ),
]


def test_the_cases_reach_every_branch() -> None:
    values = frame(mog.mog_pixel)(np.random.default_rng(7))
    _, freeze, _, modes, _, gauss, label, *_ = values
    assert set(np.unique(modes)) == {0, 1, 2, 3, 4, 5}
    before, heaviest = modes.copy(), gauss[0].astype(int)
    mog.mog_pixel(*values)
    assert set(np.unique(label)) == {0, 127, 255}
    assert set(np.unique(label[freeze > 0])) == {0, 127, 255}
    assert (modes > before).any()
    assert (modes < before).any()
    assert np.abs(gauss[0] - heaviest).max() > 20 * LEVEL, "no mode overtook another"


@settings(deadline=None, max_examples=12)
@given(
    seed=st.integers(0, 2**31), shadow=st.sampled_from([0, 127, 255]), fade=st.sampled_from([0.0, 0.05, 0.3]),
    rate=st.sampled_from([0.002, 0.05, 0.3]),
)  # fmt: skip
def test_labels_and_plate_are_those_of_opencv_but_for_rounding(
    seed: int, shadow: int, fade: float, rate: float
) -> None:
    rng = np.random.default_rng(seed)
    theirs, a = cv2.createBackgroundSubtractorMOG2(), empty()
    theirs.setComplexityReductionThreshold(fade)
    theirs.setShadowValue(shadow)
    equal = []
    for n in range(1, 40):
        image = picture(rng, n)
        want = theirs.apply(image, learningRate=rate)
        update(image, a, rate if n > 1 else 0.5, shadow, fade)
        equal.append(np.mean(a["label"] == want))
    assert np.mean(equal) >= 0.995
    ours = np.zeros((H, W, 3), np.uint8)
    modes.plate(a["modes"], a["weight"], a["gauss"], ours, RATIO)
    assert np.mean(np.abs(ours.astype(int) - theirs.getBackgroundImage()) <= 1) >= 0.99


@pytest.mark.parametrize("rate", [0.002, 0.0002])
def test_a_drift_of_less_than_a_unit_a_frame_is_followed(rate: float) -> None:
    a, frames = empty(1, 70), 2000
    update(np.full((1, 70, 3), 100, np.uint8), a, 1.0 - 1e-3)
    for _ in range(frames):
        update(np.full((1, 70, 3), 103, np.uint8), a, rate)
    means = a["gauss"][0, 0, 0, modes.RED : modes.TILE] / LEVEL
    np.testing.assert_allclose(means, 103 - 3 * (1 - rate) ** frames, atol=0.05)
    assert (a["modes"] == 1).all()


@pytest.mark.parametrize("rate", [0.002, 0.0002])
def test_a_colour_that_is_not_seen_again_fades_as_slowly_as_it_should(rate: float) -> None:
    a, frames = empty(1, 70), 1000
    update(np.full((1, 70, 3), 100, np.uint8), a, 0.5)
    update(np.full((1, 70, 3), 200, np.uint8), a, 0.01)
    for _ in range(frames):
        update(np.full((1, 70, 3), 100, np.uint8), a, rate, fade=0.0)
    np.testing.assert_allclose(a["weight"][1] / ONE, 0.01 * (1 - rate) ** frames, rtol=0.05)


def test_weights_sum_to_one_unless_a_full_pixel_has_just_replaced_its_lightest_mode() -> None:
    _, a = taught(np.random.default_rng(5))
    total = np.where(np.arange(5)[:, None, None] < a["modes"], a["weight"] / ONE, 0).sum(0)
    np.testing.assert_allclose(total[a["modes"] < 5], 1, atol=5 / ONE)
    assert (total[a["modes"] == 5] <= 1 + 5 / ONE).all()


@settings(deadline=None, max_examples=12)
@given(seed=st.integers(0, 2**31), first=st.booleans(), rate=st.sampled_from([0.002, 0.05, 0.9]))
def test_what_is_frozen_does_not_change_and_the_rest_is_as_ever(seed: int, first: bool, rate: float) -> None:
    rng = np.random.default_rng(seed)
    image, a = (picture(rng, 1), empty()) if first else taught(rng, 20)
    free, before = {n: v.copy() for n, v in a.items()}, {n: v.copy() for n, v in a.items()}
    freeze = (rng.random((H, W)) < 0.5).astype(np.float32)
    update(image, a, rate, freeze=freeze)
    update(image, free, rate)
    held = freeze > 0.5
    rows = np.zeros((H, tiles(W) * 64), bool)
    rows[:, :W] = held
    wide = np.repeat(rows.reshape(H, tiles(W), 1, 64), 4, axis=2).reshape(H, tiles(W), modes.TILE)
    for name, mask in (("modes", held), ("weight", held), ("gauss", wide)):
        np.testing.assert_array_equal(a[name][..., mask], before[name][..., mask], err_msg=name)
        np.testing.assert_array_equal(a[name][..., ~mask], free[name][..., ~mask], err_msg=name)
    np.testing.assert_array_equal(a["label"][~held], free["label"][~held])
    if first:
        assert (a["label"][held] == 255).all()


@pytest.mark.skipif(not hostcuda.has_gxx(), reason="needs g++")
@settings(deadline=None, max_examples=6)
@given(seed=st.integers(0, 2**31), rate=st.sampled_from([0.002, 0.05, 0.3]), fade=st.sampled_from([0.05, 0.9]))
def test_a_gpu_s_form_comes_to_what_a_cpu_s_does_frame_after_frame(seed: int, rate: float, fade: float) -> None:
    rng = np.random.default_rng(seed)
    cpu, gpu = empty(), empty()
    for n in range(1, 40):
        image, freeze = picture(rng, n), frozen() if n > 20 else None
        update(image, cpu, max(1 / (2 * n), rate), fade=fade, freeze=freeze)
        with hostcuda.gpu():
            update(image, gpu, max(1 / (2 * n), rate), fade=fade, freeze=freeze)
        np.testing.assert_array_equal(gpu["label"], cpu["label"])
        np.testing.assert_array_equal(gpu["modes"], cpu["modes"])
        np.testing.assert_array_equal(gpu["weight"], cpu["weight"])
        np.testing.assert_array_equal(gpu["gauss"], cpu["gauss"])
