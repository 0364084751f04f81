"""What every background model does with who sits still, with changes of light, and with a camera that shakes."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from bgflow.stages.mog import Mask, Running
from bgflow.stages.samples import Mask as Samples
from bgflow.stages.synth import Source
from bgflow.testing import Opened, opened
from tests.stages.replaying import replaying, same

Picture = np.ndarray[Any, Any]
MODELS = [Mask, Running, Samples]
every = pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.use)

SLOW: dict[Any, dict[str, Any]] = {
    Mask: {"history": 83},
    Running: {"history": 83},
    Samples: {"absorb": 83, "learn": 10, "pace": 1.5},
}
"""The models' defaults, which are for 30 frames a second, at five: the same in seconds."""


def scene(count: int, w: int = 160, h: int = 90, **params: Any) -> Iterator[tuple[Picture, Picture]]:
    """Pictures of a synthetic scene and the true alpha."""
    with opened(Source(width=w, height=h, count=count, **params)) as source:
        for _, out in source.frames():
            yield out["image"].copy(), out["alpha"].copy()


def blurred(alpha: Picture, dy: int, dx: int) -> Picture:
    """What a network might make of the truth: some pixels off, and soft."""
    moved = np.roll(alpha, (dy, dx), (0, 1))
    return (moved + sum(np.roll(moved, 2 * s, axis) for s in (1, -1) for axis in (0, 1))) / np.float32(5)


def f_measure(label: Picture, alpha: Picture) -> float:
    found, true = label == 255, alpha >= 0.5
    return float(2 * (found & true).sum() / max(found.sum() + true.sum(), 1))


@pytest.mark.slow
@every
def test_who_sits_still_for_ten_minutes_is_kept_where_a_late_and_shifted_matte_freezes_the_model(kind: Any) -> None:
    """3000 frames at 5 a second. The matte is the truth, up to a pixel off, soft, and new at every third frame."""
    kept: dict[str, list[float]] = {"frozen": [], "alone": []}
    rng, matte = np.random.default_rng(1), np.zeros((90, 160), np.float32)
    rate: dict[str, Any] = {"fps": 5, "enter": 50, "speed": 0, "noise": 2.0, "seed": 1}
    with opened(kind(**SLOW[kind])) as frozen, opened(kind(**SLOW[kind])) as alone:
        for n, (image, alpha) in enumerate(scene(3050, **rate)):
            if n % 3 == 0 or n == 50:
                matte = blurred(alpha, *map(int, rng.integers(-1, 2, 2)))
            clock: dict[str, Any] = {"pts": n, "time_base": Fraction(1, 5)}
            labels = {
                "frozen": frozen(image=image, freeze=matte, **clock)["label"],
                "alone": alone(image=image, **clock)["label"],
            }
            if n >= 50:
                for name, label in labels.items():
                    kept[name].append(float((label[alpha >= 0.5] == 255).mean()))
    assert min(kept["frozen"]) >= 0.99
    assert kept["alone"][0] >= 0.99
    slowly = kind is Running  # it learns what looks like subject at a twentieth of the pace
    assert kept["alone"][-1] < (0.85 if slowly else 0.01)


@every
@pytest.mark.parametrize("seed", range(6))
def test_a_frozen_subject_stays_whole_and_has_no_halo_whoever_it_is(kind: Any, seed: int) -> None:
    first = 0.0
    fast = {Mask: {"history": 30}, Running: {"history": 30}, Samples: {"absorb": 4, "learn": 20, "pace": 2}}[kind]
    with opened(kind(**fast), wired={"label"}) as mask:
        for n, (image, alpha) in enumerate(scene(180, enter=30, speed=0, noise=2.0, seed=seed)):
            label = mask(image=image, freeze=alpha)["label"]
            if n == 30:
                first = float((label[alpha > 0.5] == 255).mean())
    kept = float((label[alpha > 0.5] == 255).mean())
    assert kept >= 0.985
    assert kept >= 0.99 * first
    assert (label[alpha == 0] == 255).mean() < 0.005


@every
def test_a_freeze_of_nothing_is_as_none(kind: Any) -> None:
    with opened(kind()) as free, opened(kind()) as wired:
        for image, alpha in scene(25, enter=10, noise=2.0, shadow=0.4):
            p, q = free(image=image), wired(image=image, freeze=np.zeros_like(alpha))
            for port in p:
                np.testing.assert_array_equal(p[port], q[port])


