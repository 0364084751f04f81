"""Reading and rewriting ONNX files without their library."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgflow.models import onnx
from tests.networks import pulled, tiny


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return tiny(tmp_path_factory.mktemp("onnx") / "tiny.onnx").read_bytes()


def test_the_signature_names_inputs_and_outputs(data: bytes) -> None:
    inputs, outputs = onnx.signature(data)
    assert [*map(str, inputs)] == ["picture f32[1,3,32,64]"]
    assert [*map(str, outputs)] == ["mean f32[1,1,32,64]", "peak f32[1,1,32,64]"]


def test_the_weights_of_a_real_network_are_no_inputs() -> None:
    inputs, outputs = onnx.signature(pulled().path.read_bytes())
    assert [*map(str, inputs)] == ["input.1 f32[1,3,320,320]"]
    assert len(outputs) == 7


@given(st.tuples(*[st.integers(1, 1 << 20)] * 4))
def test_a_new_shape_is_read_back(data: bytes, shape: tuple[int, ...]) -> None:
    inputs, outputs = onnx.signature(onnx.reshaped(data, {"picture": shape}))
    assert inputs[0].shape == shape
    assert [t.name for t in outputs] == ["mean", "peak"]


def test_the_same_shape_changes_nothing(data: bytes) -> None:
    assert onnx.reshaped(data, {"picture": (1, 3, 32, 64)}) is data


def test_only_what_depends_on_the_shape_is_rewritten(tmp_path: Path, data: bytes) -> None:
    there = onnx.reshaped(data, {"picture": (1, 3, 96, 160)})
    other = onnx.reshaped(data, {"picture": (1, 3, 64, 32)})
    back = {"picture": (1, 3, 32, 64)}
    assert onnx.reshaped(there, back) == onnx.reshaped(other, back)


@given(st.integers(0, 1 << 20), st.integers(0, 255))
def test_a_damaged_file_is_a_value_error_and_nothing_else(data: bytes, at: int, value: int) -> None:
    at %= len(data)
    for damaged in (data[:at], data[:at] + bytes([value]) + data[at + 1 :]):
        try:
            onnx.signature(damaged)
        except ValueError:
            continue


def test_a_free_dim_fits_any_size_and_a_fixed_one_only_itself() -> None:
    tensor = onnx.Tensor("x", onnx.FLOAT, (None, 3, None, 64))
    assert tensor.fits((1, 3, 320, 64))
    assert not tensor.fits((1, 3, 320, 320))
    assert not tensor.fits((1, 3, 64))
    assert not onnx.Tensor("x", 1 + onnx.FLOAT, (3,)).fits((3,))
