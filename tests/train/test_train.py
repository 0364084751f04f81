"""`bgflow train`: what it prints, what it refuses, and that its model is worth more than a threshold."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bgflow.stages.plate import Net
from bgflow.stages.synth import Source
from bgflow.testing import opened
from tests.commandline import bgflow

HARD: dict[str, Any] = {"width": 320, "height": 240, "noise": 8.0, "shadow": 0.5, "size": 0.7}
LIGHTS = (-0.8, 0.3, 0.8)  # EV


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BGFLOW_MODELS", str(tmp_path / "store"))
    return tmp_path / "store"


def test_without_pytorch_it_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bgflow.train.find_spec", lambda name: None)
    told = bgflow("train", "plate", "--synth", "--name", "mine")
    assert (told.code, told.err) == (2, "training needs PyTorch: pip install 'bgflow[train]'\n")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (
            ["plate", "--name", "mine"],
            "there is nothing to train on; give --synth, --sets DIR, or --images DIR and --masks DIR\n",
        ),
        (
            ["plate", "--name", "mine", "--synth", "--minutes", "1", "--steps", "2"],
            "--minutes and --steps are two ways to say how long; give one of them\n",
        ),
        (["plate", "--name", "plate", "--synth"], "'plate' is a built-in model; choose another name\n"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(tmp_path: Path, args: list[str], told: str) -> None:
    pytest.importorskip("torch")
    answer = bgflow("train", *args, "--out", tmp_path / "out")
    assert (answer.code, answer.err) == (2, told)


def scenes(seeds: range) -> list[dict[str, Any]]:
    """Held-out scenes, each in another light than its plate, with noise and shadows; plates are of another instant."""
    out = []
    for seed in seeds:
        with opened(Source(**HARD, exposure=LIGHTS[seed % 3], seed=seed), wired={"image", "alpha"}) as source:
            stage: Any = source.stage
            scene = {k: v.copy() for k, v in stage.render(20 + seed).items()}
        with opened(Source(**{**HARD, "subjects": 0}, seed=seed), wired={"image"}) as source:
            stage = source.stage
            out.append({**scene, "plate": stage.render(3)["image"].copy()})
    return out


def subject(seen: list[dict[str, Any]]) -> Any:
    """Where the subject is."""
    return np.stack([s["alpha"] for s in seen]) > 0.5


def apart(seen: list[dict[str, Any]]) -> Any:
    """How far pictures are from their plates, in levels."""
    return np.stack([np.abs(s["image"].astype(int) - s["plate"]).max(2) for s in seen])


def overlap(found: Any, true: Any) -> float:
    """Intersection over union."""
    return float((found & true).sum() / (found | true).sum())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_short_training_on_synth_beats_a_fixed_threshold_on_held_out_scenes(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from bgflow.train.exam import best_threshold

    told = bgflow("train", "plate", "--synth", "--steps", "600", "--name", "mine", "--out", tmp_path / "out")
    assert told.code == 0, told.err
    iou, fixed = (float(v) for v in re.findall(r"(?:IoU|has) (0\.\d+)", told.out))
    assert iou > fixed
    held_out, others = scenes(range(1000, 1012)), scenes(range(2000, 2012))
    true = subject(held_out)
    with opened(Net(model="mine")) as net:
        found = np.stack([net(image=s["image"], plate=s["plate"]) for s in held_out]) > 0.5
    level = best_threshold(apart(others), subject(others))[0]
    assert overlap(found, true) > overlap(apart(held_out) >= level, true)
