"""One signature, two bodies: a Python function for the CPU (numba) and a CUDA body beside it for the GPU.

The undecorated Python function, called index by index, is the kernel's definition. `cpu` is the same text compiled
by numba over the whole extent; the `.cu` file of the same stem holds the CUDA text, whose parameters are written
here from the Python signature, so that names, order, dtypes and directions exist once.

Importing a kernel costs nothing: numba and cupy load at the first launch. Compiled code is kept on disk
(`BGFLOW_CACHE`, else the user's cache folder), under a name that changes with the source.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bgflow import numbajit
from bgflow.errors import KernelError
from bgflow.numbajit import Function as Function
from bgflow.numbajit import atomic as atomic
from bgflow.numbajit import function as function

CTYPE = {"u8": "unsigned char", "u16": "unsigned short", "i32": "int", "f32": "float"}
DTYPE: dict[str, Any] = {"u8": np.uint8, "u16": np.uint16, "i32": np.int32, "f32": np.float32}
NAME = {np.dtype(t): n for n, t in DTYPE.items()}
MOST = 2**31  # elements from an array's first to its last: kernel.cuh counts strides in 32 bits
FORMS = 256  # combinations of shapes that a kernel remembers to have checked


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


class Kernel:
    """A kernel over a rectangle of indices: call it with arrays that all live on one device.

    `over` names the extent: dims of the arguments, or i32 scalars among them; the body's first parameters are the
    indices in that order. Arrays are checked against the declared types; rows may be padded, elements may not.
    An `in` array is never written and may be read-only. Launches are safe from several threads.
    """

    def __init__(self, body: Callable[..., Any], args: list[Arg], over: tuple[str, ...], cu: Path):
        self.name, self.body, self.args, self.over, self.cu = body.__name__, body, args, over, cu
        self.cheap = False
        self._kinds = [None if a.dims else DTYPE[a.type] for a in args]
        dims = {*over, *(d for a in args for d in a.dims)}
        self._sizes = {a.name for a in args if a.type == "i32" and not a.dims and a.name in dims}
        self._checked: dict[tuple[Any, ...], tuple[int, ...]] = {}
        self.built: set[tuple[bool, ...]] = set()
        """For which layouts it is compiled: which of its arrays have no gaps."""
        functools.update_wrapper(self, body)

    def __call__(self, *values: Any) -> None:
        from bgflow.devices import device_of

        if len(values) != len(self.args):
            raise KernelError(f"{self.name}: takes {len(self.args)} arguments, not {len(values)}")
        where = None
        form: list[Any] = []  # all that `_extent` looks at; arrays of a form that passed once are not checked again
        cast = []
        for arg, kind, v in zip(self.args, self._kinds, values, strict=True):
            if kind is not None:
                v = v if type(v) is kind else kind(v)
                if arg.name in self._sizes:
                    form.append(int(v))
            else:
                where = where or device_of(v)
                if not where.owns(v):
                    raise KernelError(f"{self.name}: {arg.name} is {_stray(arg, v, where.name)}")
                if arg.mode != "in" and isinstance(v, np.ndarray) and not v.flags.writeable:
                    raise KernelError(f"{self.name}: {arg.name} is read-only; a stage's input is never written")
                form.append((v.dtype, v.shape, v.strides))
            cast.append(v)
        assert where is not None
        packed = where.simt or where.name != "cpu"  # numba takes any strides; a CUDA body counts on packed elements
        key = (packed, *form)
        extent = self._checked.get(key)
        if extent is None:
            extent = self._extent(form, packed)
            if len(self._checked) < FORMS:
                self._checked[key] = extent
        where.launch(self, extent, tuple(cast))

    def _extent(self, form: list[Any], packed: bool) -> tuple[int, ...]:
        """The indices to run over, for arrays of these (dtype, shape, strides) and these sizes.

        Raises:
            KernelError: an array is not of its declared type, or contradicts another.
        """
        size: dict[str, int] = {}
        looked = iter(form)
        for arg in self.args:
            if arg.dims:
                self._check(arg, next(looked), size, packed)
            elif arg.name in self._sizes:
                size.setdefault(arg.name, next(looked))
        return tuple(size[d] for d in self.over)

    def _check(self, arg: Arg, found: tuple[Any, ...], size: dict[str, int], packed: bool) -> None:
        dtype, shape, strides = found
        fixed = [(int(d), n) for d, n in zip(arg.dims, shape, strict=False) if d.isdigit()]
        if dtype != DTYPE[arg.type] or len(shape) != len(arg.dims) or any(d != n for d, n in fixed):
            raise KernelError(f"{self.name}: {arg.name} is {dtype}[{'x'.join(map(str, shape))}], but wants {arg}")
        for d, n in zip(arg.dims, shape, strict=True):
            if size.setdefault(d, n) != n:
                raise KernelError(f"{self.name}: {arg.name} has {d}={n}, but {d} is {size[d]}")
        if packed and strides[-1] != dtype.itemsize and shape[-1] > 1:
            raise KernelError(
                f"{self.name}: {arg.name} has gaps between its elements; rows may be padded, elements may not"
            )
        if packed and math.prod(shape) and shape[0] * strides[0] // dtype.itemsize >= MOST:
            raise KernelError(f"{self.name}: {arg.name} spans 2^31 elements or more; a GPU's kernel takes fewer")

    # -- CPU ---------------------------------------------------------------------------------------------------

    def run_cpu(self, extent: tuple[int, ...], values: tuple[Any, ...]) -> None:
        """Launch over host arrays; called by the device after `__call__` has checked them."""
        ready = tuple(numbajit.contiguous(v, a.mode) if a.dims else v for a, v in zip(self.args, values, strict=True))
        if 0 in extent:
            return
        layout = tuple([v.flags.c_contiguous for v in ready if type(v) is np.ndarray])
        if layout not in self.built:  # all else of a type is declared
            numbajit.build(self.cpu, (*extent, *ready))
            self.built.add(layout)
        largest = max((v.size for v, a in zip(ready, self.args, strict=True) if a.dims), default=0)
        with numbajit.LAUNCH_LOCK if numbajit.needs_lock() else contextlib.nullcontext():
            numbajit.use_threads(largest, self.cheap)
            self.cpu(*extent, *ready)

    @functools.cached_property
    def cpu(self) -> Any:
        """The body compiled by numba: parallel over the first index."""
        return numbajit.compiled(self)

    # -- CUDA --------------------------------------------------------------------------------------------------

    def flat(self, values: tuple[Any, ...], address: Callable[[Any], Any] = lambda array: array) -> list[Any]:
        """The arguments as the CUDA entry point takes them: an array's `address` and its strides, or a scalar."""
        out: list[Any] = []
        for kind, v in zip(self._kinds, values, strict=True):
            if kind is None:
                out.append(address(v))
                out += _pitches(v.strides, v.itemsize)
            else:
                out.append(v)
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


def cheap(k: Kernel) -> Kernel:
    """Mark a kernel that does little with each element, so that on a CPU one thread is enough for a small picture."""
    k.cheap = True
    return k


@functools.lru_cache
def _pitches(strides: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """All strides but the last, in elements."""
    return tuple(s // itemsize for s in strides[:-1])


def _stray(arg: Arg, v: Any, first: str) -> str:
    from bgflow.devices import device_of

    if not hasattr(v, "dtype"):
        return f"{type(v).__name__}[], but wants {arg}"
    return f"on {device_of(v).name}, but its first array is on {first}"


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
