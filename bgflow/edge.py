"""The bounded hand-over between two threads, and the meeting of several of them by time."""

from __future__ import annotations

import collections
import threading
from collections.abc import Iterator, Sequence
from fractions import Fraction

from bgflow.errors import Closed
from bgflow.frame import Frame


class Bell:
    """Wakes the one thread that sleeps on it; cheaper than a condition, which its waiter leaves through a second lock.

    Both methods are called with `mutex` held; `wait` lets go of it while it sleeps.
    """

    def __init__(self, mutex: threading.Lock):
        self._mutex = mutex
        self._asleep = False
        self._rings = threading.Lock()
        self._rings.acquire()

    def wait(self) -> None:
        """Sleep until the next `ring`."""
        self._asleep = True
        self._mutex.release()
        try:
            self._rings.acquire()
        finally:
            self._mutex.acquire()

    def ring(self) -> None:
        """Wake the sleeper, if there is one."""
        if self._asleep:
            self._asleep = False
            self._rings.release()


class Edge:
    """A bounded queue of frames between two segments; `latest` drops the oldest instead of waiting.

    One thread puts, one gets, any may close. `dropped` counts the frames that were overtaken. Values that the taker
    only holds (their keys are in `held`) outlive a dropped frame: the next one brings them if it has none of its own.
    """

    def __init__(self, name: str, size: int = 2, latest: bool = False, held: frozenset[str] = frozenset()):
        self.name, self.size, self.latest, self.held = name, size, latest, held
        self.dropped = self.passed = 0
        self._frames: collections.deque[Frame] = collections.deque()
        self._closed = False
        self._mutex = threading.Lock()
        self._came, self._left = Bell(self._mutex), Bell(self._mutex)

    @property
    def level(self) -> int:
        """How many frames wait; any thread."""
        return len(self._frames)

    def put(self, frame: Frame) -> None:
        """Hand a frame over; waits for room unless `latest`. Raises Closed when nobody takes it any more."""
        with self._mutex:
            while len(self._frames) >= self.size and not (self.latest or self._closed):
                self._left.wait()
            if self._closed:
                raise Closed
            self._frames.append(frame)
            if len(self._frames) > self.size:
                overtaken = self._frames.popleft()
                self._frames[0] = self.succeed(overtaken, self._frames[0])
                self.dropped += 1
            self._came.ring()

    def succeed(self, dropped: Frame, frame: Frame) -> Frame:
        """`frame` with the held values of the frame dropped before it, where it has none of its own."""
        left = {k: v for k, v in dropped.data.items() if k in self.held and k not in frame.data}
        if not left:
            return frame
        since = {**{k: dropped.time_of(k) for k in left}, **frame.since}
        return Frame(frame.seq, frame.pts, frame.time_base, {**left, **frame.data}, frame.born, since)

    def get(self) -> Frame:
        """The oldest frame; waits for one. Raises Closed when the other side has ended and all is taken."""
        with self._mutex:
            while not (self._frames or self._closed):
                self._came.wait()
            return self._take()

    def poll(self) -> Frame | None:
        """The oldest frame if there is one now. Raises Closed as `get` does."""
        with self._mutex:
            return self._take() if self._frames or self._closed else None

    def _take(self) -> Frame:
        if not self._frames:
            raise Closed
        frame = self._frames.popleft()
        self.passed += 1
        self._left.ring()
        return frame

    def close(self, drop: bool = False) -> None:
        """End the hand-over; with `drop`, what is still in it is thrown away and the taker ends at once."""
        with self._mutex:
            self._closed = True
            if drop:
                self._frames.clear()
            self._came.ring()
            self._left.ring()


class Join:
    """The frames of one segment from all its edges, met by exact time.

    `drivers` give the instants: a frame goes on when every driver has one of the same time; an older one without
    a partner is dropped and counted. `holds` only give values to keep: in a file run the newest at or before the
    instant (it waits to be sure), in a live run whatever has come by now.
    """

    def __init__(self, drivers: Sequence[Edge], holds: Sequence[Edge], live: bool):
        self.drivers, self.holds, self.live = drivers, holds, live
        self.unmatched = 0
        self._ahead: dict[Edge, Frame] = {}
        self._ended: set[Edge] = set()
        self._reached: dict[Edge, Fraction] = {}

    def __iter__(self) -> Iterator[Frame]:
        while True:
            try:
                frame = self._meet()
            except Closed:
                return
            if not self.holds:
                yield frame
                del frame  # its arrays go home while the next one is awaited
                continue
            data: dict[str, object] = {}
            since: dict[str, Fraction] = {}
            for edge in self.holds:
                for older in self._newest(edge, frame):
                    data.update(older.data)
                    since.update({k: older.time_of(k) for k in older.data})
            data.update(frame.data)
            yield Frame(frame.seq, frame.pts, frame.time_base, data, frame.born, {**since, **frame.since})

    def _meet(self) -> Frame:
        heads = [edge.get() for edge in self.drivers]
        while len(heads) > 1 and any(f.time != heads[0].time for f in heads):
            newest = max(f.time for f in heads)
            for n, edge in enumerate(self.drivers):
                while heads[n].time < newest:
                    self.unmatched += 1
                    heads[n] = edge.succeed(heads[n], edge.get())
        first = heads[0]
        if len(heads) == 1:
            return first
        data = {k: v for f in heads for k, v in f.data.items()}
        since = {k: t for f in heads for k, t in f.since.items()}
        return Frame(first.seq, first.pts, first.time_base, data, min(f.born for f in heads), since)

    def _newest(self, edge: Edge, now: Frame) -> list[Frame]:
        found: list[Frame] = []
        while edge not in self._ended:
            if (ahead := self._ahead.pop(edge, None)) is None:
                try:
                    if not self.live and self._reached.get(edge) == now.time:
                        break
                    ahead = edge.poll() if self.live else edge.get()
                except Closed:
                    self._ended.add(edge)
                    break
                if ahead is None:
                    break
            if not self.live and ahead.time > now.time:
                self._ahead[edge] = ahead
                break
            self._reached[edge] = ahead.time
            found.append(ahead)
        return found
