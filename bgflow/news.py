"""What happens in a run beside its frames: messages of stages, countdowns, and values that were changed."""

from __future__ import annotations

import collections
import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

Kind = Literal["message", "refused", "countdown"]
KEPT = 32  # notices that a slow reader may be behind
SECONDS = 3.0


class Notice(NamedTuple):
    """One line that a stage tells, to be shown for so many seconds or until the same stage tells another one."""

    number: int
    stage: str
    kind: Kind
    text: str
    seconds: float
    frame: int

    def event(self) -> dict[str, Any]:
        """The same as plain data."""
        return {"type": self.kind, "stage": self.stage, "text": self.text, "seconds": self.seconds, "frame": self.frame}


class News:
    """The notices of one run; any thread may tell, read and follow."""

    def __init__(self) -> None:
        self.number = 0
        """That of the newest notice; they begin with 1."""
        self._numbers = itertools.count(1)
        self._notices: collections.deque[Notice] = collections.deque(maxlen=KEPT)
        self._followers: list[Callable[[Mapping[str, Any]], None]] = []
        self._lock = threading.Lock()

    def tell(self, stage: str, text: str, frame: int, seconds: float = SECONDS, kind: Kind = "message") -> None:
        """Tell everybody a line; an empty one takes back what the stage told before."""
        with self._lock:
            notice = Notice(next(self._numbers), stage, kind, text, seconds, frame)
            self._notices.append(notice)
            self.number = notice.number
        self._publish(notice.event())

    def changed(self, values: Mapping[str, Any], frame: int) -> None:
        """Tell that values of parameters hold from a frame on."""
        self._publish({"type": "values", "values": dict(values), "frame": frame})

    def after(self, number: int) -> list[Notice]:
        """The notices that came after that one, oldest first."""
        with self._lock:
            return [n for n in self._notices if n.number > number]

    @contextlib.contextmanager
    def followed(self, take: Callable[[Mapping[str, Any]], None]) -> Iterator[None]:
        """Hand `take` every event as plain data meanwhile; it is called on the threads of stages and must not wait."""
        with self._lock:
            self._followers.append(take)
        try:
            yield
        finally:
            with self._lock:
                self._followers.remove(take)

    def _publish(self, event: Mapping[str, Any]) -> None:
        with self._lock:
            followers = list(self._followers)
        for take in followers:
            take(event)
