"""Compile kernel bodies with numba, once per machine: the machine code is kept on disk between starts."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import inspect
import logging
import os
import sys
import threading
import types
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bgflow.errors import KernelError

if TYPE_CHECKING:
    from bgflow.kernel import Kernel

# libgomp's threads else spin for milliseconds after every launch, on cores that decoders and networks want.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

SMALL = 16_384  # elements below which one thread is quicker than several
PLENTY = 4_000_000  # the same for kernels that do little with each: waking a thread takes 0.1 to 0.2 ms
LAUNCH_LOCK = threading.Lock()
COMPILE_LOCK = threading.RLock()  # numba's own does not cover making dispatchers and finding types
log = logging.getLogger("bgflow.kernels")


class Function:
    """A helper that kernel bodies may call; plain Python here, inlined by numba in a launch."""

    def __init__(self, body: Callable[..., Any], atomic: bool = False):
        self.body, self.atomic = body, atomic
        functools.update_wrapper(self, body)

    def __call__(self, *values: Any) -> Any:
        return self.body(*values)

    @functools.cached_property
    def jitted(self) -> Any:
        """The helper for numba; the helpers it calls itself are taken along.

        LLVM inlines it, not numba: loops run up to a third slower in kernels of many helpers (the synthetic figures),
        but those compile in 6 s instead of 21.
        """
        return jit(self.body, forceinline=True)


def function(body: Callable[..., Any]) -> Function:
    """Mark a helper of kernel bodies; the `.cu` file writes the same helper as a `__device__` function."""
    return Function(body)


def atomic(body: Callable[..., Any]) -> Function:
    """Mark a helper that changes an element which other indices change too; the `.cu` file calls CUDA's atomic.

    On the CPU a kernel that calls it, if only through others, runs on one thread.
    """
    return Function(body, atomic=True)


def compiled(k: Kernel) -> Any:
    """The kernel's body over its whole extent: parallel over the first index, inner loops over the others."""
    import numba

    with COMPILE_LOCK:
        names = ", ".join(a.name for a in k.args)
        index = [f"i{n}" for n in range(len(k.over))]
        extent = [f"n{n}" for n in range(len(k.over))]
        alone = any(f.atomic for f in _helpers(k.body))
        turns = "range" if alone else "prange"
        lines = [f"def {k.name}({', '.join(extent)}, {names}):", f"    for i0 in {turns}({extent[0]}):"]
        fixed = [f"{a.name}.shape[{n}] == {d}" for a in k.args for n, d in enumerate(a.dims) if n > 1 and d.isdigit()]
        lines.append(f"        if {' and '.join(fixed) or 'True'}:  # always; it tells LLVM the stride of a pixel")
        for n in range(1, len(k.over)):
            lines.append(f"{'    ' * (n + 2)}for {index[n]} in range({extent[n]}):")
        lines.append(f"{'    ' * (len(k.over) + 2)}body({', '.join(index)}, {names})")
        module: Any = _module_on_disk("\n".join(["from numba import prange", "", *lines, ""]), k)
        module.body = jit(k.body)
        made: Any = numba.njit(getattr(module, k.name), parallel=not alone, nogil=True, cache=True, error_model="numpy")
        if not Path(made._cache._cache_file._index_path).exists():
            _announce()
        return made


@functools.cache
def _announce() -> None:
    """Say once per process why nothing moves for some seconds."""
    log.info("compiling kernels for this machine, which happens once and takes some seconds")


def jit(body: Callable[..., Any], **how: Any) -> Any:
    """`body` for numba, with the helper Functions among its globals replaced by their compiled selves."""
    import numba

    space = dict(body.__globals__)
    for name in body.__code__.co_names:
        if isinstance(space.get(name), Function):
            space[name] = space[name].jitted
    clone = types.FunctionType(body.__code__, space, body.__name__, body.__defaults__)
    return numba.njit(clone, nogil=True, error_model="numpy", **(how or {"inline": "always"}))


def _helpers(body: Callable[..., Any]) -> set[Function]:
    """The helpers that `body` calls, and those that they call."""
    called = {body.__globals__.get(name) for name in body.__code__.co_names if name in body.__globals__}
    found = {f for f in called if isinstance(f, Function)}
    return found.union(*(_helpers(f.body) for f in found))


def cache_folder() -> Path:
    """Where compiled kernels are kept: `BGFLOW_CACHE`, else the user's cache folder, else a temporary one."""
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
    import numba

    digest = hashlib.sha256(text.encode())
    bodies = [k.body, *(f.body for f in _helpers(k.body))]
    for file in [*sorted({Path(inspect.getfile(b)) for b in bodies}), Path(__file__), Path(inspect.getfile(type(k)))]:
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


def contiguous(v: Any, mode: str) -> Any:
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


def build(compiled: Any, values: tuple[Any, ...]) -> None:
    """Compile for values of these types, or load that from the disk.

    By the types alone and on a thread of its own: numba's compiler leaves cycles behind, which reach every call that
    led to it, and a frame's memory would hang in them until they are collected.
    """
    from concurrent.futures import ThreadPoolExecutor

    import numba

    untyped: Any = numba
    with COMPILE_LOCK, ThreadPoolExecutor(1, "bgflow:compiler") as compiler:
        types = tuple(untyped.typeof(v) for v in values)
        compiler.submit(compiled.compile, types).result()


def use_threads(largest: int, cheap: bool = False) -> None:
    """All of numba's threads for a launch over `largest` elements, or one when waking the others costs more."""
    import numba

    config: Any = numba.config
    wanted = 1 if largest < (PLENTY if cheap else SMALL) else config.NUMBA_NUM_THREADS
    if numba.get_num_threads() != wanted:  # the setting is this Python thread's own
        numba.set_num_threads(wanted)


@functools.cache
def needs_lock() -> bool:
    """Whether launches must not overlap: numba's `workqueue` threads abort the process when two callers enter."""
    from numba.np.ufunc import parallel

    launch: Any = parallel  # untyped
    launch._launch_threads()
    return str(launch.threading_layer()) not in ("omp", "tbb")
