"""Networks that OpenVINO has compiled are kept on disk, and give the same when they come from there."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from bgflow import engines
from bgflow.devices import device
from bgflow.models import plans
from bgflow.models.ends import Ends
from tests import networks

pytest.importorskip("openvino")
SHAPE = (1, 3, 32, 64)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(plans, "folder", lambda: tmp_path / "engines")
    return tmp_path / "engines"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return networks.tiny(tmp_path / "tiny.onnx")


def answer(model: Path, ends: Ends = engines.WHOLE, precision: engines.Precision = "fp32") -> np.ndarray:
    x = np.random.default_rng(0).random(SHAPE, np.float32)
    with engines.engine("openvino", device("cpu"))(
        model, SHAPE, device("cpu"), ends=ends, precision=precision, threads=1
    ) as net:
        out = np.empty(net.out_shape, np.float32)
        net(x, out)
    return out


def test_a_network_from_the_disk_gives_what_the_compiled_one_gave(folder: Path, model: Path) -> None:
    first = answer(model)
    (blob,) = folder.glob("tiny-fp32-*.blob")
    before = blob.stat().st_ino
    assert np.array_equal(answer(model), first)
    assert blob.stat().st_ino == before


def test_another_output_is_another_file(folder: Path, model: Path) -> None:
    mean, peak = answer(model, Ends(output="mean")), answer(model, Ends(output="peak"))
    assert (peak > mean).any()
    assert len(list(folder.glob("*.blob"))) == 2


@pytest.mark.parametrize("content", [b"", b"not a network"])
def test_a_file_that_openvino_refuses_is_made_anew(folder: Path, model: Path, content: bytes) -> None:
    first = answer(model)
    (blob,) = folder.glob("*.blob")
    key = blob.read_bytes().partition(b"\n")[0]
    whole = blob.read_bytes()
    blob.write_bytes(key + b"\n" + plans._digest(content).encode() + b"\n" + content)
    assert np.array_equal(answer(model), first)
    assert len(blob.read_bytes()) == len(whole)


def test_what_nobody_has_used_for_long_goes_when_another_comes(folder: Path, model: Path) -> None:
    answer(model)
    answer(model, Ends(output="mean"))
    old, used = sorted(folder.glob("*.blob"))
    long_ago = time.time() - plans.UNUSED - 60
    for blob in (old, used):
        os.utime(blob, (long_ago, long_ago))
    os.utime(used)
    answer(model, Ends(output="peak"))
    assert not old.exists()
    assert used.exists()


def test_a_network_that_is_taken_from_the_disk_counts_as_used(folder: Path, model: Path) -> None:
    answer(model)
    (blob,) = folder.glob("*.blob")
    os.utime(blob, (1, 1))
    answer(model)
    assert blob.stat().st_mtime > 1


def test_a_folder_that_cannot_be_written_is_no_failure(folder: Path, model: Path) -> None:
    folder.write_text("a file where the folder would be")
    assert answer(model).shape == (1, 1, 32, 64)


def test_the_memory_of_a_network_from_the_disk_works(folder: Path, tmp_path: Path) -> None:
    adding = networks.adding(tmp_path / "adding.onnx")
    ends = Ends(output="sum", state={"before": "after"}, constants={"gain": 1.0})
    x = np.ones(SHAPE, np.float32)
    for _ in range(2):
        with engines.engine("openvino", device("cpu"))(
            adding, SHAPE, device("cpu"), ends=ends, precision="fp32", threads=1
        ) as net:
            out = np.empty(net.out_shape, np.float32)
            net(x, out)
            net(x, out)
            assert np.allclose(out, 2)
    assert len(list(folder.glob("adding-fp32-*.blob"))) == 1
