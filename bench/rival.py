"""A script of `bgflow.bench.scripts` in a process of its own, which is told how many frames to run, again and again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bgflow.bench import scripts
from bgflow.bench.peers import interpreter
from bgflow.errors import UsageError


class Rival:
    """It runs in this interpreter's environment if that has the library, else in the one that BGFLOW_PEERS names."""

    def __init__(self, name: str, frames: int, **options: Any):
        """Nothing is started yet; each call will run so many frames."""
        self.name, self.frames, self.options = name, frames, options

    def __enter__(self) -> Self:
        """Raises UsageError, with the reason, where it cannot run."""
        command = [str(place(scripts.NEEDS[self.name])), "-I", str(Path(scripts.__file__))]
        self._printed: Any = tempfile.TemporaryFile()  # libraries log a lot; closed with the rest
        self._process = subprocess.Popen(
            [*command, self.name, json.dumps(self.options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._printed,
            text=True,
        )
        try:
            self._answer()
        except UsageError:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()
        self._printed.close()

    def __call__(self) -> float:
        """Seconds a frame; raises UsageError."""
        assert self._process.stdin
        print(self.frames, file=self._process.stdin, flush=True)
        return float(self._answer())

    def _answer(self) -> str:
        assert self._process.stdout
        said = self._process.stdout.readline().strip()
        if said and not said.startswith("error: "):
            return said
        self._printed.seek(0)
        last = self._printed.read().decode(errors="replace").strip().rpartition("\n")[2]
        raise UsageError(f"{self.name}: {said.removeprefix('error: ') or last or 'it ended and said nothing'}")


def place(module: str) -> Path:
    """The interpreter that has a module: this one, or that of BGFLOW_PEERS; raises UsageError."""
    others = [interpreter(named)] if (named := os.environ.get("BGFLOW_PEERS", "")) else []
    for python in (Path(sys.executable), *others):
        test = f"import importlib.util as u, sys; sys.exit(not u.find_spec({module!r}))"
        if subprocess.run([python, "-I", "-c", test], check=False).returncode == 0:
            return python
    raise UsageError(f"{module} is not installed; BGFLOW_PEERS may name an environment that has it")
