"""`bgflow doctor` on machines that have some parts of a GPU and lack others."""

from __future__ import annotations

import ctypes
import sys
import types
from collections.abc import Callable
from typing import Any

import pytest

from bgflow.cli import gpu
from bgflow.cli.finding import Finding
from tests.kernels import hostcuda

# A driver of two GPUs, as far as the doctor asks it.
DRIVER = """
#include <cstring>
#include <cstddef>
extern "C" int cuDriverGetVersion(int* v) { *v = VERSION; return 0; }
extern "C" int cuInit(unsigned) { return FAILS; }
extern "C" int cuDeviceGetCount(int* n) { *n = COUNT; return 0; }
extern "C" int cuDeviceGet(int* device, int n) { *device = 40 + n; return 0; }
extern "C" int cuDeviceGetName(char* name, int, int d) { strcpy(name, d == 40 ? "Big" : "Small"); return 0; }
extern "C" int cuDeviceTotalMem_v2(size_t* n, int d) { *n = size_t(d == 40 ? 80 : 8) << 30; return 0; }
extern "C" int cuDeviceGetAttribute(int* v, int what, int d) { *v = what == 75 ? 9 : d - 40; return 0; }
"""


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put NVIDIA's driver here: a CUDA version, a number of GPUs, and the error it starts with."""
    if not hostcuda.has_gxx():
        pytest.skip("needs g++")

    def install(version: int = 13020, count: int = 2, fails: int = 0) -> None:
        text = DRIVER.replace("VERSION", str(version)).replace("COUNT", str(count)).replace("FAILS", str(fails))
        library = ctypes.CDLL(str(hostcuda.compiled(text, [])))
        monkeypatch.setattr(gpu, "libcuda", lambda: library)

    return install


def look() -> dict[str, Finding]:
    return {f.what: f for f in gpu.examine()}


def test_the_driver_and_each_gpu_are_named(driver: Callable[..., None]) -> None:
    driver()
    found = look()
    assert found["NVIDIA driver"].state == "ok"
    assert found["NVIDIA driver"].found.startswith("CUDA 13.2")
    assert found["cuda:0"].found == "Big, 80 GiB, compute capability 9.0"
    assert found["cuda:1"].found == "Small, 8 GiB, compute capability 9.1"


def test_a_driver_that_is_too_old_is_broken(driver: Callable[..., None]) -> None:
    driver(version=12040)
    found = look()["NVIDIA driver"]
    assert (found.state, found.remedy) == ("broken", "install a driver for CUDA 13 from nvidia.com/drivers")
    assert found.found.startswith("CUDA 12.4")


@pytest.mark.parametrize(
    ("given", "text"),
    [({"count": 0}, "the driver finds none"), ({"fails": 100}, "the driver finds none (CUDA error 100)")],
)
def test_a_driver_without_a_gpu_is_told(given: dict[str, int], text: str, driver: Callable[..., None]) -> None:
    driver(**given)
    found = look()["GPU"]
    assert (found.state, found.found, found.remedy) == ("absent", text, "nvidia-smi tells more")


def test_what_is_not_installed_is_absent_and_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("cupy", "torch", "tensorrt", "tensorrt_bindings"):
        monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr(gpu, "find_spec", lambda name: None)
    found = look()
    for what in ("CuPy", "NVRTC", "CUDA headers"):
        assert (found[what].state, found[what].remedy) == ("absent", "pip install 'bgflow[cuda]'")
    assert (found["TensorRT"].state, found["TensorRT"].remedy) == ("absent", "pip install tensorrt-cu13")
    assert (found["torch CUDA"].state, found["torch CUDA"].remedy) == ("absent", "pip install torch")


def test_nvrtc_is_tried_and_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(program: int, options: Any) -> None:
        raise RuntimeError("NVRTC_ERROR_BUILTIN_OPERATION_FAILURE (7)")

    nvrtc = types.SimpleNamespace(
        createProgram=lambda *a: 1, compileProgram=refuse, destroyProgram=lambda p: None, getVersion=lambda: (13, 2)
    )
    runtime = types.SimpleNamespace(runtimeGetVersion=lambda: 13020)
    cuda = types.SimpleNamespace(nvrtc=nvrtc, runtime=runtime, get_cuda_path=lambda: None)
    monkeypatch.setitem(sys.modules, "cupy", types.SimpleNamespace(cuda=cuda, __version__="14.2.0"))  # type: ignore[arg-type]
    found = look()
    assert (found["CuPy"].state, found["CuPy"].found) == ("ok", "14.2.0, for CUDA 13.2")
    assert found["NVRTC"].state == "broken"
    assert "NVRTC_ERROR_BUILTIN_OPERATION_FAILURE" in found["NVRTC"].found
    assert found["CUDA headers"].state == "absent"


def test_nvrtc_really_compiles() -> None:
    pytest.importorskip("cupy")
    if hostcuda.nvrtc() is None:
        pytest.skip("needs the nvidia-cuda-nvrtc wheel")
    found = look()["NVRTC"]
    assert found.state == "ok"
    assert found.found.endswith(", compiles")


@pytest.mark.parametrize(
    ("what", "package", "module", "state", "text"),
    [
        (
            "ORT CUDA",
            "onnxruntime",
            {"get_available_providers": lambda: ["CPUExecutionProvider"]},
            "absent",
            "this onnxruntime has CPUExecutionProvider only",
        ),
        (
            "ORT CUDA",
            "onnxruntime",
            {"get_available_providers": lambda: ["CUDAExecutionProvider"], "__version__": "1.31"},
            "ok",
            "1.31, CUDAExecutionProvider",
        ),
        (
            "torch CUDA",
            "torch",
            {
                "cuda": types.SimpleNamespace(is_available=lambda: False),
                "version": types.SimpleNamespace(cuda=None),
            },
            "absent",
            "finds no GPU; it is built without CUDA",
        ),
        (
            "torch CUDA",
            "torch",
            {
                "cuda": types.SimpleNamespace(is_available=lambda: True),
                "version": types.SimpleNamespace(cuda="13.0"),
                "__version__": "2.9",
            },
            "ok",
            "2.9, CUDA 13.0",
        ),
    ],
)
def test_a_library_that_is_here_may_still_lack_cuda(
    what: str, package: str, module: dict[str, Any], state: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, types.SimpleNamespace(**module))  # type: ignore[arg-type]
    found = look()[what]
    assert (found.state, found.found) == (state, text)
    assert bool(found.remedy) == (state != "ok")
