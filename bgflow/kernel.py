"""One signature, two bodies: a Python function for the CPU (numba) and a CUDA body beside it for the GPU.

The undecorated Python function, called index by index, is the kernel's definition. `cpu` is the same text compiled
by numba over the whole extent; the `.cu` file of the same stem holds the CUDA text, whose parameters are written
here from the Python signature, so that names, order, dtypes and directions exist once.

Importing a kernel costs nothing: numba and cupy load at the first launch. Compiled code is kept on disk
(`BGFLOW_CACHE`, else the user's cache folder), under a name that changes with the source.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import inspect
import re
import sys
import threading
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bgflow.errors import KernelError

CTYPE = {"u8": "unsigned char", "u16": "unsigned short", "i32": "int", "f32": "float"}
DTYPE: dict[str, type[np.generic]] = {"u8": np.uint8, "u16": np.uint16, "i32": np.int32, "f32": np.float32}
NAME = {np.dtype(t): n for n, t in DTYPE.items()}

_cpu_lock = threading.Lock()


@dataclass(frozen=True)
class Arg:
    """One declared argument: `f32[h,w,3] inout` or the scalar `f32`."""

    name: str
    type: str
    dims: tuple[str, ...]
    mode: str = "in"

    @classmethod
    def parse(cls, name: str, text: str) -> Arg:
        m = re.fullmatch(r"(\w+)(?:\[([^\]]+)\])?(?: (in|out|inout))?", text)
        if not m or m[1] not in CTYPE or (m[3] and not m[2]):
            raise KernelError(f"{name}: {text!r} is not a kernel type; write for example 'u8[h,w,3] out' or 'f32'")
        return cls(name, m[1], tuple(d.strip() for d in m[2].split(",")) if m[2] else (), m[3] or "in")

    def __str__(self) -> str:
        return f"{self.type}[{','.join(self.dims)}]" if self.dims else self.type


class Function:
    """A helper that kernel bodies may call; plain Python here, inlined by numba in a launch."""

    def __init__(self, body: Callable[..., Any]):
        self.body = body
        functools.update_wrapper(self, body)

    def __call__(self, *values: Any) -> Any:
        return self.body(*values)

    @functools.cached_property
    def jitted(self) -> Any:
        """The helper for numba; the helpers it calls itself are taken along."""
        return _jit(self.body)


def function(body: Callable[..., Any]) -> Function:
    """Mark a helper of kernel bodies; the `.cu` file writes the same helper as a `__device__` function."""
    return Function(body)


class Kernel:
    """A kernel over a rectangle of indices: call it with arrays that all live on one device.

    `over` names the extent: dims of the arguments, or i32 scalars among them; the body's first parameters are the
    indices in that order. Arrays are checked against the declared types; rows may be padded, elements may not.
    An `in` array is never written and may be read-only. Launches are safe from several threads.
    """

    def __init__(self, body: Callable[..., Any], args: list[Arg], over: tuple[str, ...], cu: Path):
        self.name, self.body, self.args, self.over, self.cu = body.__name__, body, args, over, cu
        functools.update_wrapper(self, body)

    def __call__(self, *values: Any) -> None:
        from bgflow.devices import device_of

        if len(values) != len(self.args):
            raise KernelError(f"{self.name}: takes {len(self.args)} arguments, not {len(values)}")
        first = next(v for a, v in zip(self.args, values, strict=True) if a.dims)
        where = device_of(first)
        size: dict[str, int] = {}
        cast = []
        for arg, v in zip(self.args, values, strict=True):
            if not arg.dims:
                v = DTYPE[arg.type](v)
                size.setdefault(arg.name, int(v)) if arg.type == "i32" else None
            else:
                self._check(arg, v, size)
                if not where.owns(v):
                    raise KernelError(
                        f"{self.name}: {arg.name} is on {device_of(v).name}, but its first array is on {where.name}"
                    )
            cast.append(v)
        extent = tuple(size[d] for d in self.over)
        where.launch(self, extent, tuple(cast))

    def _check(self, arg: Arg, v: Any, size: dict[str, int]) -> None:
        found = getattr(v, "dtype", None)
        if found != DTYPE[arg.type] or v.ndim != len(arg.dims):
            shape = "x".join(map(str, getattr(v, "shape", ())))
            raise KernelError(f"{self.name}: {arg.name} is {found or type(v).__name__}[{shape}], but wants {arg}")
        for d, n in zip(arg.dims, v.shape, strict=True):
            if size.setdefault(d, int(d) if d.isdigit() else n) != n:
                raise KernelError(f"{self.name}: {arg.name} has {d}={n}, but {d} is {size[d]}")
        if arg.mode != "in" and isinstance(v, np.ndarray) and not v.flags.writeable:
            raise KernelError(f"{self.name}: {arg.name} is read-only; a stage's input is never written")

    # -- CPU ---------------------------------------------------------------------------------------------------

    def run_cpu(self, extent: tuple[int, ...], values: tuple[Any, ...]) -> None:
        """Launch over host arrays; called by the device after `__call__` has checked them."""
        ready = tuple(_contiguous(v, a.mode) if a.dims else v for a, v in zip(self.args, values, strict=True))
        if 0 in extent:
            return
        run = self.cpu
        if _layer_is_threadsafe():
            run(*extent, *ready)
        else:
            with _cpu_lock:
                run(*extent, *ready)

    @functools.cached_property
    def cpu(self) -> Any:
        """The body compiled by numba: parallel over the first index."""
        import numba

        with _cpu_lock:
            names = ", ".join(a.name for a in self.args)
            index = [f"i{n}" for n in range(len(self.over))]
            extent = [f"n{n}" for n in range(len(self.over))]
            lines = [f"def {self.name}({', '.join(extent)}, {names}):", f"    for i0 in prange({extent[0]}):"]
            for n in range(1, len(self.over)):
                lines.append(f"{'    ' * (n + 1)}for {index[n]} in range({extent[n]}):")
            lines.append(f"{'    ' * (len(self.over) + 1)}body({', '.join(index)}, {names})")
            module = _module_on_disk("\n".join(["from numba import prange", "", *lines, ""]), self)
            module.body = _jit(self.body)  # type: ignore[attr-defined]
            return numba.njit(getattr(module, self.name), parallel=True, nogil=True, cache=True, error_model="numpy")

    # -- CUDA --------------------------------------------------------------------------------------------------

    def flat(self, values: tuple[Any, ...]) -> list[Any]:
        """The arguments as the CUDA entry point takes them: a pointer and its strides, or a scalar."""
        out: list[Any] = []
        for arg, v in zip(self.args, values, strict=True):
            out.append(v)
            if arg.dims:
                out += [np.int64(s // v.itemsize) for s in v.strides[:-1]]
        return out

    def parameters(self) -> list[str]:
        """The C parameters behind `flat`, in order."""
        out = []
        for a in self.args:
            if a.dims:
                out.append(f"{self._element(a)}* {a.name}")
                out += [f"long long {a.name}_s{n}" for n in range(len(a.dims) - 1)]
            else:
                out.append(f"{CTYPE[a.type]} {a.name}")
        return out

    @staticmethod
    def _element(a: Arg) -> str:
        return ("const " if a.mode == "in" else "") + CTYPE[a.type]

    def source(self) -> str:
        """The CUDA source: parameters and bounds from the Python signature, the body from the `.cu` file."""
        view = {a.name: f"View<{self._element(a)}, {len(a.dims)}>" for a in self.args if a.dims}
        params = ", ".join(f"{view.get(a.name, CTYPE[a.type])} {a.name}" for a in self.args)
        made = [
            f"{view[a.name]}{{{', '.join([a.name, *(f'{a.name}_s{n}' for n in range(len(a.dims) - 1))])}}}"
            if a.dims
            else a.name
            for a in self.args
        ]
        index = list(inspect.signature(self.body).parameters)[: len(self.over)]
        extent = [f"n_{i}" for i in index]
        axes = ["x", "y", "z"][: len(index)][::-1]
        where = "".join(
            f"    int {i} = blockIdx.{x} * blockDim.{x} + threadIdx.{x};\n" for i, x in zip(index, axes, strict=True)
        )
        inside = " && ".join(f"{i} < {n}" for i, n in zip(index, extent, strict=True))
        return "\n".join(
            [
                (Path(__file__).parent / "kernel.cuh").read_text(),
                f"#define ARGS_{self.name} {', '.join(f'int {i}' for i in index)}, {params}",
                f'#line 1 "{self.cu.name}"',
                _own_text(self.cu.read_text(), self.name),
                f'extern "C" __global__ void {self.name}({", ".join(f"int {n}" for n in extent)}, '
                f"{', '.join(self.parameters())}) {{",
                where + f"    if ({inside}) {self.name}_body({', '.join(index)}, {', '.join(made)});",
                "}",
                "",
            ]
        )


def kernel(over: str = "h,w", **types: str) -> Callable[[Callable[..., Any]], Kernel]:
    """Declare a kernel: `@kernel(image="u8[h,w,3]", mask="u8[h,w] out", rate="f32")` over `def f(y, x, image, …)`.

    Raises:
        KernelError: the function's parameters differ from the declared ones, or `over` names nothing known.
    """

    def wrap(body: Callable[..., Any]) -> Kernel:
        extent = tuple(d.strip() for d in over.split(","))
        args = [Arg.parse(n, t) for n, t in types.items()]
        names = list(inspect.signature(body).parameters)
        if names[len(extent) :] != list(types):
            raise KernelError(
                f"{body.__name__}: its parameters after {len(extent)} indices are {names[len(extent) :]}, "
                f"but {list(types)} are declared"
            )
        have = {d for a in args for d in a.dims} | {a.name for a in args if a.type == "i32" and not a.dims}
        if unknown := [d for d in extent if d not in have]:
            raise KernelError(f"{body.__name__}: over names {unknown[0]!r}, which no argument has")
        return Kernel(body, args, extent, Path(inspect.getfile(body)).with_suffix(".cu"))

    return wrap


def _own_text(text: str, name: str) -> str:
    """A `.cu` file without the other kernels' bodies (their parameters are not declared); lines keep their number."""
    out, skip = [], False
    for line in text.splitlines():
        if m := re.match(r"KERNEL\((\w+)\)", line):
            skip = m[1] != name
        out.append("" if skip else line)
        if skip and line.startswith("}"):
            skip = False
    return "\n".join(out)


