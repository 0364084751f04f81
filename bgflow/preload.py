"""Load compiled kernels while a run opens its files and networks: those that the same stages launched the last time.

numba and its first kernel take half a second to load, each further kernel 10 ms. That is Python's work, and what
OpenVINO does meanwhile is not, so the two overlap. Which kernels a run launches, and for arrays of which layouts, only
the run itself shows; it is noted beside the compiled code when a run ends. A note that has become wrong costs no more
than time: what is not on the disk as it was is left to its first launch.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import logging
import sys
import threading
import types
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from bgflow import numbajit
from bgflow.aside import aside
from bgflow.errors import KernelError
from bgflow.graph import Graph
from bgflow.kernel import DTYPE, Kernel

BLAS = "scipy.linalg.cython_blas"
log = logging.getLogger("bgflow.kernels")

Launched = list[tuple[str, str, str, list[list[bool]]]]
"""For each kernel its module, its name, the stem of its file on disk, and the layouts: which arrays had no gaps."""


@contextlib.contextmanager
def preloaded(graph: Graph) -> Iterator[None]:
    """Load on a thread of its own what the last run of these stages launched; at the end note what this one did."""
    listed = _listed(graph)
    ended = threading.Event()
    loader = threading.Thread(target=_load, args=(listed, ended), name="bgflow:kernels")
    if listed:
        loader.start()
    try:
        yield
    finally:
        ended.set()
        if listed:
            loader.join()
    if (launched := _launched()) != listed:
        _note(graph, launched)


def _load(listed: Launched, ended: threading.Event) -> None:
    try:
        _complete()
        for module, name, stem, layouts in listed:
            kernel = getattr(importlib.import_module(module), name, None)
            if not isinstance(kernel, Kernel) or _stem(kernel) != stem:
                continue
            for layout in layouts:
                if ended.is_set():
                    return
                with numbajit.COMPILE_LOCK:
                    kernel.cpu.compile(_types(kernel, layout))
    except Exception as e:  # the launch itself will tell what is wrong
        log.debug("kernels were not loaded ahead: %s", e)


def _complete() -> None:
    """Import all of numba that compiled code needs. Its tables of types grow meanwhile, so first launches wait."""
    from numba.core.registry import cpu_target

    target: Any = cpu_target  # untyped
    with numbajit.COMPILE_LOCK:
        numbajit.needs_lock()
        _import_array_functions()
        target.typing_context.refresh()
        target.target_context.refresh()


def _import_array_functions() -> None:
    """Import what numba has for arrays, without all of scipy: it only asks whether its BLAS is there.

    Loading it would take 0.15 s and 40 MB; who really uses it imports it then.
    """
    if "scipy.linalg" in sys.modules or find_spec("scipy") is None:
        return
    sys.modules[BLAS] = types.ModuleType(BLAS)
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        del sys.modules[BLAS]


def _launched() -> Launched:
    """The kernels of bgflow that this process has launched on the CPU, in the order of their first launches."""
    out: list[tuple[int, str, str, str, list[list[bool]]]] = []
    order = {name: n for n, name in enumerate(sys.modules)}  # each has a module of its own, made when it is wanted
    for name, module in list(sys.modules.items()):
        if not name.startswith("bgflow."):
            continue
        for kernel in vars(module).values():
            if not isinstance(kernel, Kernel) or kernel.body.__module__ != name:
                continue
            known = [list(layout) for layout in kernel.built if _types(kernel, layout) in kernel.cpu.signatures]
            if known:
                made = order[kernel.cpu.py_func.__module__]
                out.append((made, name, kernel.name, _stem(kernel), sorted(known)))
    return [it[1:] for it in sorted(out)]


def _types(kernel: Kernel, layout: Iterable[bool]) -> tuple[Any, ...]:
    """numba's types of a launch with arrays of that layout, as `Kernel.run_cpu` passes them."""
    import numba

    untyped: Any = numba
    packed = iter(layout)
    out = [untyped.int64 for _ in kernel.over]
    for arg in kernel.args:
        element = untyped.from_dtype(np.dtype(DTYPE[arg.type]))
        if arg.dims:
            order = "C" if next(packed) else "A"
            element = untyped.types.Array(element, len(arg.dims), order, readonly=arg.mode == "in")
        out.append(element)
    return tuple(out)


def _stem(kernel: Kernel) -> str:
    """What the file of its compiled code is called, which tells its text apart from others."""
    return Path(kernel.cpu.py_func.__code__.co_filename).stem


def _file(graph: Graph) -> Path:
    uses = sorted(node.stage.use for node in graph.nodes.values())
    return numbajit.cache_folder() / f"launched_{hashlib.sha256(repr(uses).encode()).hexdigest()[:16]}.json"


def _listed(graph: Graph) -> Launched:
    """What was noted of these stages; nothing where there is no note, or none that can be read."""
    try:
        return [(m, n, s, layouts) for m, n, s, layouts in json.loads(_file(graph).read_text("utf-8"))]
    except (OSError, ValueError, TypeError, KernelError):
        return []


def _note(graph: Graph, launched: Launched) -> None:
    with contextlib.suppress(OSError, KernelError), aside(_file(graph)) as part:
        part.write_text(json.dumps(launched), "utf-8")
