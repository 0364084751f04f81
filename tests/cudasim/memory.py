"""`cupy.cuda`'s memory: pools whose memory is poisoned when it is given out again, and page-locked memory."""

from __future__ import annotations

import collections
import contextlib
import ctypes
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tests.cudasim import streams
from tests.cudasim.machine import Forbidden, Machine, Op, current

POISON = 0xCD
UNIT = 512


class OutOfMemoryError(MemoryError):
    """CuPy's own."""

    def __init__(self, size: int, total: int, limit: int = 0):
        super().__init__(f"Out of memory allocating {size:,} bytes (allocated so far: {total:,} bytes).")


class PooledMemory:
    """Memory that goes home to its pool when the last pointer dies."""

    def __init__(self, ptr: int, size: int, device: int, home: Any):
        self.ptr, self.size, self.device_id, self._home = ptr, size, device, home

    def __del__(self) -> None:
        self._home.append(self.ptr)


class UnownedMemory:
    """Memory of somebody else, who is kept alive."""

    def __init__(self, ptr: int, size: int, owner: Any, device_id: int = -1):
        self.ptr, self.size, self._owner, self.device_id = ptr, size, owner, device_id


class MemoryPointer:
    """A place in memory."""

    def __init__(self, mem: Any, offset: int):
        self.mem, self.ptr, self.device_id = mem, mem.ptr + offset, mem.device_id

    def copy_from_host_async(self, mem: int, size: int, stream: Any = None) -> None:
        self._copy(self.ptr, mem, self.ptr, mem, size, stream)

    def copy_to_host_async(self, mem: int, size: int, stream: Any = None) -> None:
        self._copy(mem, self.ptr, self.ptr, mem, size, stream)

    def _copy(self, to: int, of: int, on_device: int, on_host: int, size: int, stream: Any) -> None:
        stream = stream or streams.current_stream()
        machine: Machine = stream._machine
        if not machine.owns(on_device, size):
            raise streams.CUDARuntimeError("cudaErrorInvalidValue: this is no memory of a GPU")
        if not machine.pins(on_host, size):
            raise Forbidden("a copy of pageable memory waits for the device")

        def run() -> None:
            if not machine.pins(on_host, size):
                raise Forbidden("page-locked memory was freed before its copy")
            ctypes.memmove(to, of, size)

        if size:
            stream._put(Op("copy", run))


class MemoryPool:
    """Memory by size and stream; what a stream freed it may get back at once, in its own order."""

    def __init__(self, allocator: Any = None):
        self._machine = current()
        self._free: dict[Any, list[int]] = collections.defaultdict(list)
        self._bytes = 0

    def malloc(self, size: int) -> MemoryPointer:
        machine, device, stream = self._machine, streams.current_device(), streams.current_stream()
        size = -(-max(size, 1) // UNIT) * UNIT
        with machine.lock:
            home = self._free[device, stream.ptr, size]
            if home:
                address = home.pop()
                if stream._queue.tape is None:
                    stream._put(Op("kernel", lambda: poison(address, size)))
            else:
                if machine.taken[device] + size > machine.memory:
                    raise OutOfMemoryError(size, self._bytes)
                machine.taken[device] += size
                self._bytes += size
                raw = np.full(size + UNIT, POISON, np.uint8)
                address = -(-raw.ctypes.data // UNIT) * UNIT
                machine.ranges[address] = raw[address - raw.ctypes.data :][:size]
        return MemoryPointer(PooledMemory(address, size, device, home), 0)

    def total_bytes(self) -> int:
        return self._bytes


def poison(address: int, size: int) -> None:
    """What is left of memory's last life: nothing that could pass for data."""
    ctypes.memset(address, POISON, size)


def alloc_pinned_memory(size: int) -> Any:
    """Page-locked memory; copies of it fail after it has died."""
    machine = current()
    made = type("PinnedMemoryPointer", (ctypes.c_ubyte * size,), {"ptr": property(ctypes.addressof)})()
    ctypes.memset(made, POISON, size)
    machine.pinned[ctypes.addressof(made)] = size
    weakref.finalize(made, machine.pinned.pop, ctypes.addressof(made))
    return made


_allocators = threading.local()


@contextlib.contextmanager
def using_allocator(allocator: Callable[[int], MemoryPointer] | None = None) -> Iterator[None]:
    """Where this thread's temporaries come from."""
    before = getattr(_allocators, "now", None)
    _allocators.now = allocator
    try:
        yield
    finally:
        _allocators.now = before


def allocate(size: int) -> MemoryPointer:
    """Memory for a temporary of CuPy's own."""
    chosen = getattr(_allocators, "now", None)
    if chosen is None:
        machine = current()
        if not hasattr(machine, "pool"):
            machine.pool = MemoryPool()  # type: ignore[attr-defined]
        chosen = machine.pool.malloc
    found: MemoryPointer = chosen(size)
    return found
