"""A training stops, goes on and ends as if nothing had happened, and says what it did."""

from __future__ import annotations

import csv
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from bgflow import models  # noqa: E402
from bgflow.errors import ModelError, UsageError  # noqa: E402
from bgflow.train import checkpoint, loop  # noqa: E402
from bgflow.train.assembly import Trained, Wish, run  # noqa: E402
from bgflow.train.data import Data  # noqa: E402
from bgflow.train.exam import best_threshold  # noqa: E402
from bgflow.train.loop import Budget  # noqa: E402

WISH = Wish("plate", Data(synth=True), seed=3, batch=2, exam=4)


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BGFLOW_MODELS", str(tmp_path / "store"))
    return tmp_path / "store"


def trained(folder: Path, steps: int = 6, **more: Any) -> Trained:
    return run(WISH, "mine", folder, Budget(steps=steps), threads=1, **more)


def test_the_same_seed_gives_the_same_model(tmp_path: Path) -> None:
    first, second = trained(tmp_path / "a"), trained(tmp_path / "b")
    assert first.model.sha256 == second.model.sha256
    assert first.iou == second.iou


def test_a_training_that_was_interrupted_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    straight = tmp_path / "straight"
    trained(straight)

    def told(spent: float, text: str) -> None:
        if text.startswith("step 3,"):
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "broken", told=told)
    assert signal.getsignal(signal.SIGINT) is before
    assert checkpoint.load(tmp_path / "broken").step == 3
    trained(tmp_path / "broken", resume=True)
    a, b = (checkpoint.load(folder) for folder in (straight, tmp_path / "broken"))
    assert a.step == b.step == 6
    for name, weights in a.network.items():
        assert torch.equal(weights, b.network[name]), name


def test_the_model_is_registered_with_what_it_was_trained_on(tmp_path: Path, store: Path) -> None:
    done = trained(tmp_path / "a", licence="CC0-1.0")
    entry = models.find("mine")
    assert entry == done.model
    assert entry.path == store / "mine.onnx"
    assert entry.layout.plate
    assert entry.licence == "CC0-1.0"
    assert entry.trained.startswith("synth; 6 steps of 2 in ")
    models.verify(entry)
    assert done.apart < 1e-4


def test_the_curve_has_a_row_a_look_and_a_picture(tmp_path: Path) -> None:
    done = trained(tmp_path / "a")
    rows = list(csv.DictReader((tmp_path / "a" / "curve.csv").open()))
    assert [int(r["step"]) for r in rows] == [1, 2, 3, 4, 5, 6]
    assert max(float(r["validation_iou"]) for r in rows) == pytest.approx(done.iou, abs=1e-5)
    assert (tmp_path / "a" / "curve.svg").read_text().count("<polyline") == 3


def test_a_second_training_does_not_overwrite_the_first(tmp_path: Path) -> None:
    trained(tmp_path / "a", 1)
    with pytest.raises(UsageError, match="holds a training already; go on with --resume, or choose another folder"):
        trained(tmp_path / "a", 1)


def test_going_on_with_other_data_is_refused(tmp_path: Path) -> None:
    trained(tmp_path / "a", 1)
    with pytest.raises(
        UsageError, match=r"was trained with batch 2, not 4; give the same, or begin another with --out"
    ):
        run(Wish("plate", WISH.data, 3, 4, exam=4), "mine", tmp_path / "a", Budget(steps=2), resume=True)


def test_there_must_be_something_to_go_on_with(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"checkpoint.pt does not exist; leave --resume out to begin"):
        trained(tmp_path / "a", resume=True)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / checkpoint.FILE).write_bytes(b"PK")
    with pytest.raises(UsageError, match=r"checkpoint.pt is damaged: .*; leave --resume out to begin"):
        trained(tmp_path / "a", resume=True)


def test_a_built_in_name_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="'u2netp' is a built-in model; choose another name"):
        run(WISH, "u2netp", tmp_path / "a", Budget(steps=1))
    assert not (tmp_path / "a").exists()


def test_the_rate_rises_then_falls() -> None:
    rates = [loop.rate(n / 100) for n in range(101)]
    top = int(np.argmax(rates))
    assert rates[top] == 1
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] == loop.LEAST


def test_the_best_threshold_is_the_best_of_all() -> None:
    rng = np.random.default_rng(0)
    true = rng.random((40, 50)) < 0.3
    apart = np.clip(rng.normal(40, 20, true.shape) + 50 * true, 0, 255)
    level, iou = best_threshold(apart, true)

    def each(t: int) -> float:
        found = apart >= t
        return float((found & true).sum() / (found | true).sum())

    assert iou == pytest.approx(max(each(t) for t in range(256)))
    assert iou == pytest.approx(each(level))
