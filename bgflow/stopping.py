"""Ctrl-C, step by step: what a process is told first it may take its time for, the last is its end on the spot."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from types import FrameType

INTERRUPTED = 130
"""The exit code of what was thrown away."""


@contextlib.contextmanager
def stopping(*steps: Callable[[], object]) -> Iterator[None]:
    """Take SIGINT and SIGTERM: each does the next step, and after the last one the process ends with 130.

    For the main thread, on which the steps are called between two of its own.
    """
    left = iter(steps)

    def step(number: int, frame: FrameType | None) -> None:
        next(left, lambda: os._exit(INTERRUPTED))()

    before = {s: signal.signal(s, step) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
