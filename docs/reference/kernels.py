"""The kernel reference: every kernel with its arguments, one section for each file of kernels/."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import bgflow.kernels
from bgflow.kernel import Kernel
from docs.reference.markdown import code, prose, summary, table


def pages() -> dict[str, str]:
    """`reference/kernels.md`."""
    parts = [
        "# Kernels",
        "Made from the code. Each is one Python function that is its definition, compiled by numba on a CPU, and a "
        "body in CUDA for a GPU. A call launches it where its arrays are: `from bgflow.kernels import over`, then "
        "`over.over_picture(image, alpha, background, out)`. An argument is an array (`f32[h,w]`) or a number "
        "(`f32`); `out` is written, `inout` is read and written, and the rest is only read.",
    ]
    for module in sorted(m.name for m in pkgutil.iter_modules(bgflow.kernels.__path__)):
        parts += _file(module)
    return {"reference/kernels.md": "\n\n".join([*parts, ""])}


def _file(name: str) -> Iterator[str]:
    module = importlib.import_module(f"bgflow.kernels.{name}")
    own = [k for k in vars(module).values() if isinstance(k, Kernel) and k.body.__module__ == module.__name__]
    if not own:
        return
    yield f"## {name}"
    yield prose(inspect.getdoc(module) or "")
    yield table(["kernel", "arguments", "does"], [_row(kernel) for kernel in own])


def _row(kernel: Kernel) -> list[str]:
    given = ", ".join(f"{arg.name}: {arg}{'' if arg.mode == 'in' else f' {arg.mode}'}" for arg in kernel.args)
    return [code(kernel.name), code(given), summary(kernel.body.__doc__ or "")]
