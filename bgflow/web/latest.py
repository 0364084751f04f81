"""One-place hand-overs between an event loop and a stage thread: the newest value wins, the others are counted."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """From anywhere to a thread that waits."""

    def __init__(self, overtaken: Callable[[], None]):
        self._overtaken = overtaken
        self._value: T | None = None
        self._came = threading.Condition()

    def put(self, value: T) -> None:
        """Leave a value; never waits."""
        with self._came:
            if self._value is not None:
                self._overtaken()
            self._value = value
            self._came.notify()

    def take(self, seconds: float) -> T | None:
        """The value, or None when none came in time."""
        with self._came:
            self._came.wait_for(lambda: self._value is not None, seconds)
            value, self._value = self._value, None
            return value


class LatestToLoop(Generic[T]):
    """From a thread to a callback on an event loop; nothing is handed over before `loop` is set."""

    def __init__(self, take: Callable[[T], None], overtaken: Callable[[], None]):
        self.loop: asyncio.AbstractEventLoop | None = None
        self._take, self._overtaken = take, overtaken
        self._value: T | None = None
        self._lock = threading.Lock()

    def put(self, value: T) -> None:
        """Leave a value; never waits."""
        if self.loop is None:
            return
        with self._lock:
            waiting, self._value = self._value, value
        if waiting is not None:
            self._overtaken()
            return
        with contextlib.suppress(RuntimeError):  # the loop was closed in this very moment: the run is over
            self.loop.call_soon_threadsafe(self._hand_over)

    def _hand_over(self) -> None:
        with self._lock:
            value, self._value = self._value, None
        if value is not None:
            self._take(value)
