"""bgflow: streaming pipelines that remove, blur and replace the background of live video."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# A wheel holds stages/, kernels/, graphs/ and bench/ in this folder; a checkout keeps them beside it.
_here = Path(__file__).parent
if not (_here / "stages").is_dir():
    __path__.append(str(_here.parent))

# OpenVINO's package would tell Google Analytics of every import, from a forked process; without this one it cannot.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None says that there is no such module

if TYPE_CHECKING:
    from bgflow.check import load as load
    from bgflow.errors import BgflowError as BgflowError
    from bgflow.graph import Graph as Graph
    from bgflow.planning import plan as plan
    from bgflow.port import In as In
    from bgflow.port import Out as Out
    from bgflow.run import Run as Run
    from bgflow.stage import Context as Context
    from bgflow.stage import Param as Param
    from bgflow.stage import Stage as Stage

# The public names load on first use, so that `import bgflow` costs a millisecond.
_PUBLIC = {
    "BgflowError": "errors",
    "Context": "stage",
    "Graph": "graph",
    "In": "port",
    "Out": "port",
    "Param": "stage",
    "Run": "run",
    "Stage": "stage",
    "load": "check",
    "plan": "planning",
}
__all__ = [*sorted(_PUBLIC)]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(f"bgflow.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module 'bgflow' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_PUBLIC]
