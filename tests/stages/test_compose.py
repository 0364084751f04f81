"""Composing stages, on every device that needs no hardware."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bgflow.devices import device, to_host
from bgflow.errors import UsageError
from bgflow.frame import Pool
from bgflow.kernels import foreground, over, yuv
from bgflow.media.background import render
from bgflow.stage import Stage
from bgflow.stages.compose import Alpha, Blur, Mask, Replace
from bgflow.testing import Opened
from bgflow.testing import opened as any_opened
from tests import media
from tests.kernels.test_blur import scratch

H, W = 36, 64


class Shown(Opened):
    """A composing stage of which only the RGB picture is wired."""

    def __call__(self, *args: Any, **inputs: Any) -> Any:
        out = super().__call__(*args, **inputs)
        return out["out"] if isinstance(out, dict) else out


@contextlib.contextmanager
def opened(stage: Stage, on: str = "cpu") -> Iterator[Shown]:
    with any_opened(stage, on, wired={*stage.inputs, "out"}) as it:
        yield Shown(it.stage, it.ctx)


def run_stage(stage: Stage, on: str = "cpu", **inputs: Any) -> Any:
    with opened(stage, on) as it:
        return it(**inputs)


@pytest.fixture(params=["cpu", "fake"])
def on(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def subject(h: int = H, w: int = W, seed: int = 0) -> dict[str, np.ndarray[Any, Any]]:
    """A noisy picture, and a matte: subject on the left, background on the right, a ramp between."""
    alpha = np.tile(np.clip(np.linspace(1.5, -0.5, w), 0, 1).astype(np.float32), (h, 1))
    return {"image": np.random.default_rng(seed).integers(0, 256, (h, w, 3), dtype=np.uint8), "alpha": alpha}


def check(out: np.ndarray[Any, Any], given: dict[str, np.ndarray[Any, Any]], behind: Any) -> None:
    """`out` is the given subject, in its own colours, over `behind`."""
    want, front = np.empty_like(given["image"]), np.empty_like(given["image"])
    foreground.estimate(given["image"], given["alpha"], front, 1.0, scratch())
    back = np.broadcast_to(np.asarray(behind, np.uint8), want.shape)
    over.replace(front, given["alpha"], np.ascontiguousarray(back), want)
    np.testing.assert_array_equal(out, want)


def saved(path: Path, h: int = 20, w: int = 30, seed: int = 5) -> np.ndarray[Any, Any]:
    image = np.random.default_rng(seed).integers(0, 256, (h, w, 3), dtype=np.uint8)
    Image.fromarray(image).save(path)
    return image


def test_replace_puts_the_subject_over_a_colour(on: str) -> None:
    given = subject()
    check(run_stage(Replace(background="rgb(0,177,64)"), on, **given), given, (0, 177, 64))


def test_replace_puts_the_subject_over_a_picture_of_the_frames_size(on: str, tmp_path: Path) -> None:
    behind, given = saved(tmp_path / "b.png", H, W), subject()
    check(run_stage(Replace(background=str(tmp_path / "b.png")), on, **given), given, behind)


@pytest.mark.parametrize("fit", ["cover", "contain", "stretch", "tile"])
def test_replace_fits_a_picture_of_any_size(on: str, fit: Any, tmp_path: Path) -> None:
    Image.new("RGB", (50, 90), (9, 200, 30)).save(tmp_path / "b.png")
    given = subject()
    out = run_stage(Replace(background=str(tmp_path / "b.png"), fit=fit), on, **given)
    right = out[given["alpha"] == 0]
    assert {tuple(p) for p in right.tolist()} <= {(9, 200, 30), (0, 0, 0)}
    assert fit == "contain" or (right == (9, 200, 30)).all()


def test_replace_takes_a_painting_of_the_gallery(on: str) -> None:
    given = subject()
    check(run_stage(Replace(background="gallery:ocean"), on, **given), given, render("ocean", H, W))


def test_replace_plays_a_video_on_the_streams_clock(on: str, tmp_path: Path) -> None:
    pictures = [np.full((H, W, 3), v, np.uint8) for v in (40, 120, 200)]
    media.clip(tmp_path / "b.mp4", frames=3, h=H, w=W, pts=[0, 9000, 18000], pictures=pictures)
    given = subject()
    with opened(Replace(background=str(tmp_path / "b.mp4")), on) as stage:
        levels = [stage(pts=n, time_base=Fraction(1, 20), **given)[0, -1].mean() for n in (7, 8, 9, 10, 11)]
    assert np.abs(np.array(levels) - (40, 40, 120, 120, 200)).max() <= 3


def test_replace_prefers_a_wired_background_and_fits_it(on: str) -> None:
    given = subject()
    behind = np.full((11, 90, 3), (5, 60, 70), np.uint8)
    with opened(Replace(background="red"), on) as stage:
        check(stage(**given, behind=behind), given, (5, 60, 70))
        check(stage(**given), given, (255, 0, 0))
        check(stage(**given, behind=behind // 5), given, (1, 12, 14))


def test_a_wired_background_of_the_frames_size_is_used_as_it_is(on: str) -> None:
    given, behind = subject(), subject(seed=9)["image"]
    check(run_stage(Replace(), on, **given, behind=behind), given, behind)


def test_replace_follows_a_stream_that_changes_its_size(on: str, tmp_path: Path) -> None:
    Image.new("RGB", (50, 90), (9, 200, 30)).save(tmp_path / "b.png")
    for background in (str(tmp_path / "b.png"), "gallery:bokeh", "blue"):
        with opened(Replace(background=background), on) as stage:
            for h, w in ((36, 64), (1, 1), (35, 61), (36, 64)):
                given = subject(h, w)
                out = stage(**given)
                assert out.shape == (h, w, 3)
                if background != "gallery:bokeh":
                    check(out, given, (9, 200, 30) if background != "blue" else (0, 0, 255))


def test_background_and_fit_may_change_between_two_frames(on: str, tmp_path: Path) -> None:
    image, given = saved(tmp_path / "b.png"), subject()
    tiled = np.tile(image, (3, 3, 1))[:H, :W]
    with opened(Replace(background="red", fit="stretch"), on) as stage:
        check(stage(**given), given, (255, 0, 0))
        stage.stage.background = str(tmp_path / "b.png")  # type: ignore[attr-defined]
        stretched = stage(**given)
        stage.stage.fit = "tile"  # type: ignore[attr-defined]
        check(stage(**given), given, tiled)
        assert (stretched != stage(**given)).any()
        stage.stage.background = "gallery:mist"  # type: ignore[attr-defined]
        check(stage(**given), given, render("mist", H, W))
        assert stage.ctx.warnings == []


def test_a_new_background_that_fails_leaves_the_old_one_and_warns_once(on: str, tmp_path: Path) -> None:
    given = subject()
    with opened(Replace(background="red"), on) as stage:
        stage.stage.background = str(tmp_path / "no.png")  # type: ignore[attr-defined]
        check(stage(**given), given, (255, 0, 0))
        check(stage(**given), given, (255, 0, 0))
        assert stage.ctx.warnings == [
            f"background: {tmp_path}/no.png is no colour, and there is no such file; "
            "give a colour such as '#00b140', a picture, a video, or gallery:NAME; the old background stays"
        ]


def test_a_still_background_goes_up_and_is_fitted_once(tmp_path: Path) -> None:
    saved(tmp_path / "b.png", 50, 90)
    given, meter = subject(), device("fake").meter
    with opened(Replace(background=str(tmp_path / "b.png"), decontaminate=0), "fake") as stage:
        works = [meter.read()]
        for _ in range(3):
            stage(**given)
            works.append(meter.read())
    ups, launches = zip(*((b.ups - a.ups, b.launches - a.launches) for a, b in pairwise(works)), strict=True)
    assert ups == (3, 2, 2)  # the kit itself puts picture and matte on the device
    assert launches == (2, 1, 1)


def test_a_missing_background_fails_when_the_stage_opens(tmp_path: Path) -> None:
    saved(tmp_path / "beach.png")
    with pytest.raises(UsageError) as e, opened(Replace(background=str(tmp_path / "beech.png"))):
        pass
    assert f"did you mean '{tmp_path}/beach.png'?" in str(e.value)
    assert e.value.exit_code == 2


def test_check_finds_a_wrong_background_by_its_text() -> None:
    assert list(Replace(background="gallery:oceon").problems()) == [
        ("background", "the gallery has no 'oceon'; did you mean gallery:ocean?")
    ]
    assert list(Mask(colour="redd").problems()) == [("colour", "'redd' is no colour; write '#rrggbb' or a CSS name")]


def test_blur_keeps_the_subject_sharp_and_smooths_the_rest(on: str) -> None:
    given = subject(90, 160)
    out = run_stage(Blur(radius=10), on, **given)
    inside, outside = given["alpha"] == 1, given["alpha"] == 0
    np.testing.assert_array_equal(out[inside], given["image"][inside])
    assert out[outside].std() < 0.2 * given["image"][outside].std()


def test_blur_looks_the_same_at_any_resolution() -> None:
    rng = np.random.default_rng(3)
    small = np.kron(rng.integers(0, 256, (9, 16, 3), dtype=np.uint8), np.ones((20, 20, 1), np.uint8))
    large = np.kron(small, np.ones((3, 3, 1), np.uint8))
    blank = np.zeros(small.shape[:2], np.float32), np.zeros(large.shape[:2], np.float32)
    one = run_stage(Blur(radius=6), image=small, alpha=blank[0])
    two = run_stage(Blur(radius=6), image=large, alpha=blank[1])
    shrunk = two.reshape(180, 3, 320, 3, 3).mean((1, 3))
    assert np.abs(shrunk - one).mean() < 1


def test_blur_may_change_its_radius_and_the_stream_its_size(on: str) -> None:
    with opened(Blur(radius=2), on) as stage:
        rough = stage(**subject(90, 160))
        stage.stage.radius = 20  # type: ignore[attr-defined]
        assert stage(**subject(90, 160))[:, 130:].std() < rough[:, 130:].std()
        assert stage(**subject(1, 1)).shape == (1, 1, 3)
        assert stage(**subject(31, 17)).shape == (31, 17, 3)


def test_nothing_of_frame_size_is_allocated_after_the_first_frames(on: str) -> None:
    given = subject()
    for made in (Replace(background="gallery:dusk"), Blur(), Alpha(), Mask()):
        with opened(made, on) as stage:
            stage(**given)
            pools, scratch = dict(stage.ctx._pools), dict(stage.ctx._scratch)
            blocks = [p.allocations for p in pools.values()]
            for _ in range(3):
                stage(**given)
            assert stage.ctx._pools == pools
            assert [p.allocations for p in pools.values()] == blocks
            assert {k: id(v) for k, v in stage.ctx._scratch.items()} == {k: id(v) for k, v in scratch.items()}


@pytest.mark.parametrize("mode", ["straight", "premultiplied"])
def test_alpha_joins_picture_and_matte_in_the_mode_of_its_port(on: str, mode: Any) -> None:
    given, behind = subject(), subject(seed=4)["image"]
    stage = Alpha(mode=mode, decontaminate=0)
    assert stage.outputs["out"].type == f"u8[h,w,4] {mode}"
    layer = run_stage(stage, on, **given)
    np.testing.assert_array_equal(layer[..., 3], np.floor(given["alpha"] * 255 + 0.5))
    shown = np.empty_like(behind)
    (over.over_straight if mode == "straight" else over.over_premultiplied)(layer, behind, shown)
    want = given["alpha"][..., None] * given["image"] + (1 - given["alpha"][..., None]) * behind
    assert np.abs(shown - want).max() <= 2


def test_alpha_hides_the_background_for_good_unless_told_to_keep_it() -> None:
    given = subject()
    hidden = given["alpha"] == 0
    assert not run_stage(Alpha(), **given)[hidden].any()
    kept = run_stage(Alpha(keep_hidden=True), **given)
    np.testing.assert_array_equal(kept[hidden][:, :3], given["image"][hidden])


def test_mask_is_grey_alone_and_a_film_over_the_background_with_a_picture(on: str) -> None:
    given = subject()
    grey = run_stage(Mask(), on, alpha=given["alpha"])
    np.testing.assert_array_equal(grey[..., 1], np.floor(given["alpha"] * 255 + 0.5))
    film = run_stage(Mask(colour="lime", opacity=1), on, **given)
    np.testing.assert_array_equal(film[given["alpha"] == 1], given["image"][given["alpha"] == 1])
    assert (film[given["alpha"] == 0] == (0, 255, 0)).all()


EXTRAS: list[dict[str, Any]] = [{}, {"wrap": 0.5}, {"contact": 0.5}, {"match": 0.5}, {"linear": 0.5}]


def made(stage: Stage, on: str, wired: set[str], h: int, w: int, **inputs: Any) -> dict[str, np.ndarray[Any, Any]]:
    with any_opened(stage, on, wired={*stage.inputs, *wired}) as it:
        out: dict[str, np.ndarray[Any, Any]] = it(**subject(h, w), **inputs)
    assert out.keys() == wired
    return out


@pytest.mark.parametrize(("h", "w"), [(36, 64), (37, 63)])
@pytest.mark.parametrize("background", ["gallery:dusk", "#00b140"])
@pytest.mark.parametrize("extra", EXTRAS, ids=str)
def test_replaced_nv12_is_the_picture_converted(on: str, extra: Any, background: str, h: int, w: int) -> None:
    alone, both = (
        made(Replace(background=background, **extra), on, wired, h, w) for wired in ({"nv12"}, {"out", "nv12"})
    )
    want = np.empty((h + (h + 1) // 2, w + w % 2), np.uint8)
    yuv.rgb_to_nv12(both["out"], *yuv.nv12_planes(want, h, w), "bt601")
    yuv.even_out(want, w)
    np.testing.assert_array_equal(alone["nv12"], want)
    np.testing.assert_array_equal(both["nv12"], want)


@pytest.mark.parametrize("stage", [Replace, Blur])
def test_nv12_comes_in_the_matrix_that_is_asked_for(on: str, stage: type[Stage]) -> None:
    both = made(stage(matrix="bt709"), on, {"out", "nv12"}, 36, 64)
    want = np.empty((54, 64), np.uint8)
    yuv.rgb_to_nv12(both["out"], *yuv.nv12_planes(want, 36, 64), "bt709")
    np.testing.assert_array_equal(both["nv12"], want)


def test_blurred_nv12_is_the_picture_converted(on: str) -> None:
    alone, both = (made(Blur(), on, wired, 37, 63) for wired in ({"nv12"}, {"out", "nv12"}))
    want = np.empty((37 + 19, 64), np.uint8)
    yuv.rgb_to_nv12(both["out"], *yuv.nv12_planes(want, 37, 63), "bt601")
    yuv.even_out(want, 63)
    np.testing.assert_array_equal(alone["nv12"], want)
    np.testing.assert_array_equal(both["nv12"], want)


def uploaded(array: np.ndarray[Any, Any]) -> Any:
    here = Pool(device("fake"), array.shape, array.dtype).take()
    device("fake").upload(array, here)
    return here


@pytest.mark.parametrize(
    "stage",
    [
        Replace(background="gallery:dusk"),
        Replace(background="#00b140", contact=0.5, wrap=0.5, linear=0.5),
        Blur(),
        Alpha(),
        Mask(),
    ],
    ids=lambda s: f"{s.use} {s.params.model_dump(exclude_defaults=True)}",
)
def test_what_was_captured_gives_the_next_picture_as_the_stage_itself(stage: Stage) -> None:
    first, second = subject(seed=1), subject(seed=2)
    with any_opened(stage, "fake", wired={*stage.inputs, "out"}) as it:
        it.ctx.size = {"h": H, "w": W}
        places = {name: uploaded(value) for name, value in first.items()}
        values = [places.get(name) for name in stage.inputs]
        stage.process(*values)
        answer = stage.launches()
        assert answer is not None
        with device("fake").capture() as recording:
            out = stage.process(*values)
        assert stage.launches() == answer
        for name, value in second.items():
            device("fake").upload(value, places[name])
        recording.replay()
        replayed = to_host(out["out"] if isinstance(out, dict) else out)
        eager = stage.process(*values)
        np.testing.assert_array_equal(replayed, to_host(eager["out"] if isinstance(eager, dict) else eager))


def test_a_background_that_changes_or_moves_is_not_captured(tmp_path: Path) -> None:
    media.clip(tmp_path / "a.mp4")
    stage = Replace(background="gallery:dusk")
    with opened(stage, "fake") as it:
        assert stage.launches() is None  # nothing is loaded yet
        it(**subject())
        dusk = stage.launches()
        stage.background = "#00b140"
        assert stage.launches() is None
        it(**subject())
        assert stage.launches() == (0, 177, 64)
        assert dusk is not None
        stage.background = str(tmp_path / "a.mp4")
        it(**subject())
        assert stage.launches() is None


def test_a_match_with_the_background_is_not_captured_because_it_counts_with_time() -> None:
    with opened(Replace(match=0.5), "fake") as it:
        it(**subject())
        assert it.stage.launches() is None


def test_a_background_that_is_wired_on_an_accelerator_is_fitted_at_every_instant() -> None:
    behind = np.random.default_rng(3).integers(0, 256, (20, 30, 3), np.uint8)
    with opened(Replace(), "fake") as it:
        it(**subject(), behind=behind)
        assert it.stage.launches() is not None
        out = it(**subject(), behind=behind)
    np.testing.assert_array_equal(out, run_stage(Replace(), "cpu", **subject(), behind=behind))
