"""Find a stage class by the name a graph gives it; nothing is listed anywhere, a family is a file."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import pkgutil
import sys
from pathlib import Path
from types import ModuleType

from bgflow.document import near
from bgflow.errors import BgflowError
from bgflow.stage import REGISTRY, Stage


class UnknownStage(BgflowError, LookupError):
    """No stage has this name; the text says what is near."""

    exit_code = 2


def families() -> list[str]:
    """The names of the built-in families."""
    package = importlib.import_module("bgflow.stages")
    return sorted(m.name for m in pkgutil.iter_modules(package.__path__) if not m.ispkg)


def builtin() -> dict[str, type[Stage]]:
    """Every built-in stage by its name; imports every family."""
    for family in families():
        importlib.import_module(f"bgflow.stages.{family}")
    return {use: cls for use, cls in sorted(REGISTRY.items()) if cls.__module__.startswith("bgflow.stages.")}


def find(use: str, folder: Path) -> type[Stage]:
    """The class behind `use`: 'family.name', 'file.py:Class' beside the graph, or 'package.module:Class'.

    Raises:
        UnknownStage: there is none, or its module cannot be imported; the text says why.
    """
    if ":" not in use:
        family = use.partition(".")[0]
        if family in families():
            importlib.import_module(f"bgflow.stages.{family}")
        if use in REGISTRY:
            return REGISTRY[use]
        raise UnknownStage(f"no stage is called {use!r}{near(use, [*builtin(), *REGISTRY])}")
    module_name, _, attribute = use.partition(":")
    module = _from_file(folder / module_name, use) if module_name.endswith(".py") else _from_package(module_name, use)
    cls = getattr(module, attribute, None)
    if not (isinstance(cls, type) and issubclass(cls, Stage)):
        there = [n for n, v in vars(module).items() if isinstance(v, type) and issubclass(v, Stage) and v is not Stage]
        raise UnknownStage(f"{module_name} has no stage class {attribute!r}{near(attribute, there)}")
    return cls


def _from_file(path: Path, use: str) -> ModuleType:
    path = path.resolve()
    if not path.is_file():
        beside = [f"{p.name}:{use.partition(':')[2]}" for p in path.parent.glob("*.py")] if path.parent.is_dir() else []
        raise UnknownStage(f"there is no file {path.name!r} beside the graph{near(use, beside)}")
    name = f"bgflow_user_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UnknownStage(f"{path.name} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # pydantic and numba look the module up by name
    try:
        spec.loader.exec_module(module)
    except Exception as e:
        del sys.modules[name]
        raise UnknownStage(f"{path.name} cannot be imported: {type(e).__name__}: {_one_line(e)}") from e
    return module


def _from_package(name: str, use: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as e:
        raise UnknownStage(f"{use!r} cannot be imported: {type(e).__name__}: {_one_line(e)}") from e


def _one_line(e: BaseException) -> str:
    return " ".join(str(e).split())