@every
def test_what_was_frozen_from_the_first_frame_on_is_subject_until_it_is_seen(kind: Any) -> None:
    wall, person = np.full((40, 60, 3), 120, np.uint8), np.zeros((40, 60), np.float32)
    person[10:30, 20:40] = 1
    with opened(kind(margin=0)) as mask:
        image = wall.copy()
        image[person > 0] = 10, 200, 30
        for _ in range(20):
            out = mask(image=image, freeze=person)
        assert (out["label"][person > 0] == 255).all()
        assert not out["label"][person == 0].any()
        assert not out["plate"][person > 0].any()
        for _ in range(30):
            out = mask(image=wall)
        assert not out["label"].any()
        assert (out["plate"] == 120).all()


@every
@pytest.mark.parametrize("ev", [1, -1])
def test_a_step_of_the_exposure_is_background_again_within_ten_frames(kind: Any, ev: int) -> None:
    """And long after it, with less than 1 % of false subject and without losing the one that is there."""
    false, f = [], []
    params: dict[str, Any] = {"enter": 40, "exposure": ev, "exposure_at": 60, "noise": 1.0, "seed": 7}
    with opened(kind(), wired={"label"}) as mask, opened(kind(light=False, shadow_value=255), wired={"label"}) as blind:
        for n, (image, alpha) in enumerate(scene(160, 320, 180, **params)):
            label = mask(image=image, freeze=alpha)["label"]
            lost = blind(image=image, freeze=alpha)["label"]
            if n >= 70:
                false.append((label[alpha == 0] == 255).mean())
                f.append(f_measure(label, alpha))
            if n == 70:
                assert (lost[alpha == 0] == 255).mean() > 0.9, "without it all of the wall is subject"
    assert max(false) < 0.01
    assert min(f) > 0.95


@every
def test_a_change_of_white_balance_is_taken_out_and_the_plate_shows_it(kind: Any) -> None:
    gain = np.array([1.25, 1.0, 0.75])
    frames = [image for image, _ in scene(45, subjects=0, noise=1.0)]
    with opened(kind()) as mask:
        for image in frames[:40]:
            before = mask(image=image)["plate"]
        for image in frames[40:]:
            out = mask(image=np.clip(np.rint(image * gain), 0, 255).astype(np.uint8))
    assert (out["label"] == 255).mean() < 0.01
    want = np.minimum(before * gain, 255)
    assert np.abs(out["plate"] - want).mean() < 4


@every
def test_somebody_who_fills_most_of_the_picture_at_once_is_no_change_of_light(kind: Any) -> None:
    frames = [image for image, _ in scene(50, subjects=0, noise=1.0, background="textured")]
    with opened(kind()) as mask:
        for n, image in enumerate(frames):
            if n >= 40:
                image[:, 50:] = 20, 60, 30
            label = mask(image=image)["label"]
            if n == 40:
                assert (label[:, 56:] == 255).mean() > 0.98
            if n >= 40:
                assert (label[:, :44] == 255).mean() < 0.01


@every
def test_without_light_a_darker_picture_is_what_it_is(kind: Any) -> None:
    """`light` changes what the model sees: switched off while it runs, the step shows."""
    frames = [image for image, _ in scene(45, subjects=0, noise=1.0)]
    with opened(kind(shadow_value=255)) as mask:
        for image in frames[:40]:
            mask(image=image)
        dark = (frames[40] * 0.6).astype(np.uint8)
        assert (mask(image=dark)["label"] == 255).mean() < 0.01
        mask.stage.light = False  # type: ignore[attr-defined]
        assert (mask(image=dark)["label"] == 255).mean() > 0.9


@every
def test_evidence_is_a_half_or_more_where_the_label_is_subject_and_nearly_1_or_0_for_most(kind: Any) -> None:
    with opened(kind()) as mask:
        for image, alpha in scene(60, enter=45, noise=1.0):
            out = mask(image=image, freeze=alpha)
    sure, subject = out["evidence"], out["label"] == 255
    assert (sure[subject] >= 0.5).all()
    assert (sure[~subject] <= 0.5).all()
    assert np.median(sure[alpha > 0.9]) > 0.9
    assert np.median(sure[alpha == 0]) < 0.1
    assert 0 <= sure.min() <= sure.max() <= 1


def shaken(kind: Any, px: float, **params: Any) -> float:
    """F over a clip in which the camera shakes."""
    scores = []
    with opened(kind(**params), wired={"label"}) as mask:
        for n, (image, alpha) in enumerate(scene(90, 320, 180, enter=45, seed=7, noise=1.0, shake=px)):
            label = mask(image=image, freeze=alpha)["label"]
            if n >= 60:
                scores.append(f_measure(label, alpha))
    return float(np.mean(scores))


@every
def test_5_px_of_shake_cost_at_most_2_points_of_f(kind: Any) -> None:
    assert shaken(kind, 5, shake=True) >= shaken(kind, 0) - 0.02