def _jit(body: Callable[..., Any]) -> Any:
    """`body` compiled by numba, with the helper Functions among its globals replaced by their compiled selves."""
    import numba

    space = dict(body.__globals__)
    for name in body.__code__.co_names:
        if isinstance(space.get(name), Function):
            space[name] = space[name].jitted
    clone = types.FunctionType(body.__code__, space, body.__name__, body.__defaults__)
    return numba.njit(clone, nogil=True, inline="always", error_model="numpy")


def _helpers(body: Callable[..., Any]) -> set[Path]:
    """The files whose text decides what `body` compiles to."""
    found = {Path(inspect.getfile(body))}
    for name in body.__code__.co_names:
        helper = body.__globals__.get(name)
        if isinstance(helper, Function):
            found |= _helpers(helper.body)
    return found


def cache_folder() -> Path:
    """Where compiled kernels are kept: `BGFLOW_CACHE`, else the user's cache folder, else a temporary one."""
    import os
    import tempfile

    import platformdirs

    for base in (
        os.environ.get("BGFLOW_CACHE"),
        platformdirs.user_cache_dir("bgflow"),
        tempfile.gettempdir(),
    ):
        if not base:
            continue
        folder = Path(base) / "kernels"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    raise KernelError("no folder for compiled kernels is writable; set BGFLOW_CACHE to one that is")


