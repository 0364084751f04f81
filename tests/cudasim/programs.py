"""`cupy.RawModule`: CUDA text compiled by g++ and run thread by thread, with the grid and block that were asked for."""

from __future__ import annotations

import ctypes
import functools
import re
from typing import Any

from bgflow.kernel import CTYPE
from tests.cudasim import streams
from tests.cudasim.machine import Op
from tests.kernels import hostcuda

SIZE = {"unsigned char": 1, "unsigned short": 2, "int": 4, "float": 4, "long long": 8}
assert set(CTYPE.values()) < set(SIZE)
SHIM = re.sub(r"static const Index blockDim\{.*?\};", "static thread_local Index blockDim, gridDim;", hostcuda.SHIM)


class CompileException(Exception):
    """What the compiler rejects."""


class RawModule:
    """CUDA text."""

    def __init__(
        self,
        code: str | None = None,
        path: str | None = None,
        options: tuple[str, ...] = (),
        backend: str = "nvrtc",
        **kw: Any,
    ):
        assert {"--std=c++17", "--fmad=false"} <= set(options)
        assert code is not None
        self._code = code

    def get_function(self, name: str) -> RawKernel:
        return RawKernel(self._code, name)


class RawKernel:
    """One entry of a module."""

    def __init__(self, code: str, name: str, options: tuple[str, ...] = (), backend: str = "nvrtc", **kw: Any):
        self.code, self.name = code, name

    @property
    def kernel(self) -> Function:
        return _function(self.code, self.name)


class CPointer:
    """The address of an argument's value."""

    def __init__(self, p: int = 0):
        self.ptr = p


class Function:
    """A kernel that is compiled; its arguments are copied at the launch, as the driver does."""

    def __init__(self, run: Any, sizes: list[int]):
        self._run, self._sizes = run, sizes

    def __call__(
        self, grid: tuple[int, ...], block: tuple[int, ...], args: Any, shared_mem: int = 0, stream: Any = None
    ) -> None:
        stream = stream or streams.current_stream()
        assert type(grid) is tuple
        assert type(block) is tuple
        grid, block = (*grid, 1, 1)[:3], (*block, 1, 1)[:3]
        if block[0] * block[1] * block[2] > 1024 or block[2] > 64 or max(grid[1:]) > 65535 or grid[0] >= 1 << 31:
            raise streams.CUDADriverError("CUDA_ERROR_INVALID_VALUE: invalid argument")
        if stream.device_id != streams.current_device():
            raise streams.CUDADriverError("CUDA_ERROR_INVALID_HANDLE: the stream is of another device")
        assert len(args) == len(self._sizes), f"{len(args)} arguments for {len(self._sizes)} parameters"
        kept = [ctypes.string_at(a.ptr, size) for a, size in zip(args, self._sizes, strict=True)]

        def run() -> None:
            values = (ctypes.c_char_p * len(kept))(*kept)
            self._run(values, (ctypes.c_uint * 3)(*grid), (ctypes.c_uint * 3)(*block))

        stream._put(Op("kernel", run))


@functools.cache
def _function(code: str, name: str) -> Function:
    found = re.search(rf'extern "C" __global__ void {name}\(([^)]*)\)', code)
    assert found, f"no kernel {name}"
    types = [p.strip().rpartition(" ")[0] for p in found[1].split(",")]
    values = ", ".join(f"*({t}*)a[{n}]" for n, t in enumerate(types))
    loops = "".join(f"for ({w}Idx.{x} = 0; {w}Idx.{x} < {w2}Dim.{x}; ++{w}Idx.{x})\n" for w, w2, x in LOOPS)
    text = (
        f'{SHIM}{code}\nextern "C" void run(void** a, const unsigned* g, const unsigned* b) {{\n'
        f"gridDim = {{g[0], g[1], g[2]}}; blockDim = {{b[0], b[1], b[2]}};\n{loops}{name}({values});\n}}\n"
    )
    try:
        library = ctypes.CDLL(str(hostcuda.compiled(text, [])))
    except hostcuda.CompileError as e:
        raise CompileException(str(e)) from e
    return Function(library.run, [8 if t.endswith("*") else SIZE[t] for t in types])


LOOPS = [(word, dim, x) for word, dim in (("block", "grid"), ("thread", "block")) for x in "zyx"]