@every
def test_a_camera_that_does_not_shake_gives_the_same_bits_with_and_without_compensation(kind: Any) -> None:
    with opened(kind()) as plain, opened(kind(shake=True)) as steady:
        for image, alpha in scene(30, enter=15, noise=1.0):
            p, q = plain(image=image, freeze=alpha), steady(image=image, freeze=alpha)
            for port in p:
                np.testing.assert_array_equal(p[port], q[port])


def pan(mask: Opened, seed: int) -> Picture:
    """The label at the end of a pan by three fifths of the picture."""
    views = [image for image, _ in scene(60, 320, 120, subjects=0, noise=1.0, background="textured", seed=seed)]
    for n, view in enumerate(views):
        left = 0 if n < 30 else 96
        out = mask(image=view[:, left : left + 160].copy())
    label: Picture = out["label"]
    return label


@every
@pytest.mark.parametrize("seed", range(3, 9))
def test_a_pan_says_that_the_camera_moved_and_the_model_begins_anew(kind: Any, seed: int) -> None:
    with opened(kind(shake=True)) as mask:
        label = pan(mask, seed)
        assert mask.ctx.warnings == ["the camera moved: the background is learned anew"]
        assert mask.stage.model.age < 20  # type: ignore[attr-defined]
    assert (label == 255).mean() < 0.01


@every
@pytest.mark.parametrize(("h", "w"), [(1, 1), (1, 64), (3, 65), (47, 33)])
def test_any_size_works_with_everything_on(kind: Any, h: int, w: int) -> None:
    wall = np.full((h, w, 3), 90, np.uint8)
    with opened(kind(light=True, shake=True)) as mask:
        for _ in range(5):
            out = mask(image=wall, freeze=np.zeros((h, w), np.float32))
        assert not out["label"].any()
        assert (out["plate"] == 90).all()
        assert out["evidence"].shape == (h, w)


@every
def test_the_fake_device_gives_what_the_cpu_gives_with_everything_on(kind: Any) -> None:
    on: dict[str, Any] = {"light": True, "shake": True}
    params: dict[str, Any] = {"enter": 8, "noise": 1.0, "shake": 2.0, "exposure": 0.7, "exposure_at": 12}
    with opened(kind(**on), "cpu") as here, opened(kind(**on), "fake") as there:
        for image, alpha in scene(18, **params):
            p, q = here(image=image, freeze=alpha), there(image=image, freeze=alpha)
            for port in p:
                np.testing.assert_array_equal(p[port], q[port])


@pytest.mark.parametrize(("kind", "params"), [(Mask, {"history": 20}), (Running, {"history": 20}), (Samples, {})])
@pytest.mark.parametrize("wired", [None, {"alpha"}])
def test_launches_that_are_replayed_give_the_same_bits(
    kind: Any, params: dict[str, Any], wired: set[str] | None
) -> None:
    clip = [{"image": image, "freeze": alpha} for image, alpha in scene(130, enter=20, noise=2.0, shadow=0.4)]
    assert same(kind, clip, wired, **params).replays > 25


@pytest.mark.parametrize(("kind", "params", "frames"), [
    (Mask, {"history": 20}, 9), (Mask, {"learning_rate": 0.01}, 1), (Running, {"history": 20}, 19),
    (Running, {"learning_rate": 0.01}, 1), (Mask, {"light": False, "history": 20}, 9),
])  # fmt: skip
def test_launches_are_the_same_from_the_frame_on_that_learns_at_a_constant_pace(
    kind: Any, params: dict[str, Any], frames: int
) -> None:
    with replaying(kind(**params)) as mask:
        for image, _ in scene(30):
            mask(image=image)
    assert mask.answers == [None] * frames + [()] * (30 - frames)


@every
def test_no_model_copies_anything_after_its_first_frame(kind: Any) -> None:
    with replaying(kind()) as mask:
        for image, alpha in scene(10):
            mask(image=image, freeze=alpha)
        assert mask.stage.copies() == (0, 0)
    assert len(mask.work) == 10
    assert all(work.ups == work.downs == 0 for work in mask.work[1:])


@every
def test_a_shaking_camera_is_looked_at_from_the_host_and_never_replayed(kind: Any) -> None:
    """By one small copy while it stays where it was, and by no more than are told when it moves."""
    frames = [image for image, _ in scene(40, 320, 180, subjects=0, noise=1.0, background="textured")]
    with replaying(kind(shake=True)) as mask:
        for n, image in enumerate(frames):
            mask(image=np.roll(image, 3, 1) if 20 <= n < 30 else image)
        ups, downs = mask.stage.copies()
    assert mask.answers == [None] * 40
    assert {work.ups for work in mask.work[1:]} == {ups} == {0}
    looks = [work.downs for work in mask.work]
    assert looks[5:20] == [1] * 15
    assert 1 < looks[20] <= downs