def _module_on_disk(text: str, k: Kernel) -> types.ModuleType:
    """Import `text` from a file named after everything it depends on: numba keeps compiled code only for files."""
    import os

    import numba

    digest = hashlib.sha256(text.encode())
    for file in [*sorted(_helpers(k.body)), Path(__file__)]:
        digest.update(file.read_bytes())
    digest.update(numba.__version__.encode())
    stem = f"{k.name}_{digest.hexdigest()[:16]}"
    path = cache_folder() / f"{stem}.py"
    if not path.exists():
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_text(text)
        part.replace(path)
    spec = importlib.util.spec_from_file_location(f"bgflow_kernels_{stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # numba looks a function's module up by name when it loads compiled code
    spec.loader.exec_module(module)
    return module


def _contiguous(v: Any, mode: str) -> Any:
    """A view that numba compiles well: `in` arrays read-only, padded rows widened to whole rows (never copied)."""
    if not v.flags.c_contiguous and v.ndim >= 2:
        inner = v.itemsize
        packed = True
        for n, s in zip(v.shape[:1:-1], v.strides[:1:-1], strict=True):
            packed &= s == inner
            inner *= n
        if packed and v.strides[1] == inner and v.strides[0] > 0 and v.strides[0] % inner == 0:
            wide = (v.shape[0], v.strides[0] // inner, *v.shape[2:])
            v = np.lib.stride_tricks.as_strided(v, wide, v.strides, writeable=mode != "in")
    if mode == "in" and v.flags.writeable:
        v = v.view()
        v.flags.writeable = False
    return v


@functools.cache
def _layer_is_threadsafe() -> bool:
    """Whether numba's threads may be entered from two Python threads at once (workqueue aborts the process)."""
    from numba.np.ufunc import parallel

    launch: Any = parallel  # untyped
    launch._launch_threads()
    return str(launch.threading_layer()) in ("omp", "tbb")
