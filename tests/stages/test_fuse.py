"""A network and a background model made into one matte."""

from typing import Any

import numpy as np
import pytest

from bgflow.stages.fuse import Mask
from bgflow.stages.mog import Mask as Mog
from bgflow.stages.synth import Source
from bgflow.testing import opened, run_stage
from tests.stages.test_edge import coarse

Picture = np.ndarray[Any, Any]
H, W = 180, 320
EVERY = 5  # the network answers for every fifth frame only


def f_measure(a: Picture, truth: Picture) -> float:
    a, truth = a >= 0.5, truth >= 0.5
    hit = float((a & truth).sum())
    return 2 * hit / float(a.sum() + truth.sum())


def filmed(count: int, **params: Any) -> list[dict[str, Picture]]:
    """A person who comes in and moves: the truth, a stale and coarse network's matte, and a mixture model's label."""
    found = []
    source = Source(width=W, height=H, seed=2, enter=60, speed=2.0, noise=3.0, shadow=0.3, count=count, **params)
    with opened(source, wired={"image", "alpha"}) as scene, opened(Mog(), wired={"label"}) as mog:
        net = np.zeros((H, W), np.float32)
        for n, out in scene.frames():
            if n % EVERY == 0:
                net = coarse(out["alpha"], 10)
            label = np.array(mog(image=out["image"])["label"])
            found.append({"alpha": net, "label": label, "truth": np.array(out["alpha"])})
    return found[90:]


@pytest.fixture(scope="module")
def clip() -> list[dict[str, Picture]]:
    return filmed(130)


def assert_better_than_each_alone(clip: list[dict[str, Picture]], by: float) -> None:
    scores = []
    with opened(Mask()) as fuse:
        for of in clip:
            mattes = fuse(alpha=of["alpha"], label=of["label"]), of["alpha"], of["label"] == 255
            scores.append([f_measure(matte, of["truth"]) for matte in mattes])
    fused, network, model = np.mean(scores, 0)
    assert fused > max(network, model) + by


def test_together_they_beat_each_alone(clip: list[dict[str, Picture]]) -> None:
    assert_better_than_each_alone(clip, 0.01)


@pytest.mark.parametrize("change", [{"exposure": 0.7, "exposure_at": 100}, {"background": "textured"}])
def test_they_do_so_after_a_change_of_light_and_before_a_busy_wall(change: dict[str, Any]) -> None:
    assert_better_than_each_alone(filmed(120, **change), 0.01)


@pytest.mark.parametrize("on", ["cpu", "fake"])
def test_without_a_label_the_matte_passes_unchanged(on: str, clip: list[dict[str, Picture]]) -> None:
    alpha = clip[0]["alpha"]
    np.testing.assert_allclose(run_stage(Mask(), on, alpha=alpha), alpha, atol=1e-6)


def test_without_trust_the_matte_passes_unchanged(clip: list[dict[str, Picture]]) -> None:
    of = clip[0]
    assert np.array_equal(run_stage(Mask(trust=0), alpha=of["alpha"], label=of["label"]), of["alpha"])


def square() -> tuple[Picture, Picture]:
    """A subject of 100x100 as network and model agree to see it, in a picture of 200x300."""
    alpha = np.zeros((200, 300), np.float32)
    alpha[50:150, 100:200] = 1
    return alpha, (alpha * 255).astype(np.uint8)


def test_what_moves_far_from_the_subject_is_no_subject() -> None:
    alpha, label = square()
    label[20:40, 240:280] = 255
    assert np.array_equal(run_stage(Mask(smooth=0), alpha=alpha, label=label) >= 0.5, alpha >= 0.5)


def test_what_the_model_does_not_see_deep_inside_stays_subject() -> None:
    alpha, label = square()
    label[80:120, 130:170] = 0
    assert np.array_equal(run_stage(Mask(smooth=0), alpha=alpha, label=label) >= 0.5, alpha >= 0.5)


def test_a_shadow_is_no_subject() -> None:
    alpha, label = square()
    label[50:150, 200:210] = 127
    fused = run_stage(Mask(reach=5), alpha=alpha, label=label)
    assert (fused[60:140, 203:] == 0).all()


def test_near_the_edge_the_model_decides() -> None:
    alpha, label = square()
    label[50:150, 200:204] = 255
    label[50:150, 100:104] = 0
    fused = run_stage(Mask(reach=3, smooth=0, trust=1), alpha=alpha, label=label)
    assert (fused[60:140, 200:204] >= 0.5).all()
    assert (fused[60:140, 100:104] < 0.5).all()


def test_a_model_that_has_got_used_to_the_subject_takes_nothing_away() -> None:
    alpha, _ = square()
    label = np.zeros((200, 300), np.uint8)
    assert np.array_equal(run_stage(Mask(), alpha=alpha, label=label) >= 0.5, alpha >= 0.5)


def test_a_model_that_takes_a_change_of_light_for_a_crowd_adds_nothing() -> None:
    alpha, _ = square()
    label = np.full((200, 300), 255, np.uint8)
    assert np.array_equal(run_stage(Mask(), alpha=alpha, label=label) >= 0.5, alpha >= 0.5)


@pytest.mark.parametrize(("h", "w"), [(1, 1), (1, 7), (33, 5)])
def test_any_size_works(h: int, w: int) -> None:
    fused = run_stage(Mask(), alpha=np.ones((h, w), np.float32), label=np.zeros((h, w), np.uint8))
    assert fused.shape == (h, w)
