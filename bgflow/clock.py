"""What 'now' means to a run: real time, as fast as possible, or a test's own."""

from __future__ import annotations

import threading
import time
from fractions import Fraction
from typing import Protocol


class Clock(Protocol):
    """Paces the sources of a run that cannot pace themselves; used by one thread per source."""

    def start(self, time: Fraction) -> object:
        """Remember that the stream's `time` is now; the token goes to `wait_until`."""
        ...

    def wait_until(self, token: object, time: Fraction, stop: threading.Event) -> None:
        """Return when the stream's `time` has come, or at once when `stop` is set."""
        ...


class LiveClock:
    """Real time: a second of the stream takes a second; a source that is late does not wait."""

    def start(self, time: Fraction) -> object:
        return _now() - float(time)

    def wait_until(self, token: object, time: Fraction, stop: threading.Event) -> None:
        assert isinstance(token, float)
        if (left := token + float(time) - _now()) > 0:
            stop.wait(left)


class FileClock:
    """As fast as the machine goes: nobody waits."""

    def start(self, time: Fraction) -> object:
        return None

    def wait_until(self, token: object, time: Fraction, stop: threading.Event) -> None:
        return None


class FakeClock:
    """A test's clock: time stands still until `advance`, so ten minutes of live stream pass in a moment."""

    def __init__(self) -> None:
        self.now = Fraction(0)
        self._moved = threading.Condition()

    def advance(self, seconds: float | Fraction) -> None:
        """Let time pass and wake whoever waits for it."""
        with self._moved:
            self.now += Fraction(seconds)
            self._moved.notify_all()

    def start(self, time: Fraction) -> object:
        return self.now - time

    def wait_until(self, token: object, time: Fraction, stop: threading.Event) -> None:
        assert isinstance(token, Fraction)
        with self._moved:
            while token + time > self.now and not stop.is_set():
                self._moved.wait(0.01)


def _now() -> float:
    return time.monotonic()
