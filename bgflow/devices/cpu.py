"""The CPU: numpy arrays, kernels compiled by numba."""

from __future__ import annotations

from typing import Any

import numpy as np

from bgflow.frame import Array
from bgflow.kernel import Kernel

ALIGN = 64  # a cache line, and the widest vector load


class Cpu:
    """Host memory and numba kernels; every call has finished when it returns."""

    name = "cpu"

    def itemsize(self, dtype: Any) -> int:
        return int(np.dtype(dtype).itemsize)

    def block(self, nbytes: int) -> Any:
        raw = np.empty(nbytes + ALIGN, np.uint8)
        start = -raw.ctypes.data % ALIGN
        return raw[start : start + nbytes]

    def view(self, block: Any, shape: tuple[int, ...], dtype: Any, owner: Any) -> Array:
        owner.__array_interface__ = {
            "data": (block.ctypes.data, False),
            "shape": shape,
            "typestr": np.dtype(dtype).str,
            "version": 3,
        }
        return np.asarray(owner)

    def owns(self, array: Array) -> bool:
        return type(array) is np.ndarray

    def upload(self, host: np.ndarray[Any, Any], out: Array) -> None:
        np.copyto(out, host)

    def download(self, array: Array, out: np.ndarray[Any, Any]) -> None:
        np.copyto(out, array)

    def launch(self, kernel: Kernel, extent: tuple[int, ...], values: tuple[Any, ...]) -> None:
        kernel.run_cpu(extent, values)

    def synchronise(self) -> None:
        pass


def make(index: int) -> Cpu:
    """The one CPU device."""
    return Cpu()
