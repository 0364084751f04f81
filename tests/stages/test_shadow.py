"""The shadow of a subject, measured against scenes whose shadow is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bgflow.stage import Stage
from bgflow.stages.compose import Replace
from bgflow.stages.mog import Mask, Running
from bgflow.stages.plate import Mask as Plate
from bgflow.stages.shadow import Cast, Keep
from bgflow.stages.synth import Source
from bgflow.testing import opened, run_stage
from tests.stages.replaying import same

Picture = np.ndarray[Any, Any]
COMMON: dict[str, Any] = {"width": 480, "height": 270, "enter": 30, "seed": 7, "noise": 1.0}


def scene(shadow: float, judge: Stage | None, frames: int = 55, **params: Any) -> dict[str, Picture]:
    """The last of some frames, its plate, the light that the shadow leaves, and the label, the true or a judge's."""
    with opened(Source(**COMMON, shadow=shadow, **params)) as source:
        made = [{k: v.copy() for k, v in source.stage.render(n).items()} for n in (*range(frames), 70)]  # type: ignore[attr-defined]
    last = made[-1]
    empty = made[0]["plate"]
    if isinstance(judge, Plate):
        last["label"] = run_stage(judge, image=last["image"], plate=empty)["label"]
    elif judge is not None:
        with opened(judge) as it:
            for of in made:
                last["label"] = it(image=of["image"])["label"]
    lit = last["plate"].astype(float).sum(-1) / empty.astype(float).sum(-1)
    return {**last, "plate": empty, "light": lit}


def cast(of: dict[str, Picture], on: str = "cpu", **params: Any) -> Picture:
    names = ("image", "plate", "label", "alpha")
    return np.array(run_stage(Cast(**params), on, **{name: of[name] for name in names}))


@pytest.mark.parametrize("judge", [None, Mask(), Running()])
def test_the_cast_light_is_the_true_one_to_two_hundredths(judge: Stage | None) -> None:
    of = scene(0.45, judge)
    wrong = np.abs(cast(of) - of["light"])
    seen = of["alpha"] < 0.98
    assert wrong[seen & (of["light"] < 0.95)].mean() < 0.02
    assert wrong[seen & (of["light"] > 0.98)].mean() < 0.002


def test_with_a_plate_a_shadow_as_deep_as_the_plate_allows_is_cast_as_well() -> None:
    of = scene(0.25, Plate())
    wrong = np.abs(cast(of) - of["light"])[of["alpha"] < 0.98]
    assert wrong[of["light"][of["alpha"] < 0.98] < 0.95].mean() < 0.02


def test_at_the_edge_of_the_subject_there_is_no_gap() -> None:
    of = scene(0.45, None)
    wrong = np.abs(cast(of) - of["light"])
    edge = (of["alpha"] > 0.02) & (of["alpha"] < 0.98)
    assert wrong[edge].mean() < 0.05


def test_the_new_background_is_as_dark_as_the_old_one_was() -> None:
    of = scene(0.45, Running())
    white = np.full_like(of["image"], 200)
    out = run_stage(Replace(), image=of["image"], alpha=of["alpha"], behind=white, shade=cast(of))["out"]
    far = of["alpha"] == 0
    assert np.abs(out[..., 0] / 200 - of["light"])[far].mean() < 0.005


def test_it_is_the_same_on_another_device() -> None:
    of = scene(0.45, None, frames=1)
    np.testing.assert_array_equal(cast(of, "fake"), cast(of))


def test_blur_softens_and_strength_deepens_the_shadow() -> None:
    of = scene(0.3, None, frames=1)
    plain, soft, deep = cast(of), cast(of, blur=3.0), cast(of, strength=1.5)
    assert np.abs(np.diff(soft)).max() < np.abs(np.diff(plain)).max() / 2
    assert soft.mean() == pytest.approx(plain.mean(), abs=0.01)
    np.testing.assert_allclose(1 - deep, 1.5 * (1 - plain), atol=1e-5)


def test_a_kept_shadow_is_in_the_matte_beside_the_subject() -> None:
    of = scene(0.45, None, frames=1)
    kept = run_stage(Keep(), label=of["label"], alpha=of["alpha"])
    shadow = of["label"] == 127
    assert kept[shadow].mean() > 0.9
    assert kept[(of["label"] == 0) & (of["alpha"] == 0)].mean() < 0.01
    assert (kept[of["alpha"] > 0.5] >= of["alpha"][of["alpha"] > 0.5]).all()


def test_no_memory_of_frame_size_is_taken_after_the_first_frame() -> None:
    of = scene(0.3, None, frames=1)
    inputs: dict[str, Any] = {name: of[name] for name in ("image", "plate", "label", "alpha")}
    with opened(Cast(blur=2.0)) as it:
        it(**inputs)
        held = {name: id(array) for name, array in it.ctx._scratch.items()}
        made = [pool.allocations for pool in it.ctx._pools.values()]
        it(**inputs)
        assert {name: id(array) for name, array in it.ctx._scratch.items()} == held
        assert [pool.allocations for pool in it.ctx._pools.values()] == made


@pytest.mark.parametrize(("kind", "params"), [(Cast, {}), (Cast, {"blur": 3.0}), (Keep, {}), (Keep, {"strength": 0.5})])
def test_launches_that_are_replayed_give_the_same_bits(kind: Any, params: dict[str, Any]) -> None:
    of = scene(0.45, None, frames=1)
    ports = kind.inputs
    it = same(kind, [{name: np.roll(of[name], 9 * n, 1) for name in ports} for n in range(5)], **params)
    assert it.answers == [()] * 5
    assert it.replays == 4
    assert {(work.ups, work.downs) for work in it.work} == {it.stage.copies()} == {(0, 0)}
