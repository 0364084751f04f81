"""Taking a clean plate, and finding whoever is not on it."""

from __future__ import annotations

import gc
import weakref
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bgflow.errors import UsageError
from bgflow.media import pictures
from bgflow.stages.plate import Capture, Mask
from bgflow.stages.synth import Source
from bgflow.testing import Opened, opened
from tests.stages.replaying import replaying, same

Picture = np.ndarray[Any, Any]
QUICK: dict[str, Any] = {"countdown": 0.5, "seconds": 3.0}
on = pytest.mark.parametrize("on", ["cpu", "fake"])


def scene(first: int, last: int, **params: Any) -> list[dict[str, Picture]]:
    """Frames of a synthetic scene at 30 a second, and the truth."""
    names = {"image", "alpha", "label", "plate"}
    params = {"width": 160, "height": 90, "noise": 2.0} | params
    with opened(Source(**params), wired=names) as source:
        stage: Any = source.stage
        return [{k: np.array(v) for k, v in stage.render(n).items()} for n in range(first, last)]


def empty(**params: Any) -> Picture:
    """The scene without anybody and without noise."""
    return scene(0, 1, subjects=0, noise=0.0, **params)[0]["image"]


def fed(it: Opened, frames: list[dict[str, Picture]], **ports: str) -> list[dict[str, Picture]]:
    """What the stage sends for frames, copied."""
    sent = []
    for pts, frame in enumerate(frames):
        out = it(pts=pts, time_base=Fraction(1, 30), image=frame["image"], **{p: frame[k] for p, k in ports.items()})
        if out is not None:
            sent.append({k: np.array(v) for k, v in out.items()})
    return sent


def error(plate: Picture, truth: Picture) -> float:
    return float(np.abs(plate.astype(float) - truth).mean())


def iou(alpha: Picture, truth: Picture) -> float:
    a, b = alpha > 0.5, truth > 0.5
    return float((a & b).sum() / (a | b).sum())


@on
def test_somebody_who_walks_through_is_not_on_the_plate(on: str) -> None:
    frames = scene(0, 120, size=0.5, enter=20, leave=60)
    assert max(f["alpha"].mean() for f in frames) > 0.08
    with opened(Capture(**QUICK), on) as capture:
        (sent,) = fed(capture, frames)
    assert error(sent["plate"], empty()) <= 2
    assert np.abs(sent["plate"].astype(float) - empty()).max() < 12
    assert 1 < np.median(sent["spread"]) < 3
    assert sent["quality"][0] > 0.6


def test_the_plate_comes_once_after_countdown_and_capture_by_the_streams_own_time() -> None:
    frames = scene(0, 130, subjects=0)
    with opened(Capture(**QUICK)) as capture:
        came = [n for n, f in enumerate(frames) if capture(pts=n, image=f["image"]) is not None]
        assert came == [105]
        stage: Any = capture.stage
        stage.retake = 1
        again = [n for n in range(130, 260) if capture(pts=n, image=frames[n % 130]["image"]) is not None]
    assert again == [130 + 105]


def test_a_picture_that_moves_as_a_whole_gives_a_poor_plate_and_a_warning() -> None:
    rng = np.random.default_rng(0)
    frames = [{"image": rng.integers(0, 256, (40, 60, 3), np.uint8)} for _ in range(120)]
    with opened(Capture(**QUICK)) as capture:
        (sent,) = fed(capture, frames)
        assert sent["quality"][0] < 0.1
        assert capture.ctx.warnings[0].startswith("the plate is poor: quality 0.00 of 1, 0% of it seen at rest")


def test_quality_falls_with_noise() -> None:
    found = []
    for noise in (1.0, 6.0):
        with opened(Capture(**QUICK, reach=24.0)) as capture:
            found.append(float(fed(capture, scene(0, 110, subjects=0, noise=noise))[0]["quality"][0]))
    assert 1 >= found[0] > 0.95 > found[1] + 0.1


@on
def test_an_automatic_plate_learns_what_is_behind_a_subject_that_never_leaves(on: str) -> None:
    large: dict[str, Any] = {"width": 320, "height": 180}
    frames = scene(0, 400, size=0.5, speed=1.0, **large)
    seen = np.mean([f["alpha"] < 0.1 for f in frames], axis=0) > 0.4
    with opened(Capture(auto=True), on) as capture:
        last = fed(capture, frames, alpha="alpha")[-1]
    truth = empty(**large)[seen]
    assert error(last["plate"][seen], truth) <= 2
    assert np.mean(np.abs(last["plate"][seen].astype(float) - truth).max(axis=-1) > 12) < 0.005


def test_without_an_alpha_somebody_who_sits_still_becomes_background_and_with_it_never_does() -> None:
    frames = scene(0, 60, subjects=0) + [scene(30, 31)[0]] * 600
    there = frames[-1]["alpha"] > 0.9
    errors = []
    for ports in ({}, {"alpha": "alpha"}):
        with opened(Capture(auto=True, memory=10.0)) as capture:
            errors.append(error(fed(capture, frames, **ports)[-1]["plate"][there], empty()[there]))
    assert errors[0] > 30
    assert errors[1] <= 2


