"""TensorFlow Lite files as ONNX: the real one, against its own runtime where that is installed, and damaged ones."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from bgflow.models import onnx
from bgflow.models.tflite import to_onnx
from tests.networks import stored


@pytest.fixture(scope="module")
def selfie() -> bytes:
    return stored("selfie").path.read_bytes()


def test_the_picture_is_declared_with_channels_first(selfie: bytes) -> None:
    inputs, outputs = onnx.signature(to_onnx(selfie))
    assert [*map(str, inputs)] == ["input_1 f32[1,3,256,256]"]
    assert [*map(str, outputs)] == ["activation_10 f32[1,1,256,256]"]


def test_the_converted_network_answers_as_its_own_runtime_does(selfie: bytes) -> None:
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    theirs = litert.Interpreter(model_content=selfie)
    theirs.allocate_tensors()
    ours = onnxruntime.InferenceSession(to_onnx(selfie), providers=["CPUExecutionProvider"])
    for seed in range(3):
        x = np.random.default_rng(seed).random((1, 256, 256, 3), np.float32)
        theirs.set_tensor(theirs.get_input_details()[0]["index"], x)
        theirs.invoke()
        want = theirs.get_tensor(theirs.get_output_details()[0]["index"])
        (found,) = ours.run(None, {"input_1": x.transpose(0, 3, 1, 2)})
        np.testing.assert_allclose(found[0, 0], want[0, ..., 0], atol=1e-4)


@pytest.mark.parametrize("at", [0, 3, 8, 100, 5000])
def test_a_file_cut_short_is_a_value_error(selfie: bytes, at: int) -> None:
    with pytest.raises(ValueError, match="^it (is damaged|does not begin as one)$"):
        to_onnx(selfie[:at])


def test_what_is_no_tflite_file_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="^it does not begin as one$"):
        to_onnx(b"hello world, this is text")


def test_an_operator_that_is_not_known_is_named(selfie: bytes) -> None:
    other = selfie.replace(b"Convolution2DTransposeBias", b"Convolution2DTransposeBeau")
    with pytest.raises(ValueError, match="^its operator Convolution2DTransposeBeau has no counterpart here$"):
        to_onnx(other)
