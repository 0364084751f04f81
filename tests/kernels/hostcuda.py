"""The twins of a kernel that need no GPU: its plain definition, and its CUDA text through g++ and through NVRTC."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from bgflow.devices import device
from bgflow.kernel import DTYPE, Kernel

Run = Callable[..., None]

# The words of CUDA that g++ does not know. Blocks stick out of the extent, as on a GPU.
SHIM = """
#include <cmath>
#define __device__
#define __global__
#define __forceinline__ inline
struct Index { unsigned x, y, z; };
static thread_local Index blockIdx, threadIdx;
static const Index blockDim{8, 4, 2};
static inline int min(int a, int b) { return b < a ? b : a; }
static inline int max(int a, int b) { return a < b ? b : a; }
static inline int atomicAdd(int* p, int v) { return __atomic_fetch_add(p, v, __ATOMIC_RELAXED); }
static inline int atomicMin(int* p, int v) {
    int old = __atomic_load_n(p, __ATOMIC_RELAXED);
    while (v < old && !__atomic_compare_exchange_n(p, &old, v, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}
    return old;
}
"""
STRICT = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-Wno-unknown-pragmas"]
FLAGS = ["-std=c++17", "-O1", "-ffp-contract=off", *STRICT, "-shared", "-fPIC", "-Wl,-Bsymbolic"]
CTYPE: dict[str, Any] = {"u8": ctypes.c_ubyte, "u16": ctypes.c_ushort, "i32": ctypes.c_int, "f32": ctypes.c_float}


def extent_of(k: Kernel, values: list[Any]) -> tuple[int, ...]:
    """The number of indices along each axis of `k.over`."""
    size: dict[str, int] = {}
    for arg, v in zip(k.args, values, strict=True):
        if arg.dims:
            size.update(zip(arg.dims, v.shape, strict=True))
        elif arg.type == "i32":
            size[arg.name] = int(v)
    return tuple(size[d] for d in k.over)


def python(k: Kernel) -> Run:
    """The definition: the undecorated function, called index by index. Integers that overflow raise."""

    def run(*values: Any) -> None:
        cast = [v if a.dims else DTYPE[a.type](v) for a, v in zip(k.args, values, strict=True)]
        with np.errstate(all="ignore", over="raise"):
            for index in np.ndindex(*extent_of(k, list(values))):
                k.body(*index, *cast)

    return run


@functools.cache
def host(k: Kernel, threads: bool = False) -> Run:
    """The CUDA text compiled by g++; call it like the kernel. With `threads` its blocks run side by side, in any order.

    Raises:
        CompileError: g++ rejects the text; the message is what g++ said.
    """
    names = [p.rpartition(" ")[2] for p in k.parameters()]
    extent = [f"n{i}" for i in range(len(k.over))]
    axes = ["x", "y", "z"][: len(extent)][::-1]
    blocks = "".join(
        f"for (unsigned b{a} = 0; b{a} < (unsigned({n}) + blockDim.{a} - 1) / blockDim.{a}; ++b{a})\n"
        for n, a in zip(extent, axes, strict=True)
    )
    inside = "".join(f"for (unsigned t{a} = 0; t{a} < blockDim.{a}; ++t{a})\n" for a in axes)
    loops = (f"#pragma omp parallel for collapse({len(axes)}) schedule(dynamic)\n" if threads else "") + blocks + inside
    place = "".join(f"blockIdx.{a} = b{a}; threadIdx.{a} = t{a}; " for a in axes)
    params = ", ".join([f"int {n}" for n in extent] + k.parameters())
    call = f"{place}{k.name}({', '.join(extent + names)});"
    text = f'{SHIM}{k.source()}\nextern "C" void run({params}) {{\n{loops}{{ {call} }}\n}}\n'
    library = ctypes.CDLL(str(compiled(text, ["-fopenmp"] if threads else [])))

    def run(*values: Any) -> None:
        args: list[Any] = [ctypes.c_int(n) for n in extent_of(k, list(values))]
        flat = iter(k.flat(values))
        for a in k.args:
            v = next(flat)
            args.append(ctypes.c_void_p(v.ctypes.data) if a.dims else CTYPE[a.type](v))
            args += [ctypes.c_longlong(next(flat)) for _ in a.dims[1:]]
        library.run(*args)

    return run


@contextlib.contextmanager
def gpu() -> Iterator[None]:
    """Arrays of the host go the ways of a GPU, one thread a pixel, and kernels run as their CUDA text."""
    cpu: Any = device("cpu")
    cpu.simt, cpu.launch = True, lambda k, extent, values: host(k)(*values)
    try:
        yield
    finally:
        del cpu.simt, cpu.launch


def ways() -> list[Any]:
    """How a function of bgflow.kernels may go about its work, as pytest parameters: contexts to call it in."""
    missing = pytest.mark.skipif(not has_gxx(), reason="needs g++")
    return [pytest.param(contextlib.nullcontext, id="cpu"), pytest.param(gpu, id="gpu", marks=missing)]


class CompileError(Exception):
    """A compiler rejects a kernel's text."""


def compiled(text: str, more: list[str]) -> Path:
    """The shared library of `text`, compiled once and kept in a temporary folder under the text's hash."""
    folder = Path(tempfile.gettempdir()) / f"bgflow-hostcuda-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    stem = hashlib.sha256((text + " ".join(FLAGS + more)).encode()).hexdigest()[:24]
    library = folder / f"{stem}.so"
    if not library.exists():
        part = folder / f"{stem}.{os.getpid()}.part"
        command = ["g++", *FLAGS, *more, "-x", "c++", "-", "-o", str(part)]
        plain = {**os.environ, "LC_ALL": "C"}  # the compiler's words in English, without curly quotes
        done = subprocess.run(command, input=text, text=True, capture_output=True, env=plain, check=False)
        if done.returncode:
            raise CompileError(done.stderr)
        part.replace(library)
    return library


def has_gxx() -> bool:
    """Whether the CUDA text can be compiled for the host."""
    return shutil.which("g++") is not None


@functools.cache
def nvrtc() -> ctypes.CDLL | None:
    """NVIDIA's run-time compiler from the `nvidia-cuda-nvrtc` wheel, which needs no GPU; None where it is absent."""
    spec = importlib.util.find_spec("nvidia")
    for base in (spec.submodule_search_locations or []) if spec else []:
        for file in sorted(Path(base).rglob("libnvrtc.so*")):
            return ctypes.CDLL(str(file))
    return None


def nvrtc_log(source: str, arch: str, *options: str) -> str:
    """What NVRTC says of `source` when it compiles it for `arch`, warnings as errors: nothing, if all is well."""
    lib = nvrtc()
    assert lib is not None
    program, size = ctypes.c_void_p(), ctypes.c_size_t()
    lib.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernel.cu", 0, None, None)
    flags = [f"--gpu-architecture={arch}", "--std=c++17", "--fmad=false", "-Werror=all-warnings", *options]
    words = (ctypes.c_char_p * len(flags))(*(f.encode() for f in flags))
    failed = lib.nvrtcCompileProgram(program, len(flags), words)
    lib.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    lib.nvrtcGetProgramLog(program, log)
    lib.nvrtcDestroyProgram(ctypes.byref(program))
    return log.value.decode().strip() or ("failed without a word" if failed else "")


class Resources(NamedTuple):
    """What one thread of a kernel takes: registers, and bytes of local memory, which is slow, for arrays and spills."""

    registers: int
    stack: int
    spilled: int


def resources(k: Kernel, arch: str) -> Resources:
    """What NVIDIA's assembler, which NVRTC brings along, makes of a kernel."""
    log = nvrtc_log(k.source(), arch, "--ptxas-options=-v")
    found = [re.search(rf"{word}", log) for word in (r"Used (\d+) reg", r"(\d+) bytes stack", r"(\d+) bytes spill st")]
    assert all(found), log
    return Resources(*(int(m[1]) for m in found if m))
