"""`cupy.ndarray`: opaque, in the memory of the machine; its words go on the thread's current stream."""

from __future__ import annotations

import math
from typing import Any, NoReturn

import numpy as np

from tests.cudasim import memory, streams
from tests.cudasim.machine import Op


class _Raw:
    def __init__(self, address: int, shape: Any, dtype: Any, strides: Any):
        self.__array_interface__ = {
            "data": (address, False),
            "shape": tuple(shape),
            "typestr": np.dtype(dtype).str,
            "strides": strides,
            "version": 3,
        }


class ndarray:
    """Shape, strides, basic slices, `fill`, assignment and copies; values cannot be looked at."""

    __module__ = "cupy"
    __array_ufunc__ = None
    __array_priority__ = 100

    def __init__(self, shape: Any, dtype: Any = float, memptr: Any = None, strides: Any = None, order: str = "C"):
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        if memptr is None:
            memptr = memory.allocate(math.prod(shape) * np.dtype(dtype).itemsize)
        self.data = memptr
        self._raw = np.asarray(_Raw(memptr.ptr, shape, dtype, strides))

    shape = property(lambda self: self._raw.shape)
    strides = property(lambda self: self._raw.strides)
    dtype = property(lambda self: self._raw.dtype)
    ndim = property(lambda self: self._raw.ndim)
    size = property(lambda self: self._raw.size)
    nbytes = property(lambda self: self._raw.nbytes)
    itemsize = property(lambda self: self._raw.itemsize)
    flags = property(lambda self: self._raw.flags)
    device = property(lambda self: streams.Device(self.data.device_id))
    T = property(lambda self: self._of(self._raw.T))

    def _of(self, raw: Any) -> ndarray:
        """A view of the same memory."""
        if not isinstance(raw, np.ndarray) or (raw.size and not np.may_share_memory(raw, self._raw)):
            raise TypeError("not a basic slice; the simulation has no more")
        start = raw.__array_interface__["data"][0] - self._raw.__array_interface__["data"][0]
        place = memory.MemoryPointer(self.data.mem, self.data.ptr - self.data.mem.ptr + start)
        return ndarray(raw.shape, raw.dtype, place, raw.strides)

    def __len__(self) -> int:
        return len(self._raw)

    def __getitem__(self, index: Any) -> ndarray:
        return self._of(self._raw[index])

    def __setitem__(self, index: Any, value: Any) -> None:
        into = self._raw[index]
        if isinstance(value, ndarray):
            raw = value._raw
            self._enqueue(lambda: np.copyto(into, raw))
        elif np.isscalar(value):
            self._enqueue(lambda: into.fill(value))
        else:
            raise TypeError(f"Unsupported type {type(value)}")

    def fill(self, value: float) -> None:
        raw = self._raw
        self._enqueue(lambda: raw.fill(value))

    def reshape(self, *shape: Any) -> ndarray:
        return self._of(self._raw.reshape(*shape))

    def view(self, dtype: Any = None) -> ndarray:
        return self._of(self._raw.view(dtype))

    def copy(self, order: str = "C") -> ndarray:
        made = ndarray(self.shape, self.dtype)
        into, raw = made._raw, self._raw
        self._enqueue(lambda: np.copyto(into, raw))
        return made

    def _enqueue(self, run: Any) -> None:
        streams.current_stream()._put(Op("kernel", run))

    def __array__(self, *args: Any, **kw: Any) -> NoReturn:
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def __bool__(self) -> bool:
        raise TypeError("an array of a device is not looked at; download it")
