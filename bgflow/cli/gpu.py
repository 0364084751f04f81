"""What `bgflow doctor` says of the GPU: each part that bgflow can use, and the one line that mends it."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from bgflow.cli.finding import Absent, Finding, library, told
from bgflow.devices import Device

CUDA = 13  # the major version that the extra `cuda` is built for
EXTRA = "pip install 'bgflow[cuda]'"
ORT = "pip uninstall onnxruntime; pip install 'onnxruntime-gpu[cuda,cudnn]'"
KERNEL = 'extern "C" __global__ void one(float* x) { x[threadIdx.x] = 1; }'


def examine() -> Iterator[Finding]:
    """Driver, GPUs, CuPy, its compiler, the engines and the decoder."""
    driver = libcuda()
    yield _driver(driver)
    yield from _gpus(driver) if driver else ()
    yield library("CuPy", "cupy", _cupy, remedy=EXTRA)
    yield library("NVRTC", "cupy", _nvrtc, remedy=EXTRA, versioned=False)
    yield library("CUDA headers", "cupy", _headers, remedy=EXTRA, versioned=False)
    yield _tensorrt()
    yield library("ORT CUDA", "onnxruntime", _onnxruntime, remedy=ORT)
    yield library("torch CUDA", "torch", _torch, remedy="pip install torch")
    yield _nvdec()


def libcuda() -> Any:
    """The driver's library; None where there is none."""
    try:
        return ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None


def _driver(driver: Any) -> Finding:
    what = "NVIDIA driver"
    try:
        loaded = Path("/proc/driver/nvidia/version").read_text("utf-8").splitlines()[0].partition(":")[2].strip()
    except (OSError, IndexError):
        loaded = ""
    if driver is None and loaded:
        return Finding(what, "broken", f"{loaded}, but no libcuda.so.1", "start the container with --gpus all")
    if driver is None:
        return Finding(what, "absent", "no driver is loaded", "install NVIDIA's driver, if there is a GPU")
    number = ctypes.c_int()
    driver.cuDriverGetVersion(ctypes.byref(number))
    knows = f"CUDA {number.value // 1000}.{number.value % 1000 // 10}{', ' * bool(loaded)}{loaded}"
    if number.value // 1000 < CUDA:
        return Finding(what, "broken", knows, f"install a driver for CUDA {CUDA} from nvidia.com/drivers")
    return Finding(what, "ok", knows)


def _gpus(driver: Any) -> Iterator[Finding]:
    """What the driver itself says, so that a broken CuPy hides no GPU."""
    count, failed = ctypes.c_int(), driver.cuInit(0)
    failed = failed or driver.cuDeviceGetCount(ctypes.byref(count))
    if failed or not count.value:
        why = f"the driver finds none (CUDA error {failed})" if failed else "the driver finds none"
        yield Finding("GPU", "absent", why, "nvidia-smi tells more")
    for n in range(count.value):
        name, memory = ctypes.create_string_buffer(256), ctypes.c_size_t()
        major, minor, it = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
        driver.cuDeviceGet(ctypes.byref(it), n)
        driver.cuDeviceGetName(name, len(name), it)
        driver.cuDeviceTotalMem_v2(ctypes.byref(memory), it)
        for attribute, into in ((75, major), (76, minor)):  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, _MINOR
            driver.cuDeviceGetAttribute(ctypes.byref(into), attribute, it)
        about = f"{name.value.decode()}, {memory.value / 2**30:.0f} GiB, compute capability {major.value}.{minor.value}"
        yield Finding(f"cuda:{n}", "ok", about)


def _cupy(cupy: Any) -> str:
    number = cupy.cuda.runtime.runtimeGetVersion()
    return f"for CUDA {number // 1000}.{number % 1000 // 10}"


def _nvrtc(cupy: Any) -> str:
    """Compile a kernel, which needs no GPU."""
    program = cupy.cuda.nvrtc.createProgram(KERNEL, "one.cu", (), ())
    try:
        cupy.cuda.nvrtc.compileProgram(program, ("-arch=sm_90",))
    finally:
        cupy.cuda.nvrtc.destroyProgram(program)
    return "{}.{}, compiles".format(*cupy.cuda.nvrtc.getVersion())


def _headers(cupy: Any) -> str:
    """CuPy's own words (`array.fill`, arithmetic) are compiled with them; bgflow's kernels need none."""
    root = cupy.cuda.get_cuda_path()
    found = Path(root or "", "include", "cuda_fp16.h")
    if not found.is_file():
        raise Absent("no cuda_fp16.h, which CuPy's own arithmetic includes")
    return str(found.parent)


def _tensorrt() -> Finding:
    if not find_spec("tensorrt") and find_spec("tensorrt_bindings"):
        return Finding("TensorRT", "absent", "its bindings without its libraries", "pip install tensorrt-cu13")
    return library("TensorRT", "tensorrt", lambda m: "", remedy="pip install tensorrt-cu13")


def _onnxruntime(onnxruntime: Any) -> str:
    have = onnxruntime.get_available_providers()
    if "CUDAExecutionProvider" not in have:
        raise Absent(f"this onnxruntime has {', '.join(have)} only")
    return "CUDAExecutionProvider"


def _torch(torch: Any) -> str:
    if not torch.cuda.is_available():
        built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
        raise Absent(f"finds no GPU; it is {built}")
    return f"CUDA {torch.version.cuda}"


def _nvdec() -> Finding:
    """Whether FFmpeg can open the decoder on the first GPU; the same look as when a file is opened."""
    try:
        from bgflow.media import nvdec

        why = nvdec.missing(cast(Device, SimpleNamespace(name="cuda:0")))
    except Exception as e:  # without PyAV, which is a finding of its own
        return Finding("NVDEC", "absent", told(e), "pip install av")
    if why is None:
        return Finding("NVDEC", "ok", "FFmpeg opens it on cuda:0")
    found, _, remedy = why.partition("; ")
    return Finding("NVDEC", "absent", found, remedy)
