"""Every precision is held against fp32, and one that costs too much is refused."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bgflow import models
from bgflow.errors import DeviceError, MediaError, ModelError, UsageError
from bgflow.models import precision
from bgflow.models.precision import BUDGET, Figures, Result, budget, compare
from tests.commandline import bgflow
from tests.networks import adding, offset, stored, tiny

GOOD = Figures(pictures=1, ms=1.0, max=0.5, mean=0.001, iou=0.99, boundary_f=0.99)


def declared(file: Path, **more: object) -> dict[str, object]:
    return {"path": str(file), "size": [32, 64], "mean": [0, 0, 0], "std": [1, 1, 1], **more}


def fragile(folder: Path) -> dict[str, object]:
    return declared(offset(folder / "offset.onnx"), mean=[-256] * 3)


def bf16_is_here(results: list[Result]) -> Result:
    found = next(r for r in results if (r.engine, r.precision) == ("openvino", "bf16"))
    if not found.figures:
        pytest.skip(found.missing)
    return found


def test_fp32_of_another_engine_agrees_with_the_reference(tmp_path: Path) -> None:
    results = compare(declared(tiny(tmp_path / "tiny.onnx")), precisions=("fp32",), engine="openvino", count=3)
    assert [(r.engine, r.precision) for r in results] == [("onnxruntime", "fp32"), ("openvino", "fp32")]
    found = results[1].figures
    assert found
    assert found.pictures == 3
    assert found.max < 1e-5
    assert (found.iou, found.boundary_f) == (1, 1)
    assert results[1].refusal(BUDGET) == ""


def test_a_network_that_bf16_ruins_is_refused(tmp_path: Path) -> None:
    found = bf16_is_here(compare(fragile(tmp_path), count=3))
    assert found.over(BUDGET) == ["mean", "iou", "boundary_f"]
    text = rf"openvino in bf16: IoU is {found.figures.iou:.4f}, under the budget of 0\.95; "
    text += r"take a precision that is within it, or allow it with --budget iou=0\.\d+"
    assert re.fullmatch(text, found.refusal({"iou": 0.95}))


def test_a_precision_that_is_not_here_says_why(tmp_path: Path) -> None:
    results = compare(declared(tiny(tmp_path / "tiny.onnx")), engine="onnxruntime", count=1)
    missing = {r.precision: r.missing for r in results if not r.figures}
    assert missing["bf16"].startswith("onnxruntime")
    assert "bf16" in missing["bf16"]


def test_asking_for_what_is_not_here_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="onnxruntime .*bf16"):
        compare(declared(tiny(tmp_path / "tiny.onnx")), engine="onnxruntime", precisions=("bf16",), count=1)


def test_own_pictures_are_compared_too(tmp_path: Path) -> None:
    network = declared(tiny(tmp_path / "tiny.onnx"))
    for n in range(2):
        Image.fromarray(np.full((20, 30, 3), 90 * n, np.uint8)).save(tmp_path / f"{n}.png")
    results = compare(network, engine="openvino", precisions=("fp32",), folder=tmp_path, count=1)
    assert [r.figures.pictures for r in results if r.figures] == [3, 3]


def test_a_memory_is_filled_before_an_answer_counts_and_empty_for_each_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network adds its pictures up: after three looks a grey of 0.2 is 0.6, and so is the next."""
    network = declared(
        adding(tmp_path / "adding.onnx"),
        input="picture",
        output="sum",
        state={"before": "after"},
        ratio={"input": "gain", "long": 64},
    )
    for n in range(2):
        Image.fromarray(np.full((20, 30, 3), 51, np.uint8)).save(tmp_path / f"{n}.png")
    kept = []
    monkeypatch.setattr(precision.np, "save", lambda file, alpha: kept.append(float(alpha.mean())))
    compare(network, engine="onnxruntime", precisions=("fp32",), folder=tmp_path, count=0)
    assert kept == pytest.approx([0.6, 0.6], abs=1e-5)


