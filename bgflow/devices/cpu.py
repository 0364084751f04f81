"""The CPU: numpy arrays, kernels compiled by numba."""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from bgflow.devices import Host, Meter, Recording, parts
from bgflow.errors import DeviceError
from bgflow.frame import Array
from bgflow.kernel import Kernel

HUGE = 4 << 20  # bytes from which on memory asks for huge pages, as numpy's own does


class Owned(np.ndarray[Any, Any]):
    """Stands under an array and has its owner; numpy, which collapses chains of views, does not collapse past it."""

    __slots__ = ("owner",)
    owner: Any


class Stand(np.ndarray[Any, Any]):
    """Stands under that in turn: the memory with a shape, made once; of another type, which numpy does not collapse."""

    __slots__ = ()


class Block:
    """Raw memory, and what it last stood for: a frame takes the shape of the one before it."""

    __slots__ = ("form", "memory", "stand")

    def __init__(self, memory: mmap.mmap):
        self.memory = memory
        self.form: tuple[tuple[int, ...], Any] | None = None
        self.stand: Stand | None = None

    def shaped(self, shape: tuple[int, ...], dtype: Any) -> Stand:
        """The memory as an array."""
        self.stand, self.form = Stand(shape, dtype, self.memory), (shape, dtype)
        return self.stand


class Cpu:
    """Host memory and numba kernels; every call has finished when it returns."""

    name = "cpu"
    title = "numpy and numba"
    simt = False

    def __init__(self) -> None:
        self.meter = Meter()

    def itemsize(self, dtype: Any) -> int:
        return int(np.dtype(dtype).itemsize)

    def block(self, nbytes: int) -> Any:
        made = mmap.mmap(-1, max(nbytes, 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)  # begins a page
        if nbytes >= HUGE:
            with contextlib.suppress(OSError):  # a kernel without them
                made.madvise(mmap.MADV_HUGEPAGE)
        return Block(made)

    def freed(self, block: Any) -> None:
        pass

    def view(self, block: Any, shape: tuple[int, ...], dtype: Any, owner: Any) -> Array:
        stand = block.stand if block.form == (shape, dtype) else block.shaped(shape, dtype)
        under = stand.view(Owned)
        under.owner = owner
        return under.view(np.ndarray)

    def owns(self, array: Array) -> bool:
        return type(array) is np.ndarray

    def address(self, array: Array) -> int:
        return int(array.__array_interface__["data"][0])

    def upload(self, host: Host | Sequence[Host], out: Array) -> None:
        fill(parts(host), out)

    def download(self, array: Array, out: Host | Sequence[Host]) -> None:
        spread(array, parts(out))

    def launch(self, kernel: Kernel, extent: tuple[int, ...], values: tuple[Any, ...]) -> None:
        kernel.run_cpu(extent, values)

    def enqueue(self, call: Callable[[int], None]) -> None:
        call(0)

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        yield

    def capture(self) -> AbstractContextManager[Recording]:
        raise DeviceError("the cpu captures nothing; its kernels run at once")

    def synchronise(self) -> None:
        pass


def fill(host: Sequence[Host], out: Host) -> None:
    """Copy arrays into `out`, one after the other."""
    if len(host) == 1 and host[0].shape == out.shape:
        np.copyto(out, host[0])
        return
    flat, at = out.reshape(-1), 0
    for part in host:
        np.copyto(flat[at : at + part.size].reshape(part.shape), part)
        at += part.size


def spread(array: Host, out: Sequence[Host]) -> None:
    """Copy `array` into several arrays, one after the other."""
    if len(out) == 1 and out[0].shape == array.shape:
        np.copyto(out[0], array)
        return
    flat, at = array.reshape(-1), 0
    for part in out:
        np.copyto(part, flat[at : at + part.size].reshape(part.shape))
        at += part.size


def make(index: int) -> Cpu:
    """The one CPU device."""
    return Cpu()
