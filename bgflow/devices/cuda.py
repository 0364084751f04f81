"""An NVIDIA GPU: CuPy arrays from its memory pool, kernels compiled by NVRTC, one stream of our own.

Nothing here touches the null stream or synchronises the device; only `download` waits, for its own copy.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

import numpy as np

from bgflow.errors import DeviceError, OutOfMemory
from bgflow.frame import Array
from bgflow.kernel import Kernel

BLOCK = {1: (128,), 2: (32, 8), 3: (32, 8, 1)}  # threads a block, x first


class Cuda:
    """One GPU; its launches and copies are ordered by its stream, whichever thread asks."""

    def __init__(self, index: int, cupy: Any):
        self.name, self.cupy = f"cuda:{index}", cupy
        self._device = cupy.cuda.Device(index)
        with self._device:
            self._stream = cupy.cuda.Stream(non_blocking=True)
        self._lock = threading.Lock()

    def itemsize(self, dtype: Any) -> int:
        return int(np.dtype(dtype).itemsize)

    def block(self, nbytes: int) -> Any:
        try:
            with self._device, self._stream:
                return self.cupy.cuda.alloc(nbytes)
        except self.cupy.cuda.memory.OutOfMemoryError as e:
            free, total = self._device.mem_info
            raise OutOfMemory(f"{self.name}: wanted {nbytes} bytes, {free} of {total} are free") from e

    def view(self, block: Any, shape: tuple[int, ...], dtype: Any, owner: Any) -> Array:
        size = int(np.prod(shape)) * self.itemsize(dtype)
        memory = self.cupy.cuda.UnownedMemory(block.ptr, size, owner, self._device.id)
        return self.cupy.ndarray(shape, dtype, self.cupy.cuda.MemoryPointer(memory, 0))

    def owns(self, array: Array) -> bool:
        return isinstance(array, self.cupy.ndarray) and array.device.id == self._device.id

    def upload(self, host: np.ndarray[Any, Any], out: Array) -> None:
        out.set(np.ascontiguousarray(host), stream=self._stream)

    def download(self, array: Array, out: np.ndarray[Any, Any]) -> None:
        array.get(stream=self._stream, out=out, blocking=True)

    def launch(self, kernel: Kernel, extent: tuple[int, ...], values: tuple[Any, ...]) -> None:
        if 0 in extent:
            return
        block = BLOCK[len(extent)]
        grid = tuple(-(-n // b) for n, b in zip(extent[::-1], block, strict=True))
        with self._device, self._stream:
            self._compiled(kernel)(grid, block, (*map(np.int32, extent), *kernel.flat(values)))

    @functools.cache  # noqa: B019  a device lives as long as the process
    def _compiled(self, kernel: Kernel) -> Any:
        with self._lock:
            return self.cupy.RawKernel(kernel.source(), kernel.name, options=("--std=c++17", "--fmad=false"))

    def synchronise(self) -> None:
        self._stream.synchronize()


def make(index: int) -> Cuda:
    """GPU number `index`.

    Raises:
        DeviceError: CuPy is missing, finds no driver, or there is no such GPU.
    """
    try:
        import cupy
    except ImportError:
        raise DeviceError("cuda needs cupy: pip install 'bgflow[cuda]'") from None
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as e:
        raise DeviceError(
            f"cuda finds no GPU: {str(e).partition(':')[2].strip() or e}; nvidia-smi tells more"
        ) from None
    if index >= count:
        raise DeviceError(f"there is no cuda:{index}; this machine has {count}, counted from 0")
    return Cuda(index, cupy)
