"""Whether CuPy, NVRTC and an NVIDIA driver are there, or the one line that says what to do; and how they fail."""

from __future__ import annotations

import ctypes
from typing import Any

from bgflow.errors import DeviceError


def has_driver() -> bool:
    """Whether the driver's library is there; it is asked before CuPy, whose import takes 0.1 s and 15 MB."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def cupy_for(index: int) -> Any:
    """The module `cupy`, which can work with GPU number `index`.

    Raises:
        DeviceError: CuPy, NVRTC or a driver that is new enough is missing, or there is no such GPU.
    """
    try:
        import cupy
    except ModuleNotFoundError:
        raise DeviceError("cuda needs CuPy: pip install 'bgflow[cuda]'") from None
    except ImportError as e:
        raise DeviceError(f"CuPy is broken: {e}; pip install --force-reinstall 'bgflow[cuda]'") from None
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as e:
        raise DeviceError(f"cuda: {_why_no_gpu(cupy, e)}") from None
    if not 0 <= index < count:
        raise DeviceError(f"there is no cuda:{index}; this machine has {count}, counted from 0")
    try:
        cupy.cuda.nvrtc.getVersion()
    except (ImportError, RuntimeError) as e:
        why = str(e).partition(",")[0]
        raise DeviceError(f"cuda needs NVRTC, NVIDIA's compiler: pip install 'bgflow[cuda]' ({why})") from None
    return cupy


def _why_no_gpu(cupy: Any, error: Exception) -> str:
    wanted, found = cupy.cuda.runtime.runtimeGetVersion(), cupy.cuda.runtime.driverGetVersion()
    if not found:
        return f"no NVIDIA driver is loaded; install one for CUDA {_version(wanted)} or newer from nvidia.com/drivers"
    if found // 1000 < wanted // 1000:
        return f"the NVIDIA driver knows CUDA {_version(found)}, CuPy needs {_version(wanted)}; install a newer one"
    return f"no GPU is found: {str(error).partition(':')[2].strip() or error}; nvidia-smi tells more"


def _version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"


class Failing:
    """CUDA's errors as ours. They come late: a kernel's fault is told by whatever asks the device next."""

    def __init__(self, name: str, cupy: Any):
        self._name = name
        self._errors = (cupy.cuda.runtime.CUDARuntimeError, cupy.cuda.driver.CUDADriverError)

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, self._errors):
            raise DeviceError(f"{self._name} failed here or in work enqueued before: {error}") from error
