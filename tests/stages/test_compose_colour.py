"""Colours and light of a composed picture: the subject's own ones, and what the new background does to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.kernels import over
from bgflow.stages.compose import Alpha, Blur, Replace
from bgflow.stages.synth import Source
from bgflow.testing import opened as any_opened
from tests.stages.test_compose import opened, run_stage

Picture = np.ndarray[Any, Any]
EXTRAS = ("match", "wrap", "contact", "linear")


def green_screen(hair: float = 0.8) -> tuple[Picture, Picture, Picture]:
    """A person before green: picture, alpha, and the true colours."""
    with any_opened(Source(width=320, height=180, seed=7, hair=hair, edge=3)) as source:
        of = {k: np.array(v) for k, v in source.stage.render(40).items()}  # type: ignore[attr-defined]
    a = of["alpha"][..., None].astype(float)
    return np.rint(a * of["foreground"] + (1 - a) * (0, 177, 64)).astype(np.uint8), of["alpha"], of["foreground"]


def noisy(h: int, w: int, seed: int) -> dict[str, Picture]:
    rng = np.random.default_rng(seed)
    alpha = np.clip(rng.uniform(-0.5, 1.5, (h, w)), 0, 1).astype(np.float32)
    return {"image": rng.integers(0, 256, (h, w, 3), np.uint8), "alpha": alpha}


@pytest.mark.parametrize("on", ["cpu", "fake"])
def test_green_is_gone_from_the_edge_on_white_to_two_levels(on: str) -> None:
    image, alpha, truth = green_screen()
    soft = (alpha > 0) & (alpha < 1)
    a = alpha[..., None].astype(float)
    exact = (a * truth + (1 - a) * 255)[soft]
    clean, raw = (
        np.sqrt(
            np.square(run_stage(Replace(background="white", **p), on, image=image, alpha=alpha)[soft] - exact).mean()
        )
        for p in ({}, {"decontaminate": 0})
    )
    assert clean <= 2 < 10 < raw


def test_a_straight_picture_stores_the_subjects_own_colours() -> None:
    image, alpha, truth = green_screen()
    layer = run_stage(Alpha(), image=image, alpha=alpha)
    shows = (alpha > 0.3) & (alpha < 1)
    assert np.abs(layer[shows][:, :3].astype(int) - truth[shows]).mean() < 3
    assert np.abs(image[shows].astype(int) - truth[shows]).mean() > 15


def test_a_blurred_background_of_another_colour_gets_no_rim_of_the_sharp_one() -> None:
    image, alpha, truth = green_screen()
    soft = (alpha > 0.1) & (alpha < 0.9)
    a = alpha[soft][:, None].astype(float)
    exact = a * truth[soft] + (1 - a) * (0, 177, 64)
    out = run_stage(Blur(radius=5), image=image, alpha=alpha)[soft]
    assert np.abs(out - exact).mean() < 2
    raw = run_stage(Blur(radius=5, decontaminate=0), image=image, alpha=alpha)[soft]
    assert np.abs(raw - exact).mean() > 8


@settings(deadline=None, max_examples=25)
@given(h=st.integers(1, 40), w=st.integers(1, 40), seed=st.integers(0, 99))
def test_strengths_of_0_give_the_plain_composite_bit_by_bit(h: int, w: int, seed: int) -> None:
    of = noisy(h, w, seed)
    behind = noisy(h, w, seed + 1)["image"]
    want = np.empty_like(behind)
    over.replace(of["image"], of["alpha"], behind, want)
    zero = dict.fromkeys((*EXTRAS, "decontaminate"), 0.0)
    np.testing.assert_array_equal(run_stage(Replace(**zero), **of, behind=behind), want)
    lit = np.ones((h, w), np.float32)
    np.testing.assert_array_equal(run_stage(Replace(**zero), **of, behind=behind, shade=lit), want)


@settings(deadline=None, max_examples=25)
@given(
    h=st.integers(1, 40), w=st.integers(1, 40), seed=st.integers(0, 99),
    background=st.sampled_from(["red", "gallery:mist"]),
    strengths=st.lists(st.sampled_from([0.0, 0.3, 1.0]), min_size=4, max_size=4),
)  # fmt: skip
def test_alpha_0_is_all_background_and_alpha_1_all_subject(
    h: int, w: int, seed: int, background: str, strengths: list[float]
) -> None:
    of = noisy(h, w, seed)
    params: Any = dict(zip(EXTRAS, strengths, strict=True))
    out = run_stage(Replace(background=background, **params), **of)
    plain = run_stage(Replace(background=background), **of)
    none, full = of["alpha"] == 0, of["alpha"] == 1
    if not params["contact"]:
        np.testing.assert_array_equal(out[none], plain[none])
    assert (out[none] <= plain[none]).all()
    if not params["match"] and not params["wrap"]:
        np.testing.assert_array_equal(out[full], of["image"][full])
    if not params["match"]:
        assert (out[full] >= of["image"][full]).all()


@pytest.mark.parametrize("on", ["cpu", "fake"])
@pytest.mark.parametrize("background", ["#c08040", "gallery:dusk"])
def test_shade_darkens_the_background_and_not_the_subject(on: str, background: str) -> None:
    of = noisy(36, 64, 3)
    stage = Replace(background=background)
    plain = run_stage(stage, on, **of).astype(float)
    dark = run_stage(stage, on, **of, shade=np.full((36, 64), 0.5, np.float32))
    none, full = of["alpha"] == 0, of["alpha"] == 1
    np.testing.assert_array_equal(dark[full], of["image"][full])
    assert np.abs(dark[none] - plain[none] * 0.5).max() <= 0.5


def test_the_match_does_not_jump_when_the_background_does() -> None:
    of = {"image": np.full((64, 96, 3), 120, np.uint8), "alpha": np.ones((64, 96), np.float32)}
    dark, bright = (np.full((64, 96, 3), v, np.uint8) for v in (40, 220))
    with opened(Replace(match=1)) as stage:
        levels = [float(stage(**of, behind=b).mean()) for b in (dark, dark, bright, bright, *[bright] * 150)]
    assert levels[0] == levels[1] == pytest.approx(40, abs=1)
    assert 40 < levels[2] < levels[3] < 60
    assert levels[-1] == pytest.approx(220, abs=1)


def test_the_match_begins_anew_after_it_was_off() -> None:
    of = {"image": np.full((64, 96, 3), 120, np.uint8), "alpha": np.ones((64, 96), np.float32)}
    with opened(Replace(match=1, background="#282828")) as stage:
        stage(**of)
        stage.stage.match = 0.0  # type: ignore[attr-defined]
        assert (stage(**of) == 120).all()
        stage.stage.match, stage.stage.background = 1.0, "#dcdcdc"  # type: ignore[attr-defined]
        assert stage(**of).mean() == pytest.approx(220, abs=1)


def test_with_all_extras_on_no_memory_is_taken_after_the_first_frame() -> None:
    of = noisy(36, 64, 3)
    with opened(Replace(background="gallery:dusk", match=1, wrap=1, contact=1, linear=1)) as stage:
        stage(**of)
        scratch = {k: id(v) for k, v in stage.ctx._scratch.items()}
        stage(**of)
        assert {k: id(v) for k, v in stage.ctx._scratch.items()} == scratch
