"""A kernel compiled for one GPU by NVRTC, NVIDIA's run-time compiler, and the cheapest way to launch it from Python.

CuPy compiles for the GPU's own architecture and keeps the result on disk, in `CUPY_CACHE_DIR`.
"""

from __future__ import annotations

import ctypes
import functools
import struct
import threading
from collections.abc import Callable
from typing import Any

from bgflow.errors import KernelError
from bgflow.frame import Array
from bgflow.kernel import Kernel

# Threads a block, x first. One axis alone is a row or a column a thread: few, so they are spread over many blocks.
BLOCK = {1: (64,), 2: (32, 8), 3: (32, 8, 1)}
# Without fused multiply-add every product is rounded as on the CPU, so that thresholds fall the same way. (CuPy adds
# -ftz=true: numbers below 1e-38 become 0.)
OPTIONS = ("--std=c++17", "--fmad=false")
CODE = {"u8": "B", "u16": "H", "i32": "i", "f32": "f"}  # of the struct module


class Loaded:
    """A kernel on one GPU, and how its arguments are handed over.

    CUDA wants the address of every argument and copies them during the call. The addresses stay the same, so that a
    launch writes all values with one `struct` and makes no object for any of them.
    """

    def __init__(self, cupy: Any, kernel: Kernel, address: Callable[[Array], int]):
        try:
            module = cupy.RawModule(code=kernel.source(), options=OPTIONS)
            self._function = module.get_function(kernel.name).kernel
        except cupy.cuda.compiler.CompileException as e:
            line = next((line for line in str(e).splitlines() if "error" in line), str(e))
            raise KernelError(f"{kernel.name}: NVRTC rejects it: {line}") from e
        codes = ["i"] * len(kernel.over)
        for a in kernel.args:
            codes += ["P", *"q" * (len(a.dims) - 1)] if a.dims else [CODE[a.type]]
        ends = [struct.calcsize("".join(codes[: n + 1])) for n in range(len(codes))]
        self._values = struct.Struct("".join(codes))
        self._memory = ctypes.create_string_buffer(self._values.size)
        base = ctypes.addressof(self._memory)
        starts = (base + end - struct.calcsize(c) for end, c in zip(ends, codes, strict=True))
        self._addresses = tuple(cupy.cuda.function.CPointer(start) for start in starts)
        self._kernel, self._address = kernel, address
        self._lock = threading.Lock()

    def launch(self, extent: tuple[int, ...], values: tuple[Any, ...], stream: Any) -> None:
        """Enqueue the kernel over `extent`."""
        flat = self._kernel.flat(values, self._address)
        block = shape(extent)
        grid = tuple(-(-n // b) for n, b in zip(extent[::-1], block, strict=True))
        with self._lock:
            self._values.pack_into(self._memory, 0, *extent, *flat)
            self._function(grid, block, self._addresses, stream=stream)


@functools.lru_cache
def shape(extent: tuple[int, ...]) -> tuple[int, ...]:
    """Threads a block, x first: `BLOCK`, and along a short axis no more than it needs."""
    return tuple(min(b, 1 << (n - 1).bit_length()) for n, b in zip(extent[::-1], BLOCK[len(extent)], strict=True))