def test_the_plate_is_written_to_a_picture(tmp_path: Path) -> None:
    file = tmp_path / "plate.png"
    with opened(Capture(**QUICK, save=str(file))) as capture:
        (sent,) = fed(capture, scene(0, 110, subjects=0))
    np.testing.assert_array_equal(pictures.read(file), sent["plate"])


def test_places_that_cannot_be_written_are_told_before_anything_starts(tmp_path: Path) -> None:
    assert next(iter(Capture(save="plate.jpg").problems()))[0] == "save"
    with pytest.raises(UsageError, match=r"^save: .*/none/p.png: its folder does not exist; make it first"):
        Capture(save=str(tmp_path / "none/p.png")).open(opened(Capture()).__enter__().ctx)


def test_a_stream_that_ends_too_early_is_told() -> None:
    with opened(Capture()) as capture:
        assert fed(capture, scene(0, 3)) == []
    assert capture.ctx.warnings == ["the stream ended before the plate was taken; shorten `countdown` or `seconds`"]


@on
@pytest.mark.parametrize("seed", [0, 3, 8])
def test_the_mask_finds_a_person_before_the_plate(on: str, seed: int) -> None:
    params: dict[str, Any] = {"width": 320, "height": 180, "seed": seed}
    (frame,) = scene(40, 41, **params)
    with opened(Mask(), on) as mask:
        out = mask(image=frame["image"], plate=empty(**params))
    assert iou(out["alpha"], frame["alpha"]) > 0.93
    assert ((out["label"] == 255) == (out["alpha"] >= 0.5)).all()


@pytest.mark.parametrize("background", ["room", "textured"])
@pytest.mark.parametrize(
    "harm",
    [
        {"exposure": 1.0}, {"exposure": -1.0}, {"noise": 12.0}, {"tint": 0.15}, {"tint": -0.15}, {"move": 2},
        {"exposure": -0.5, "noise": 3.0, "tint": 0.05, "move": 1},
    ],
    ids=str,
)  # fmt: skip
def test_an_empty_room_stays_empty_in_other_light_with_noise_and_after_a_knock(
    harm: dict[str, float], background: str
) -> None:
    room: dict[str, Any] = {"width": 320, "height": 180, "background": background}
    image = scene(5, 6, subjects=0, exposure=harm.get("exposure", 0), noise=harm.get("noise", 1.0), **room)[0]
    tint = harm.get("tint", 0)
    seen = np.clip(image["image"] * np.array([1 + tint, 1, 1 - tint]), 0, 255).astype(np.uint8)
    seen = np.roll(seen, (int(harm.get("move", 0)),) * 2, (0, 1))
    with opened(Mask()) as mask:
        assert (mask(image=seen, plate=empty(**room))["alpha"] >= 0.5).mean() <= 0.001


def test_a_shadow_is_labelled_as_one() -> None:
    params: dict[str, Any] = {"width": 640, "height": 360, "shadow": 0.15}
    (frame,) = scene(40, 41, **params)
    with opened(Mask()) as mask:
        label = mask(image=frame["image"], plate=empty(**params))["label"]
    shadow = frame["label"] == 127
    assert (label[shadow] == 255).mean() < 0.25
    assert (label[shadow] == 127).mean() > 0.7


def test_a_large_picture_is_compared_small_and_gives_a_matte_of_its_size() -> None:
    params: dict[str, Any] = {"width": 1280, "height": 1080, "noise": 2.0}
    (frame,) = scene(40, 41, **params)
    with opened(Mask()) as mask:
        out = mask(
            image=frame["image"], plate=empty(width=1280, height=1080), spread=np.zeros((1080, 1280), np.float32)
        )
    assert iou(out["alpha"], frame["alpha"]) > 0.95


def test_a_new_plate_is_taken_at_once() -> None:
    (frame,) = scene(40, 41)
    with opened(Mask()) as mask:
        assert mask(image=frame["image"], plate=empty())["alpha"].max() == 1
        assert mask(image=frame["image"], plate=frame["image"])["alpha"].max() == 0


def test_nothing_is_sent_until_there_is_a_plate() -> None:
    with opened(Mask()) as mask:
        assert mask(image=empty()) is None


@on
def test_the_plate_may_be_a_picture_file(on: str, tmp_path: Path) -> None:
    (frame,) = scene(40, 41)
    Image.fromarray(empty()).save(tmp_path / "p.png")
    with opened(Mask(path=str(tmp_path / "p.png")), on) as mask, opened(Mask(), on) as wired:
        np.testing.assert_array_equal(
            mask(image=frame["image"])["alpha"], wired(image=frame["image"], plate=empty())["alpha"]
        )


