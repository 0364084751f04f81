"""A network and a background model made into one matte."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from bgflow.stages.fuse import Freeze, Mask
from bgflow.stages.mog import Running
from bgflow.stages.samples import Mask as Samples
from bgflow.stages.synth import Source
from bgflow.testing import Opened, opened, run_stage
from tests.stages.replaying import replaying, same
from tests.stages.test_edge import coarse

Picture = np.ndarray[Any, Any]
H, W = 180, 320
EVERY = 5  # the network answers for every fifth frame only
NOBODY = np.zeros((200, 300), np.uint8)


def pooled(mattes: list[Picture], truths: list[Picture]) -> float:
    """F over all pixels of a clip."""
    hit = sum(float(((a >= 0.5) & (t >= 0.5)).sum()) for a, t in zip(mattes, truths, strict=True))
    return 2 * hit / sum(float((a >= 0.5).sum() + (t >= 0.5).sum()) for a, t in zip(mattes, truths, strict=True))


def filmed(count: int, **params: Any) -> tuple[list[dict[str, Picture]], list[Picture]]:
    """A room with a window that the network takes for a subject, and a person who comes in: inputs and truths."""
    inputs, truths = [], []
    scene = {"width": W, "height": H, "seed": 2, "enter": 30, "noise": 3.0, "shadow": 0.3, "count": count}
    with (
        opened(Source(**(scene | params)), wired={"image", "alpha"}) as source,
        opened(Running(), wired={"label"}) as change,
        opened(Freeze()) as freeze,
        opened(Samples(shadow_threshold=0.5), wired={"label"}) as model,
    ):
        net = np.zeros((H, W), np.float32)
        for n, out in source.frames():
            if n % EVERY == 0:
                net = coarse(out["alpha"], 10)
                net[20:60, 20:60] = 1
            held = freeze(alpha=net, label=change(image=out["image"])["label"])
            label = np.array(model(image=out["image"], freeze=held)["label"])
            inputs.append({"alpha": net, "label": label, "image": np.array(out["image"])})
            truths.append(np.array(out["alpha"]))
    return inputs, truths


def through(stage: Mask, inputs: list[dict[str, Picture]]) -> list[Picture]:
    with opened(stage, wired={"alpha"}) as fuse:
        return [np.array(fuse(**of)["alpha"]) for of in inputs]


@pytest.mark.parametrize("change", [{}, {"exposure": 0.7, "exposure_at": 70}, {"background": "textured"}, {"speed": 0}])
def test_together_they_leave_less_than_half_of_the_errors_of_each_alone(change: dict[str, Any]) -> None:
    inputs, truths = filmed(90, **change)
    fused = pooled(through(Mask(overrule=1, fill=0), inputs)[1:], truths[1:])
    network = pooled([of["alpha"] for of in inputs[1:]], truths[1:])
    model = pooled([(of["label"] == 255).astype(np.float32) for of in inputs[1:]], truths[1:])
    assert 1 - fused < 0.5 * (1 - network)
    assert fused > model - 0.005


@pytest.mark.parametrize("on", ["cpu", "fake"])
def test_without_votes_the_matte_passes_unchanged_to_the_bit(on: str) -> None:
    alpha = np.random.default_rng(0).random((33, 47), np.float32)
    image = np.zeros((33, 47, 3), np.uint8)
    assert np.array_equal(run_stage(Mask(), on, alpha=alpha, image=image)["alpha"], alpha)


def test_without_trust_the_matte_passes_unchanged_to_the_bit() -> None:
    inputs, _ = filmed(40)
    for of, fused in zip(inputs, through(Mask(trust=0, overrule=1), inputs), strict=True):
        assert np.array_equal(fused, of["alpha"])


def test_pictures_that_have_nothing_in_common_pass_unchanged_to_the_bit() -> None:
    rng = np.random.default_rng(0)
    with opened(Samples(), wired={"label"}) as model, opened(Mask(overrule=1), wired={"alpha"}) as fuse:
        for _ in range(5):
            image = rng.integers(0, 256, (90, 160, 3), np.uint8)
            alpha = rng.random((90, 160), np.float32)
            label = model(image=image)["label"]
            assert np.array_equal(fuse(alpha=alpha, label=label, image=image)["alpha"], alpha)


def square() -> Picture:
    """A subject of 100x100 as a network sees it, in a picture of 200x300."""
    alpha = np.zeros((200, 300), np.float32)
    alpha[50:150, 100:200] = 1
    return alpha


def voted(alpha: Picture) -> Picture:
    return (alpha * 255).astype(np.uint8)


@contextmanager
def calm(**params: Any) -> Iterator[Opened]:
    """A stage that has seen the empty room, and believes the model."""
    with opened(Mask(smooth=0, **params)) as fuse:
        for _ in range(3):
            fuse(alpha=np.zeros((200, 300), np.float32), label=NOBODY)
        yield fuse


def fused(alpha: Picture, label: Picture, **params: Any) -> Picture:
    with calm(**params) as fuse:
        return np.array(fuse(alpha=alpha, label=label)["alpha"])


def test_a_car_that_the_network_does_not_see_is_no_subject() -> None:
    alpha, label = square(), voted(square())
    label[20:40, 240:280] = 255
    assert np.array_equal(fused(alpha, label) >= 0.5, alpha >= 0.5)


def test_a_network_that_finds_no_cars_has_no_say_in_the_end() -> None:
    car, nothing = NOBODY.copy(), np.zeros((200, 300), np.float32)
    car[60:100, 100:130] = 255
    with calm() as fuse:
        for _ in range(100):
            found = fuse(alpha=nothing, label=car)["alpha"]
        assert np.array_equal(found >= 0.5, car == 255)


def test_an_arm_that_the_network_misses_comes_with_the_body() -> None:
    alpha, label = square(), voted(square())
    label[90:110, 200:260] = 255
    assert (fused(alpha, label)[92:108, 200:256] >= 0.5).all()


def test_a_shirt_in_the_colour_of_the_wall_stays() -> None:
    label = voted(square())
    label[80:120, 130:170] = 0
    for params in ({}, {"overrule": 1, "nearby": 15}):
        assert (fused(square(), label, **params)[80:120, 130:170] >= 0.5).all()


def test_a_window_goes_where_the_model_may_overrule() -> None:
    assert (fused(square(), NOBODY) >= 0.5).any()
    assert not (fused(square(), NOBODY, overrule=1) >= 0.5).any()


def test_what_was_denied_stays_so_while_the_light_changes() -> None:
    with calm(overrule=1) as fuse:
        fuse(alpha=square(), label=NOBODY)
        after = fuse(alpha=square(), label=np.full((200, 300), 255, np.uint8))["alpha"]
        assert not (after >= 0.5).any()


def test_a_shadow_is_no_subject() -> None:
    alpha, label = square(), voted(square())
    alpha[50:150, 200:203] = 1
    label[50:150, 200:203] = 127
    assert (fused(alpha, label)[60:140, 200:203] < 0.5).all()


def test_a_model_that_takes_a_change_of_light_for_a_crowd_changes_nothing() -> None:
    assert np.array_equal(fused(square(), np.full((200, 300), 255, np.uint8)), square())


def test_a_plate_is_evidence_like_any_model() -> None:
    label = np.roll(voted(square()), 2, axis=1)
    with calm() as fuse, calm() as other:
        by_label = fuse(alpha=square(), label=label)["alpha"]
        assert np.array_equal(other(alpha=square(), evidence=label.astype(np.float32) / 255)["alpha"], by_label)


def test_a_model_whose_evidence_of_a_background_is_not_quite_none_is_believed_all_the_same() -> None:
    with opened(Mask(overrule=1)) as fuse:
        for _ in range(3):
            found = fuse(alpha=square(), label=NOBODY, evidence=np.full((200, 300), 0.2, np.float32))["alpha"]
    assert not (found >= 0.5).any()


def test_the_answer_to_constant_inputs_is_constant() -> None:
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (200, 300, 3), np.uint8)
    with calm(overrule=1) as fuse:
        first, *rest = (np.array(fuse(alpha=square(), label=voted(square()), image=image)["alpha"]) for _ in range(5))
        assert all(np.array_equal(first, other) for other in rest)


def test_it_is_sure_where_both_agree_and_not_where_they_contradict() -> None:
    label = voted(square())
    label[80:120, 130:170] = 0
    with calm() as fuse:
        confidence = fuse(alpha=square(), label=label)["confidence"]
    assert (confidence[80:120, 130:170] <= 0.5).all()
    assert (confidence[55:75, 105:195] == 1).all()
    assert (confidence[:30] == 1).all()


@pytest.mark.parametrize(("h", "w"), [(1, 1), (1, 7), (33, 47), (1081, 5)])
def test_any_size_works(h: int, w: int) -> None:
    alpha, label = np.ones((h, w), np.float32), np.zeros((h, w), np.uint8)
    out = run_stage(Mask(overrule=1), alpha=alpha, label=label, image=np.zeros((h, w, 3), np.uint8))
    assert out["alpha"].shape == out["confidence"].shape == (h, w)
    assert run_stage(Freeze(), alpha=alpha, label=label).shape == (h, w)


def test_a_window_is_learned_and_who_comes_in_is_frozen_until_the_network_lets_go() -> None:
    window, both = np.zeros((200, 300), np.float32), square()
    window[:30, :30] = both[:30, :30] = 1
    with opened(Freeze()) as freeze:
        assert not freeze(alpha=window, label=NOBODY).any()
        assert np.array_equal(freeze(alpha=both, label=voted(square())), square())
        assert np.array_equal(freeze(alpha=both, label=NOBODY), square())
        assert not freeze(alpha=window, label=NOBODY).any()
        assert not freeze(alpha=both, label=NOBODY).any()


WIRES = [{"alpha"}, {"alpha", "label"}, {"alpha", "evidence"}, {"alpha", "label", "evidence", "image"}]


@pytest.mark.parametrize("ports", WIRES, ids=lambda ports: "+".join(sorted(ports)))
def test_launches_that_are_replayed_give_the_same_bits(ports: set[str]) -> None:
    inputs = [{**of, "evidence": (of["label"] / np.float32(255))} for of in filmed(50)[0]]
    it = same(Mask, [{port: of[port] for port in ports} for of in inputs])
    assert it.answers == [None] + [()] * 49
    assert it.replays == 48


def test_the_launches_of_a_freeze_that_are_replayed_give_the_same_bits() -> None:
    it = same(Freeze, [{port: of[port] for port in ("alpha", "label")} for of in filmed(50)[0]])
    assert it.answers == [None] + [()] * 49
    assert it.replays == 48


@pytest.mark.parametrize("kind", [Mask, Freeze])
def test_nothing_is_copied_to_or_from_the_host(kind: Any) -> None:
    alpha = np.zeros((90, 160), np.float32)
    with replaying(kind()) as it:
        for _ in range(2):
            it(alpha=alpha, label=np.zeros((90, 160), np.uint8))
        assert {(work.ups, work.downs) for work in it.work} == {it.stage.copies()} == {(0, 0)}