def test_without_any_picture_there_is_nothing_to_compare(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no picture to compare on; give --images FOLDER"):
        compare(declared(tiny(tmp_path / "tiny.onnx")), count=0)


def test_a_size_the_network_does_not_take_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^height: 33 is not a multiple of 32; 32 or 64 would be$"):
        compare(declared(tiny(tmp_path / "tiny.onnx")), size=(33, 64), count=1)


@pytest.mark.parametrize(
    ("measure", "value", "told"),
    [
        ("max", 0.61, "max |Δα| is 0.6100, over the budget of 0.5"),
        ("mean", 0.0321, "mean |Δα| is 0.0321, over the budget of 0.01"),
        ("iou", 0.912, "IoU is 0.9120, under the budget of 0.95"),
        ("boundary_f", 0.5, "boundary F is 0.5000, under the budget of 0.95"),
    ],
)
def test_each_measure_can_refuse_and_the_remedy_would_do(measure: str, value: float, told: str) -> None:
    result = Result("tensorrt", "int8", dataclasses.replace(GOOD, **{measure: value}))
    limits = {**BUDGET, "max": 0.5}
    text = result.refusal(limits)
    assert text.startswith(f"tensorrt in int8: {told}; take a precision")
    assert result.over({**limits, **budget(text.partition("--budget ")[2])}) == []


def test_a_network_that_answers_nan_is_over_every_budget() -> None:
    result = Result("tensorrt", "fp16", dataclasses.replace(GOOD, mean=math.nan))
    assert result.over({"mean": 1.0}) == ["mean"]
    assert result.refusal(BUDGET) == (
        "tensorrt in fp16: mean |Δα| is nan, over the budget of 0.01; take a precision that is within it"
    )


def test_a_budget_changes_only_what_it_names() -> None:
    assert budget("iou=0.9,max=0.3") == {**BUDGET, "iou": 0.9, "max": 0.3}
    assert budget("") == BUDGET


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("iuo=0.9", "--budget iuo=0.9: there is no measure 'iuo'; did you mean 'iou'?"),
        ("iou=high", "--budget iou=high: 'high' is not a number from 0 to 1"),
        ("mean=1.5", "--budget mean=1.5: '1.5' is not a number from 0 to 1"),
        ("iou", "--budget iou: '' is not a number from 0 to 1"),
        ("mean=nan", "--budget mean=nan: 'nan' is not a number from 0 to 1"),
    ],
)
def test_a_wrong_budget_is_one_line(text: str, told: str) -> None:
    with pytest.raises(UsageError) as e:
        budget(text)
    assert str(e.value) == told


def imported(folder: Path, monkeypatch: pytest.MonkeyPatch, **layout: object) -> str:
    """The fragile network as 'own' in a store of its own."""
    monkeypatch.setenv("BGFLOW_MODELS", str(folder / "store"))
    models.add(offset(folder / "offset.onnx"), "own")
    manifest = folder / "store" / "models.json"
    content = json.loads(manifest.read_text())
    content["own"]["layout"] |= {"size": [32, 64], "std": [1, 1, 1], **layout}
    manifest.write_text(json.dumps(content))
    return "own"


def test_the_command_prints_a_table_and_writes_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imported(tmp_path, monkeypatch, mean=[-256] * 3)
    file = tmp_path / "out.json"
    told = bgflow("models", "verify", "--engine", "openvino", "--precision", "fp32", "--count", 2, "--json", file)
    assert (told.code, told.err.count("error")) == (0, 0)
    assert told.out.startswith("plate: good\nown: good\n")
    assert "reference" in told.out
    rows = json.loads(file.read_text())["models"]["own"]
    assert [(r["engine"], r["precision"], r["over"]) for r in rows] == [
        ("onnxruntime", "fp32", []),
        ("openvino", "fp32", []),
    ]
    assert rows[1]["pictures"] == 2
    assert rows[1]["iou"] > 0.999


def test_the_command_refuses_with_exit_code_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imported(tmp_path, monkeypatch, mean=[-256] * 3)
    told = bgflow("models", "verify", "own", "--engine", "openvino", "--precision", "bf16", "--count", 2)
    if told.code == 2:
        pytest.skip(told.err)
    assert told.code == 1
    assert "refused" in told.out
    assert told.err.splitlines()[-1].startswith("own: openvino in bf16: mean |Δα| is 0.")


def test_files_alone_are_read_fast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imported(tmp_path, monkeypatch)
    assert bgflow("models", "verify", "--files").out == "plate: good\nown: good\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nosuch",), "there is no model 'nosuch'"),
        (("own", "--engine", "openvin"), "there is no engine 'openvin'; did you mean 'openvino'?"),
        (("own", "--precision", "fp31"), "--precision: there is no precision 'fp31'; did you mean 'fp32'?"),
        (("own", "--size", "320"), "--size 320: is not a height and a width in pixels, such as 192x320"),
        (("own", "--budget", "iuo=1"), "--budget iuo=1: there is no measure 'iuo'; did you mean 'iou'?"),
        (("own", "--images", "/nowhere"), "/nowhere: no such file or folder"),
        (("own", "--device", "cudo"), "there is no device 'cudo'"),
        (("own", "--json", "/nowhere/x.json"), "--json /nowhere/x.json: there is no folder '/nowhere'; make it first"),
    ],
)
def test_what_cannot_be_asked_for_ends_with_2(
    words: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported(tmp_path, monkeypatch)
    ended = bgflow("models", "verify", *words)
    assert ended.code == 2
    assert told in ended.err.splitlines()[-1]


def test_u2netp_keeps_its_masks_in_every_precision_of_this_machine() -> None:
    stored("u2netp")
    results = compare("u2netp", count=3)
    assert [r.refusal(BUDGET) for r in results] == [""] * len(results)
    assert any(r.engine == "openvino" and r.precision == "fp32" and r.figures.iou > 0.9999 for r in results)


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(MediaError, match=r"bad\.png: is no picture"):
        compare(declared(tiny(tmp_path / "tiny.onnx")), folder=tmp_path, count=0)


def test_a_missing_model_says_what_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BGFLOW_MODELS", str(tmp_path))
    with pytest.raises(ModelError, match="run: bgflow models pull u2netp"):
        compare("u2netp")