def test_the_picture_that_the_memory_is_taken_with_is_let_go() -> None:
    image = empty()
    gone = weakref.ref(image)
    with opened(Mask()) as mask:
        mask(image=image)
        del image
        mask(image=empty())
        gc.collect()
        assert gone() is None


def test_a_shadow_of_a_third_of_the_light_hardly_costs_the_person_anything() -> None:
    params: dict[str, Any] = {"width": 480, "height": 270, "shadow": 0.33}
    (frame,) = scene(80, 81, **params)
    with opened(Mask()) as mask:
        out = mask(image=frame["image"], plate=empty(**params))
    assert iou(out["alpha"], frame["alpha"]) > 0.94


def test_a_plate_that_is_missing_or_of_another_size_is_told_in_one_line(tmp_path: Path) -> None:
    Image.fromarray(empty()).save(tmp_path / "plate.png")
    with pytest.raises(UsageError, match=r"^path: .*plat.png: no such file; did you mean .*plate.png"):
        Mask(path=str(tmp_path / "plat.png")).open(opened(Mask()).__enter__().ctx)
    with pytest.raises(UsageError, match="^plate: there is none; wire"), opened(Mask(), wired={"alpha"}):
        pass
    with (
        opened(Mask(path=str(tmp_path / "plate.png"))) as mask,
        pytest.raises(UsageError, match=r"plate.png is 160x90, but the picture is 80x60; take"),
    ):
        mask(image=np.zeros((60, 80, 3), np.uint8))


def test_no_memory_of_frame_size_is_taken_after_the_first_frames() -> None:
    frames = scene(0, 160, width=64, height=36)
    with opened(Capture(auto=True)) as capture, opened(Mask()) as mask:
        known: list[Any] = []
        for n, frame in enumerate(frames):
            capture(pts=n, image=frame["image"], alpha=frame["alpha"])
            mask(image=frame["image"], plate=frames[0]["plate"])
            now = [
                (sorted((k, id(v)) for k, v in c._scratch.items()), [p.allocations for p in c._pools.values()])
                for c in (capture.ctx, mask.ctx)
            ]
            known = now if n == 110 else known
        assert now == known


def test_real_frames_and_their_plates_agree_with_masks_drawn_by_hand(data: Path) -> None:
    found, wrong = [], []
    for folder in sorted((data / "webcam_plate").glob("set*")):
        for k in range(4):
            truth = pictures.read(folder / f"{k}_mask.png")[..., 0] > 127
            with opened(Mask(path=str(folder / "bkg.png")), wired={"alpha"}) as mask:
                alpha = mask(image=pictures.read(folder / f"{k}.png"))["alpha"]
            if truth.any():
                found.append(iou(alpha, truth))
            else:
                wrong.append(float((alpha > 0.5).mean()))
    print(f"mean IoU {np.mean(found):.4f} of {len(found)} frames; foreground in empty ones {max(wrong):.4%}")
    assert np.mean(found) > 0.955
    assert max(wrong) <= 0.001


def turns(*plates: Picture) -> list[dict[str, Any]]:
    """The inputs of a mask that is given each of several plates for some frames, one after the other."""
    frames = [of["image"] for of in scene(30, 30 + 6 * len(plates), enter=30)]
    spread = np.zeros((90, 160), np.float32)
    return [
        {
            "image": image,
            "plate": plates[n // 6],
            "spread": spread + n // 6,
            "of": dict.fromkeys(("plate", "spread"), n // 6),
        }
        for n, image in enumerate(frames)
    ]


def test_launches_that_are_replayed_give_the_same_bits_also_after_another_plate_has_come_to_the_same_place() -> None:
    it = same(Mask, turns(empty(), empty() // 2, empty()))
    assert it.answers == ([None] + [()] * 5) * 3
    assert it.replays == 14
    assert {(work.ups, work.downs) for work in it.work} == {it.stage.copies()} == {(0, 0)}


def test_before_there_is_a_plate_nothing_is_replayed() -> None:
    with replaying(Mask()) as it:
        for of in scene(30, 33):
            it(image=of["image"])
    assert it.answers == [None] * 3


def test_a_plate_from_a_file_is_replayed_from_its_second_frame_on(tmp_path: Path) -> None:
    Image.fromarray(empty()).save(tmp_path / "plate.png")
    clip = [{"image": of["image"]} for of in scene(30, 36)]
    it = same(Mask, clip, wired={"alpha"}, path=str(tmp_path / "plate.png"))
    assert it.answers == [None] + [()] * 5


def test_capturing_copies_a_few_numbers_for_each_look_and_once_it_has_the_plate_nothing() -> None:
    with replaying(Capture(countdown=0, seconds=1, samples=4)) as it:
        for of in scene(0, 60, subjects=0):
            it(image=of["image"])
    assert all(work.ups == 0 for work in it.work[1:])
    assert sum(work.downs for work in it.work) == 5, "four looks, and how good it is"
    assert sum(work.down_bytes for work in it.work) < 2000
    assert all(work.downs == 0 for work in it.work[31:])
