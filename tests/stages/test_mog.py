"""Background models on whole streams: as OpenCV's but for rounding, kept, forgotten, and never shared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydantic
import pytest

from bgflow.stages.mog import Mask, Running
from bgflow.stages.synth import Source
from bgflow.testing import Opened, opened

Picture = np.ndarray[Any, Any]
SCENES: dict[str, dict[str, Any]] = {
    "shadow and noise": {"shadow": 0.4, "noise": 2.0, "enter": 25, "seed": 3},
    "two soft subjects, shake": {"subjects": 2, "hair": 0.7, "edge": 3.0, "shake": 1.5, "noise": 1.0, "seed": 8},
}
ALIKE = 0.995  # of the labels
both = pytest.mark.parametrize("kind", [Mask, Running])


def scene(count: int, **params: Any) -> Iterator[tuple[Picture, Picture]]:
    """Pictures of a synthetic scene and the true alpha."""
    with opened(Source(width=160, height=90, count=count, **params)) as source:
        for _, out in source.frames():
            yield out["image"].copy(), out["alpha"].copy()


def still(value: int = 100, h: int = 9, w: int = 13) -> Picture:
    return np.full((h, w, 3), value, np.uint8)


def model(it: Opened) -> Any:
    stage: Any = it.stage
    return stage.model


def highway(data: Path, first: int, last: int) -> Iterator[tuple[int, Picture]]:
    for n in range(first, last + 1):
        file = data / "highway/input" / f"in{n:06}.jpg"
        if not file.is_file():
            pytest.skip("no highway frames beside the repository")
        yield n, cv2.imread(str(file))[..., ::-1].copy()


@pytest.mark.parametrize("params", SCENES.values(), ids=SCENES)
def test_nearly_all_labels_equal_those_of_opencv_on_synthetic_scenes(params: dict[str, Any]) -> None:
    theirs, seen, equal = cv2.createBackgroundSubtractorMOG2(), set(), []
    with opened(Mask(light=False)) as mask:
        for image, _ in scene(60, **params):
            want = theirs.apply(image)
            equal.append(np.mean(mask(image=image)["label"] == want))
            seen |= set(np.unique(want))
    assert np.mean(equal) >= ALIKE
    assert seen == {0, 127, 255}


@pytest.mark.parametrize(
    "params",
    [
        {"history": 30, "var_threshold": 30},
        {"learning_rate": 0.02, "shadow_threshold": 0.7, "shadow_value": 0},
        {"detect_shadows": False, "n_mixtures": 3, "background_ratio": 0.6},
        {"var_threshold_gen": 25, "var_init": 30, "var_min": 10, "var_max": 40, "complexity_reduction": 0.2},
    ],
)
def test_every_parameter_means_what_it_means_in_opencv(params: dict[str, Any]) -> None:
    theirs = cv2.createBackgroundSubtractorMOG2()
    setters = {
        "history": theirs.setHistory, "var_threshold": theirs.setVarThreshold, "n_mixtures": theirs.setNMixtures,
        "detect_shadows": theirs.setDetectShadows, "shadow_value": theirs.setShadowValue,
        "shadow_threshold": theirs.setShadowThreshold, "background_ratio": theirs.setBackgroundRatio,
        "var_threshold_gen": theirs.setVarThresholdGen, "var_init": theirs.setVarInit, "var_min": theirs.setVarMin,
        "var_max": theirs.setVarMax, "complexity_reduction": theirs.setComplexityReductionThreshold,
    }  # fmt: skip
    for name, value in params.items():
        if name != "learning_rate":
            setters[name](value)
    equal = []
    with opened(Mask(light=False, **params)) as mask:
        for image, _ in scene(40, shadow=0.4, noise=3.0, subjects=2):
            out = mask(image=image)
            equal.append(np.mean(out["label"] == theirs.apply(image, None, params.get("learning_rate", -1))))
        off = np.abs(out["plate"].astype(int) - theirs.getBackgroundImage())
    assert np.mean(equal) >= ALIKE
    assert np.mean(off <= 1) >= ALIKE


def test_nearly_all_labels_equal_those_of_opencv_on_the_highway(data: Path) -> None:
    theirs = cv2.createBackgroundSubtractorMOG2()
    with opened(Mask(light=False), wired={"label"}) as mask:
        for n, image in highway(data, 350, 450):
            assert np.mean(mask(image=image)["label"] == theirs.apply(image)) >= ALIKE, f"frame {n}"


def test_the_whole_highway_scores_as_with_opencv(data: Path) -> None:
    """All frames; F against the ground truth as CDnet counts: 85 and 170 do not, 0 and 50 are background."""
    theirs = cv2.createBackgroundSubtractorMOG2()
    inside = cv2.imread(str(data / "highway/ROI.bmp"), 0) > 0
    equal, counts = [], np.zeros((2, 3))
    with opened(Mask(light=False), wired={"label"}) as mask:
        for n, image in highway(data, 350, 900):
            ours, want = mask(image=image)["label"], theirs.apply(image)
            equal.append(np.mean(ours == want))
            truth_file = data / f"highway/groundtruth/gt{n:06}.png"
            if truth_file.is_file():
                truth = cv2.imread(str(truth_file), 0)
                counted = inside & ((truth == 255) | (truth == 0) | (truth == 50))
                moving = (truth == 255)[counted]
                for row, label in zip(counts, (ours, want), strict=True):
                    found = (label == 255)[counted]
                    row += (found & moving).sum(), (found & ~moving).sum(), (~found & moving).sum()
    ours_f, theirs_f = (2 * tp / (2 * tp + fp + fn) for tp, fp, fn in counts)
    assert np.mean(equal) >= 0.995
    assert abs(ours_f - theirs_f) <= 0.005
    assert ours_f > 0.5


@both
def test_a_scene_without_movement_becomes_all_background(kind: Any) -> None:
    with opened(kind()) as mask:
        for image, _ in scene(20, subjects=0, noise=1.0):
            out = mask(image=image)
    assert (out["label"] == 0).mean() > 0.999
    np.testing.assert_allclose(out["plate"].astype(int), image.astype(int), atol=6)


@both
def test_a_shadow_is_127_and_neither_subject_nor_background(kind: Any) -> None:
    wall = still(160)
    dim = wall.copy()
    dim[:, 4:8] = 112
    with opened(kind()) as mask:
        for _ in range(30):
            mask(image=wall)
        out = mask(image=dim)
    assert (out["label"][:, 4:8] == 127).all()
    assert not out["label"][:, :4].any()
    assert not out["alpha"].any()


@both
@pytest.mark.parametrize(("params", "want"), [({"detect_shadows": False}, 255), ({"shadow_value": 0}, 0)])
def test_a_shadow_can_count_as_subject_or_as_background(kind: Any, params: dict[str, Any], want: int) -> None:
    with opened(kind(light=False, **params)) as mask:
        for _ in range(30):
            mask(image=still(160))
        assert (mask(image=still(112))["label"] == want).all()


@both
def test_alpha_is_one_where_the_label_is_subject(kind: Any) -> None:
    with opened(kind()) as mask:
        for image, _ in scene(30, enter=10, shadow=0.5):
            out = mask(image=image)
            np.testing.assert_array_equal(out["alpha"], (out["label"] == 255).astype(np.float32))
    assert out["alpha"].any()


@both
def test_a_higher_threshold_never_finds_more_on_the_same_model(kind: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "m.npz")
    frames = [image for image, _ in scene(31, enter=10, noise=2.0)]
    with opened(kind(save=path, detect_shadows=False)) as mask:
        for image in frames[:-1]:
            mask(image=image)
    found = []
    for threshold in (4, 9, 16, 36, 100, 400):
        with opened(kind(load=path, var_threshold=threshold, detect_shadows=False)) as mask:
            found.append((mask(image=frames[-1])["label"] == 255).sum())
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1]


def test_running_finds_the_subject_that_mask_finds() -> None:
    with opened(Running()) as mask:
        for image, alpha in scene(50, enter=20, noise=1.5, seed=2):
            found, true = mask(image=image)["alpha"] > 0.5, alpha > 0.5
    assert (found & true).sum() / (found | true).sum() > 0.7


def test_running_absorbs_a_subject_that_stays_and_the_faster_the_higher_its_rate() -> None:
    frames = {}
    for rate in (0.05, 0.5):
        with opened(Running(history=50, subject_rate=rate, detect_shadows=False, light=False)) as mask:
            for _ in range(50):
                mask(image=still(60))
            frames[rate] = next(n for n in range(5000) if not mask(image=still(180))["label"].any())
    assert 0 < frames[0.5] < frames[0.05]


@both
@pytest.mark.parametrize(("h", "w"), [(1, 1), (1, 64), (2, 65), (7, 131)])
def test_any_size_works(kind: Any, h: int, w: int) -> None:
    with opened(kind()) as mask:
        for _ in range(5):
            out = mask(image=still(90, h, w))
        assert out["label"].shape == (h, w)
        assert (out["plate"] == 90).all()
        assert (mask(image=still(250, h, w))["label"] == 255).all()


@both
def test_the_fake_device_gives_what_the_cpu_gives(kind: Any) -> None:
    with opened(kind(), "cpu") as here, opened(kind(), "fake") as there:
        for image, _ in scene(20, shadow=0.3, noise=2.0):
            p, q = here(image=image), there(image=image)
            for port in ("label", "alpha", "plate"):
                np.testing.assert_array_equal(p[port], q[port])


@both
def test_two_instances_do_not_know_of_each_other(kind: Any) -> None:
    with opened(kind()) as alone, opened(kind()) as one, opened(kind(var_threshold=50)) as other:
        for image, _ in scene(15, noise=2.0):
            other(image=255 - image)
            np.testing.assert_array_equal(alone(image=image)["label"], one(image=image)["label"])


@both
def test_only_what_is_wired_is_given(kind: Any) -> None:
    for port in ("label", "alpha", "plate"):
        with opened(kind(), wired={port}) as mask:
            assert list(mask(image=still())) == [port]


@both
def test_a_new_size_starts_anew_and_says_so(kind: Any) -> None:
    with opened(kind()) as mask, opened(kind()) as fresh:
        for _ in range(3):
            mask(image=still(50))
        np.testing.assert_array_equal(mask(image=still(80, 5, 6))["label"], fresh(image=still(80, 5, 6))["label"])
        assert model(mask).age == 1
        assert mask.ctx.warnings == ["the picture is 6x5 now instead of 13x9: the background is learned anew"]


@both
def test_reset_forgets(kind: Any) -> None:
    with opened(kind()) as mask, opened(kind()) as fresh:
        for _ in range(4):
            mask(image=still(50))
        assert model(mask).age == 4
        model(mask).reset()
        for value in (90, 90, 200):
            want = fresh(image=still(value))
            got = mask(image=still(value))
            np.testing.assert_array_equal(got["label"], want["label"])
            np.testing.assert_array_equal(got["plate"], want["plate"])


@pytest.mark.parametrize(
    "params",
    [{"history": 0}, {"learning_rate": 1.0}, {"n_mixtures": 6}, {"shadow_value": 100}, {"background_ratio": 0}],
    ids=str,
)
def test_a_parameter_out_of_range_is_refused(params: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError):
        Mask(**params)


@both
def test_variance_bounds_that_cross_are_a_problem(kind: Any) -> None:
    assert list(kind(var_min=80).problems()) == [("var_min", "80 is above var_max, which is 75")]
    assert not list(kind().problems())
