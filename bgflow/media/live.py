"""Keep a live source going: connect again after every break, with growing pauses and time that never goes back."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from bgflow.errors import MediaError
from bgflow.media.audio import AudioTrack
from bgflow.media.reader import Reader
from bgflow.stage import Context

if TYPE_CHECKING:
    from av import VideoFrame

Connect = Callable[[AudioTrack | None], Reader]
"""Makes a Reader; it is given the sound's track of the connections before."""


@dataclass(frozen=True)
class Backoff:
    """How long to wait between attempts, in seconds: from `first`, doubling up to `most`, each less up to a half.

    The random part keeps many clients of one server from coming back at the same moment. `attempts` in a row
    without a picture end it; 0 never does.
    """

    first: float
    most: float
    attempts: int = 0

    def pause(self, attempt: int) -> float:
        """The pause before the given attempt, counted from 1."""
        return min(self.most, self.first * 2.0 ** min(attempt - 1, 32)) * random.uniform(0.5, 1)


class Connection:
    """The pictures of a live source over all its connections; used by one thread.

    `connect` makes a Reader; the first one is made at once, and its failure is the caller's unless `patient`. Time
    stamps are in ticks of the first connection's `time_base`: they begin at 0, because a camera counts from when the
    machine started, and go on after a break by the seconds that it took. `track` is the sound, moved likewise.
    """

    def __init__(self, name: str, ctx: Context, connect: Connect, backoff: Backoff, patient: bool = False):
        self.name, self._ctx, self._connect, self._backoff = name, ctx, connect, backoff
        self.track: AudioTrack | None = None
        self._failed = 0  # attempts in a row that gave no picture
        try:
            self.reader = connect(None)
        except MediaError as error:
            if not patient or not self._again(error):
                raise
        self.time_base, self.track = self.reader.time_base, self.reader.track

    def pictures(self) -> Iterator[tuple[int, VideoFrame]]:
        """(pts, frame), until the run is stopped, or what has a length (a file on a web server) has come to its end.

        Raises:
            MediaError: the source did not come back within the allowed attempts.
        """
        last, seen = None, 0.0
        while True:
            offset: int | None = None
            if self.track is not None:
                self.track.shift = None
            why, broken = MediaError(f"{self.name}: the stream ended"), False
            try:
                for pts, frame in self.reader.pictures():
                    if self._ctx.stopping:
                        return
                    ticks = round(pts * (self.reader.time_base / self.time_base))
                    if offset is None:
                        gap = round(Fraction(time.monotonic() - seen) / self.time_base)
                        offset = (0 if last is None else last + max(gap, 1)) - ticks
                        if self.track is not None:
                            self.track.shift = offset * self.time_base
                    if last is not None and ticks + offset <= last:
                        continue  # two pictures in one tick of the first connection's coarser time base
                    last, seen, self._failed = ticks + offset, time.monotonic(), 0
                    yield last, frame
            except MediaError as error:
                why, broken = error, True
            whole = not broken and (self.reader.container.duration or 0) > 0
            self.reader.close()
            if self._ctx.stopping or whole or not self._again(why):
                return

    def _again(self, why: MediaError) -> bool:
        """Connect again, trying as often as allowed; False when the run is being stopped."""
        self._ctx.drop("connection lost")
        while not self._ctx.stopping:
            if self._failed == self._backoff.attempts > 0:
                raise MediaError(f"{why}; gave up after {self._failed} attempts to reconnect")
            self._failed += 1
            pause = self._backoff.pause(self._failed)
            self._ctx.log.warning("%s; trying again in %.1f s", why, pause)
            if self._ctx.wait(pause):
                return False
            try:
                self.reader = self._connect(self.track)
            except MediaError as error:
                why = error
            else:
                self._ctx.log.info("%s: connected again", self.name)
                return True
        return False

    def close(self) -> None:
        """Close the connection that is open."""
        self.reader.close()
