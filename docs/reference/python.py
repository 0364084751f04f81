"""The Python reference: what a program may import, with signatures and docstrings."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from typing import Any

import bgflow
from docs.reference.markdown import block, prose

MODULES = {
    "bgflow.action": ["action"],
    "bgflow.interop": ["tensors"],
    "bgflow.testing": ["opened", "run_stage"],
}
"""What is public beside `bgflow` itself."""
LONG = 100


def pages() -> dict[str, str]:
    """`reference/python.md`."""
    parts = [
        "# Python",
        "```python\nfrom bgflow import Run, load, plan\n\n"
        'with Run(plan(load("graphs/synth_demo.yaml", sets=["camera.count=10"]))) as run:\n    run.wait()\n```',
        "Everything below is the library's public face. A stage of your own begins at "
        "[custom-stages](../custom-stages.md); how the parts work together is told in [engine](../engine.md).",
    ]
    for name in bgflow.__all__:
        parts += _thing("bgflow", name, getattr(bgflow, name))
    for module, names in MODULES.items():
        for name in names:
            parts += _thing(module, name, getattr(importlib.import_module(module), name))
    return {"reference/python.md": "\n\n".join([*filter(None, parts), ""])}


def _thing(module: str, name: str, thing: Any) -> Iterator[str]:
    yield f"## {module}.{name}"
    yield block(_signature(name, thing), "python")
    yield prose(inspect.getdoc(thing) or "")
    if not inspect.isclass(thing):
        return
    for method, value in vars(thing).items():
        value = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        docs = inspect.getdoc(value)
        if method.startswith("_") or not docs:
            continue
        if isinstance(value, property):
            yield f"### {name}.{method}"
        elif inspect.isfunction(value):
            yield f"### {name}.{method}"
            yield block(_signature(method, value), "python")
        else:
            continue
        yield prose(docs)


def _signature(name: str, thing: Any) -> str:
    """A signature as one would write it, a parameter a line where it is long."""
    if inspect.isclass(thing) and issubclass(thing, BaseException):
        return f"class {name}({', '.join(base.__name__ for base in thing.__bases__)})"
    signature = inspect.signature(thing)
    kept = [p for p in signature.parameters.values() if p.name != "self"]
    given, keyword = [], False
    for parameter in kept:
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword:
            given.append("*")
        keyword |= parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_POSITIONAL)
        given.append(_parameter(parameter))
    answer = signature.return_annotation
    returns = "" if answer in (signature.empty, None, "None") else f" -> {_annotation(answer)}"
    line = f"{name}({', '.join(given)}){returns}"
    if len(line) <= LONG:
        return line
    return f"{name}(\n" + "".join(f"    {text},\n" for text in given) + f"){returns}"


def _parameter(parameter: inspect.Parameter) -> str:
    stars = "*" * (parameter.kind is parameter.VAR_POSITIONAL) + "**" * (parameter.kind is parameter.VAR_KEYWORD)
    kind = "" if parameter.annotation is parameter.empty else f": {_annotation(parameter.annotation)}"
    default = parameter.default
    if default is parameter.empty:
        return f"{stars}{parameter.name}{kind}"
    told = "..." if default is ... or "factory" in repr(default) else repr(default)
    return f"{parameter.name}{kind}{' = ' if kind else '='}{told}"


def _annotation(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
