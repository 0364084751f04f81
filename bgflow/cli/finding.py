"""One look of `bgflow doctor`, and the look at a library that most of them are."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["ok", "absent", "broken"]


@dataclass(frozen=True)
class Finding:
    """One line of the table; `remedy` says what to run when something is absent or broken."""

    what: str
    state: State
    found: str
    remedy: str = ""
    required: bool = False


class Absent(Exception):
    """A library is here, but not the part of it that was looked for."""


def library(
    what: str,
    package: str,
    look: Callable[[Any], str],
    *,
    remedy: str = "",
    required: bool = False,
    versioned: bool = True,
) -> Finding:
    """Import a package and let `look` say what is to be known of it; what that raises is the finding."""
    remedy = remedy or f"pip install {package}"
    try:
        module = importlib.import_module(package)
    except ModuleNotFoundError:
        return Finding(what, "broken" if required else "absent", "not installed", remedy, required)
    except Exception as e:  # a binary wheel on the wrong machine may raise anything
        return Finding(what, "broken", told(e), f"{remedy} --force-reinstall", required)
    version = str(getattr(module, "__version__", "")) if versioned else ""
    try:
        return Finding(what, "ok", ", ".join(filter(None, (version, look(module)))), "", required)
    except Absent as e:
        return Finding(what, "absent", str(e), remedy, required)
    except Exception as e:
        return Finding(what, "broken", ": ".join(filter(None, (version, told(e)))), remedy, required)


def told(e: BaseException) -> str:
    """An error in one line."""
    return f"{type(e).__name__}: {' '.join(str(e).split())}"[:200]
