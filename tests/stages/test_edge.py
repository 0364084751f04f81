"""Cleaning a matte up and fitting its edge to the picture."""

import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bgflow.errors import UsageError
from bgflow.stages.edge import Matte, Refine
from bgflow.stages.synth import Source
from bgflow.testing import opened, run_stage
from tests.stages.replaying import replaying, same

OFF: dict[str, Any] = {"despeckle": 0, "grow": 0, "radius": 0, "sharpen": 0, "feather": 0}
Picture = np.ndarray[Any, Any]


def scene(h: int = 180, **params: Any) -> dict[str, Picture]:
    """A person, with the truth."""
    with opened(Source(width=h * 16 // 9, height=h, **params)) as source:
        return {k: np.array(v) for k, v in source.stage.render(40).items()}  # type: ignore[attr-defined]


def coarse(alpha: Picture, k: int) -> Picture:
    """The matte as a small network gives it: averaged over cells of k by k, and interpolated."""
    h, w = (n // k * k for n in alpha.shape)
    small = alpha[:h, :w].reshape(h // k, k, w // k, k).mean((1, 3))
    at = [np.clip((np.arange(n) + 0.5) / k - 0.5, 0, n // k - 1) for n in alpha.shape]
    rows = np.stack([np.interp(at[0], np.arange(h // k), small[:, x]) for x in range(w // k)], 1)
    return np.stack([np.interp(at[1], np.arange(w // k), row) for row in rows]).astype(np.float32)


def iou(a: Picture, b: Picture) -> float:
    a, b = a > 0.5, b > 0.5
    return float((a & b).sum() / (a | b).sum())


@pytest.mark.parametrize("on", ["cpu", "fake"])
def test_a_coarse_matte_comes_nearer_to_the_truth(on: str) -> None:
    of = scene(360)
    rough = coarse(of["alpha"], 8)
    fine = run_stage(Refine(radius=1, sharpen=1), on, image=of["image"], alpha=rough)
    assert np.abs(fine - of["alpha"]).mean() < 0.35 * np.abs(rough - of["alpha"]).mean()
    assert iou(fine, of["alpha"]) > 0.99 > iou(rough, of["alpha"]) - 0.005


def test_with_everything_off_the_matte_passes_unchanged() -> None:
    of = scene()
    alpha = coarse(of["alpha"], 6)
    np.testing.assert_allclose(run_stage(Refine(**OFF), image=of["image"], alpha=alpha), alpha, atol=1e-6)


@pytest.mark.parametrize("change", [{}, {"grow": 1.0}, {"grow": -1.0}, {"feather": 2.0}, {"radius": 3.0}])
def test_far_from_any_edge_nothing_changes(change: dict[str, Any]) -> None:
    h, w = 270, 480
    alpha = np.zeros((h, w), np.float32)
    alpha[:, 240:] = 1
    image = np.random.default_rng(0).integers(0, 256, (h, w, 3), np.uint8)
    fine = run_stage(Refine(**change), image=image, alpha=alpha)
    reach = 40
    assert np.abs(fine[:, : 240 - reach]).max() < 1e-3
    assert np.abs(1 - fine[:, 240 + reach :]).max() < 1e-3


@pytest.mark.parametrize("change", [{}, {"grow": 1.0}, {"grow": -1.0}, {"feather": 1.0}, {"radius": 2.0}])
def test_the_result_does_not_depend_on_the_resolution(change: dict[str, Any]) -> None:
    large, small = scene(720), scene(360)
    fine = [
        run_stage(Refine(**change), image=of["image"], alpha=coarse(of["alpha"], k))
        for of, k in ((large, 8), (small, 4))
    ]
    halved = fine[0].reshape(360, 2, 640, 2).mean((1, 3))
    assert iou(halved, fine[1]) >= 0.99


def test_growing_and_shrinking_move_the_edge_by_their_share_of_the_height() -> None:
    alpha = np.zeros((200, 300), np.float32)
    alpha[50:150, 100:200] = 1
    image = np.zeros((200, 300, 3), np.uint8)
    for grow in (-2.0, 2.0):
        moved = run_stage(Refine(**{**OFF, "grow": grow}), image=image, alpha=alpha)
        assert moved[100].sum() == 100 + 2 * grow / 100 * 200


def test_feathering_widens_the_edge_and_keeps_its_middle() -> None:
    alpha = np.zeros((200, 300), np.float32)
    alpha[:, 150:] = 1
    soft = run_stage(Refine(**{**OFF, "feather": 4.0}), image=np.zeros((200, 300, 3), np.uint8), alpha=alpha)[100]
    assert soft[150 - 9] == 0
    assert soft[150 + 8] == 1
    assert 0 < soft[150 - 7] < soft[150] < soft[150 + 6] < 1
    assert soft[149] + soft[150] == pytest.approx(1, abs=1e-5)


def test_specks_go_and_holes_are_filled() -> None:
    alpha = np.zeros((200, 300), np.float32)
    alpha[60:180, 100:200] = 1
    alpha[100:104, 150:154] = 0
    alpha[20:24, 20:24] = 1
    clean = run_stage(Refine(**{**OFF, "despeckle": 0.1}), image=np.zeros((200, 300, 3), np.uint8), alpha=alpha)
    assert clean[22, 22] == 0
    assert clean[102, 152] == 1
    assert clean.sum() == 120 * 100


@settings(max_examples=20, deadline=None)
@given(
    h=st.integers(1, 40),
    w=st.integers(1, 40),
    despeckle=st.sampled_from([0, 0.1, 10]),
    grow=st.sampled_from([-10, 0, 0.1, 10]),
    radius=st.sampled_from([0, 1, 20]),
    subsample=st.sampled_from([1, 4, 16]),
    feather=st.sampled_from([0, 0.1, 10]),
    seed=st.integers(0, 9),
)
def test_any_size_and_any_parameters_give_a_matte(h: int, w: int, seed: int, **params: Any) -> None:
    rng = np.random.default_rng(seed)
    image, alpha = rng.integers(0, 256, (h, w, 3), np.uint8), rng.random((h, w), np.float32)
    before = alpha.copy()
    fine = run_stage(Refine(**params), image=image, alpha=alpha)
    assert fine.shape == (h, w)
    assert np.isfinite(fine).all()
    assert fine.min() >= -1e-5
    assert fine.max() <= 1 + 1e-5
    assert np.array_equal(alpha, before)


def test_parameters_may_change_between_frames() -> None:
    of = scene()
    with opened(Refine(**OFF)) as edge:
        plain = np.array(edge(image=of["image"], alpha=of["alpha"]))
        edge.stage.feather = 5.0  # type: ignore[attr-defined]
        assert not np.allclose(edge(image=of["image"], alpha=of["alpha"]), plain)


def test_no_memory_of_frame_size_is_taken_after_the_first_frame() -> None:
    of = scene()
    with opened(Refine(grow=1, feather=1)) as edge:
        edge(image=of["image"], alpha=of["alpha"])
        scratch = {k: id(v) for k, v in edge.ctx._scratch.items()}
        made = [p.allocations for p in edge.ctx._pools.values()]
        for _ in range(3):
            edge(image=of["image"], alpha=of["alpha"])
        assert {k: id(v) for k, v in edge.ctx._scratch.items()} == scratch
        assert [p.allocations for p in edge.ctx._pools.values()] == made


@pytest.mark.parametrize("on", ["cpu", "fake"])
@pytest.mark.parametrize("background", ["room", "textured"])
def test_matte_finds_hair_that_a_refined_matte_misses(on: str, background: str) -> None:
    of = scene(360, hair=0.8, background=background)
    refined = run_stage(Refine(radius=1, sharpen=1), on, image=of["image"], alpha=coarse(of["alpha"], 8))
    fine = run_stage(Matte(), on, image=of["image"], alpha=refined)
    assert np.square(fine - of["alpha"]).mean() < 0.85 * np.square(refined - of["alpha"]).mean()


def test_matte_takes_no_memory_after_the_first_frame_and_follows_its_budget() -> None:
    of = scene(hair=0.8)
    with opened(Matte()) as matte:
        first = np.array(matte(image=of["image"], alpha=of["alpha"]))
        scratch = {k: id(v) for k, v in matte.ctx._scratch.items()}
        matte(image=of["image"], alpha=of["alpha"])
        assert {k: id(v) for k, v in matte.ctx._scratch.items()} == scratch
        matte.stage.budget = 160  # type: ignore[attr-defined]
        few = matte(image=of["image"], alpha=of["alpha"])
        assert 0 < (few != of["alpha"]).sum() <= 160 < (first != of["alpha"]).sum()


def test_closed_form_finds_hair_and_passes_an_empty_matte_on() -> None:
    pytest.importorskip("pymatting")
    of = scene(hair=0.8)
    rough = coarse(of["alpha"], 6)
    fine = run_stage(Matte(quality="closed-form", band=3), image=of["image"], alpha=rough)
    hair = np.s_[:40]  # rows
    assert np.square(fine - of["alpha"])[hair].mean() < 0.5 * np.square(rough - of["alpha"])[hair].mean()
    empty = np.zeros_like(rough)
    np.testing.assert_array_equal(run_stage(Matte(quality="closed-form"), image=of["image"], alpha=empty), empty)


def test_closed_form_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymatting", None)
    with pytest.raises(UsageError) as e, opened(Matte(quality="closed-form")):
        pass
    assert str(e.value) == "edge.matte: closed-form needs pymatting; pip install 'bgflow[matting]'"


@pytest.mark.parametrize(
    ("kind", "params"),
    [(Refine, {}), (Refine, OFF), (Refine, {"grow": 1.0, "feather": 1.0, "radius": 2.0}), (Matte, {"budget": 2000})],
)
def test_launches_that_are_replayed_give_the_same_bits(kind: Any, params: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    of = scene()
    clip = [{"image": np.roll(of["image"], n, 1), "alpha": np.roll(coarse(of["alpha"], 6), n, 1)} for n in range(6)]
    clip.append({"image": of["image"], "alpha": rng.random(of["alpha"].shape, np.float32)})
    it = same(kind, clip, **params)
    assert it.answers == [()] * 7
    assert it.replays == 6
    assert {(work.ups, work.downs) for work in it.work} == {it.stage.copies()} == {(0, 0)}


def test_closed_form_copies_picture_and_trimap_to_the_host_and_the_matte_back_and_is_not_replayed() -> None:
    pytest.importorskip("pymatting")
    of = scene(90)
    with replaying(Matte(quality="closed-form")) as it:
        for _ in range(2):
            it(image=of["image"], alpha=coarse(of["alpha"], 6))
        assert {(work.ups, work.downs) for work in it.work} == {it.stage.copies()} == {(1, 2)}
    assert it.answers == [None] * 2
