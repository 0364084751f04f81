"""Every error bgflow raises on purpose; catch `BgflowError` to catch them all.

A message says: where: what is wrong; what would be right. It is one line, lower case, without a full stop.
`exit_code` is what the command line ends with: 2 when the request cannot start as it was made (graph, arguments,
a missing file, model or device), 1 when a run that had started failed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bgflow.document import Problem


class BgflowError(Exception):
    """Base of every deliberate bgflow error."""

    exit_code = 1


class GraphError(BgflowError, ValueError):
    """The graph file is wrong; `problems` lists every mistake as file:line:column."""

    exit_code = 2

    def __init__(self, problems: Iterable[Problem]):
        self.problems = sorted(problems, key=lambda p: (p.file, p.line, p.column))
        super().__init__("\n".join(map(str, self.problems)))


class UsageError(BgflowError, ValueError):
    """A command or call asks for something that cannot be; nothing was started."""

    exit_code = 2


class StageError(BgflowError, RuntimeError):
    """A stage failed; the message names it, its place in the YAML, what it did and the frame; see `__cause__`."""

    def __init__(self, stage: str, where: str, doing: str, seq: int | None, cause: BaseException):
        self.stage, self.where, self.doing, self.seq = stage, where, doing, seq
        told = str(cause) if isinstance(cause, BgflowError) else f"{type(cause).__name__}: {cause}"
        at = "" if seq is None else f" at frame {seq}"
        super().__init__(f"{where}: stage {stage!r} failed in {doing}{at}: {told}")
        self.__cause__ = cause
        if isinstance(cause, BgflowError) and doing in ("open", "serve"):
            self.exit_code = 2 if doing == "open" else cause.exit_code


class KernelError(BgflowError, TypeError):
    """A kernel was called with an argument it cannot take; names the kernel, the argument, found and wanted."""


class DeviceError(BgflowError, RuntimeError):
    """A device cannot be had or failed; names the missing library and what mends it."""

    exit_code = 2


class BudgetError(BgflowError, ValueError):
    """Frames would cross between host and accelerator more often than the graph's `budget` allows."""

    exit_code = 2


class OverBudget(BudgetError):
    """A run that was finished did cross more often than the graph's `budget` allows, and than was planned."""

    exit_code = 1


class OutOfMemory(DeviceError, MemoryError):
    """A device or pool has no memory left; names what was wanted and who holds it."""

    exit_code = 1


class MediaError(BgflowError, OSError):
    """A file, camera or stream cannot be read or written; `__cause__` holds FFmpeg's own error."""


class ModelError(BgflowError, ValueError):
    """A model is missing, damaged or not of the expected shape."""

    exit_code = 2


class Closed(Exception):
    """The other end of an edge is gone: flow control between segments, never seen outside a run."""
