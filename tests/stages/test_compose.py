"""Composing stages, on every device that needs no hardware."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bgflow.errors import UsageError
from bgflow.kernels import foreground, over
from bgflow.media.background import render
from bgflow.stages.compose import Alpha, Blur, Mask, Replace
from bgflow.testing import opened, run_stage
from tests import media
from tests.kernels.test_blur import scratch

H, W = 36, 64


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


def test_a_still_background_is_fitted_once(tmp_path: Path) -> None:
    saved(tmp_path / "b.png", 50, 90)
    given = subject()
    with opened(Replace(background=str(tmp_path / "b.png"), decontaminate=0), "fake") as stage:
        stage(**given)
        before = stage.ctx.device.launches  # type: ignore[attr-defined]
        stage(**given)
        assert stage.ctx.device.launches == before + 1  # type: ignore[attr-defined]


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
