"""The parity harness catches what it is there to catch."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from bgflow.kernel import Kernel
from tests.kernels import hostcuda
from tests.kernels.test_parity import assert_same

PYTHON = """
import numpy as np
from bgflow.kernel import kernel

@kernel(image="u8[h,w]", gain="f32", out="f32[h,w] out")
def scaled(y, x, image, gain, out):
    out[y, x] = np.float32(image[y, x]) * gain + np.float32(0.125)
"""
CUDA = """KERNEL(scaled) {
    out(y, x) = image(y, x) * gain + 0.125f;
}
"""
ARGUMENTS = [np.arange(33 * 47, dtype=np.uint8).reshape(33, 47), 1.5, np.zeros((33, 47), np.float32)]
gxx = pytest.mark.skipif(not hostcuda.has_gxx(), reason="needs g++")


def scaled(folder: Path, cuda: str = CUDA, python: str = PYTHON) -> Kernel:
    """The kernel above from its two files."""
    (folder / "scaled.py").write_text(python)
    (folder / "scaled.cu").write_text(cuda)
    spec = importlib.util.spec_from_file_location("scaled", folder / "scaled.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Kernel = module.scaled
    return found


def test_equal_twins_pass(tmp_path: Path) -> None:
    assert_same(scaled(tmp_path), hostcuda.python(scaled(tmp_path)), ARGUMENTS)


@gxx
def test_the_right_cuda_text_passes(tmp_path: Path) -> None:
    assert_same(scaled(tmp_path), hostcuda.host(scaled(tmp_path)), ARGUMENTS)


@gxx
@pytest.mark.parametrize(
    ("right", "wrong"),
    [("0.125f", "0.1251f"), ("image(y, x) *", "image(y, 0) *"), ("out(y, x) =", "out(y, x + 1) =")],
    ids=["constant", "input index", "output index"],
)
def test_a_planted_mistake_in_the_cuda_text_is_caught(tmp_path: Path, right: str, wrong: str) -> None:
    k = scaled(tmp_path, CUDA.replace(right, wrong))
    with pytest.raises(AssertionError, match="scaled"):
        assert_same(k, hostcuda.host(k), ARGUMENTS)


@gxx
def test_a_write_beyond_the_rows_is_caught(tmp_path: Path) -> None:
    k = scaled(tmp_path, CUDA.replace("}", "    if (x == 46) out(y, 47) = 0.f;\n}"))
    with pytest.raises(AssertionError, match="scaled writes outside out"):
        assert_same(k, hostcuda.host(k), ARGUMENTS)


@gxx
def test_an_argument_renamed_on_one_side_does_not_compile(tmp_path: Path) -> None:
    with pytest.raises(hostcuda.CompileError, match=r"scaled.cu:2:.*'image' was not declared"):
        hostcuda.host(scaled(tmp_path, python=PYTHON.replace("image", "picture")))


@gxx
def test_a_warning_does_not_compile(tmp_path: Path) -> None:
    with pytest.raises(hostcuda.CompileError, match="unused variable"):
        hostcuda.host(scaled(tmp_path, CUDA.replace("{\n", "{\n    int spare = 0;\n")))


@pytest.mark.skipif(hostcuda.nvrtc() is None, reason="needs the nvidia-cuda-nvrtc wheel")
@pytest.mark.parametrize(
    ("mistake", "told"),
    [("    int spare = 0;\n", "never referenced"), ("    nonsense(y);\n", '"nonsense" is undefined')],
    ids=["warning", "error"],
)
def test_nvrtc_tells_of_a_mistake(tmp_path: Path, mistake: str, told: str) -> None:
    assert told in hostcuda.nvrtc_log(scaled(tmp_path, CUDA.replace("{\n", "{\n" + mistake)).source(), "sm_80")


def test_an_integer_that_wraps_in_python_is_caught(tmp_path: Path) -> None:
    k = scaled(tmp_path, python=PYTHON.replace("np.float32(image[y, x])", "np.float32(image[y, x] + image[y, x])"))
    with pytest.raises(FloatingPointError, match="overflow"):
        hostcuda.python(k)(*ARGUMENTS)
