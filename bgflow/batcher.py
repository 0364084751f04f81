"""Where the streams of `bgflow.batching` meet: places, batches, and who runs the network when.

The places of a batch are the rows of one array, so nothing is gathered: what a stream's preprocessing writes is what
the network reads. A short batch is cut into powers of two (5 = 4 + 1) instead of being padded to the next: on a CPU the
time of a network grows with every picture, so that 3 of 4 rows would cost as much as 4.

Places are given in the order of asking, and a stream asks for one at a time: none has a second before all that waited
have their first.
"""

from __future__ import annotations

import collections
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bgflow.devices import Device
from bgflow.engines import Engine
from bgflow.errors import ModelError
from bgflow.frame import Pool

if TYPE_CHECKING:
    from bgflow.batching import Stream

Make = Callable[[int], Engine]
"""An engine for so many pictures at once; nothing is loaded yet."""
ALIGNED = 256  # bytes: of every address that TensorRT takes


class Place:
    """A row of a batch, for one picture of one stream; `x` and `y` are of shape (1, …)."""

    def __init__(self, batch: Batch, row: int):
        self.batch, self.row = batch, row
        self.x, self.y = batch.x[row : row + 1], batch.y[row : row + 1]
        self.stream: Stream | None = None
        self.waiting = self.answered = False
        self.since = 0.0
        self.error: BaseException | None = None


class Batch:
    """The memory of some places, and who has them."""

    def __init__(self, where: Device, x: tuple[int, ...], y: tuple[int, ...], lock: threading.Lock):
        self.x, self.y = (Pool(where, shape, np.float32, planned=1).take() for shape in (x, y))
        self.places = [Place(self, row) for row in range(x[0])]
        self.changed = threading.Condition(lock)
        self.taken = self.inside = 0
        """Places that were given in turn, and those that were not given back yet."""

    def given(self) -> Sequence[Place]:
        """The places whose stream is writing, waiting or reading."""
        return [p for p in self.places[: self.taken] if p.stream]


class Batcher:
    """What streams share: the engines by batch size, and the batches in the order in which they will leave."""

    def __init__(self, make: Make, where: Device, most: int, wait_us: int):
        self.make, self.where, self.most = make, where, most
        self.users = 0
        self.batches = self.pictures = 0
        self.nets: dict[int, Engine] = {}
        self._wait = wait_us / 1e6
        self._lock, self._opening = threading.Lock(), threading.Lock()
        self._streams: set[Stream] = set()
        self._line: collections.deque[Batch] = collections.deque()
        self._spare: list[Batch] = []
        self._running = False

    def join(self, stream: Stream) -> None:
        """A new stream, on its own thread."""
        with self._opening:
            size = 1
            while size <= min(self.most, len(self._streams) + 1):
                if size not in self.nets:
                    self.nets = {**self.nets, size: self._opened(size)}  # others may be reading the old ones
                size *= 2
            stream.remember(self.nets[1].state)
            with self._lock:
                stream.thread = threading.get_ident()
                self._streams.add(stream)

    def leave(self, stream: Stream) -> None:
        """A stream comes no more; the others do not wait for it."""
        with self._lock:
            self._streams.discard(stream)
            self._look()

    def unload(self) -> None:
        """Let the engines go; nobody is left."""
        for net in self.nets.values():
            net.__exit__(None, None, None)

    def take(self, stream: Stream) -> Place:
        """The next place in turn."""
        with self._lock:
            stream.thread = threading.get_ident()
            if not self._line or self._line[-1].taken == self.most:
                self._line.append(self._spare.pop() if self._spare else self._batch())
            batch = self._line[-1]
            place = batch.places[batch.taken]
            batch.taken += 1
            batch.inside += 1
            place.stream, place.error, place.waiting, place.answered = stream, None, False, False
        return place

    def give_back(self, place: Place) -> None:
        """The stream has read its answer, or wants none."""
        batch = place.batch
        with self._lock:
            place.stream, place.waiting = None, False
            batch.inside -= 1
            if batch.inside == 0:
                if batch in self._line:
                    self._line.remove(batch)
                batch.taken = 0
                self._spare.append(batch)
            self._look()

    def run(self, place: Place) -> None:
        """Have the picture in this place answered, by running the batch or by waiting for who does."""
        batch = place.batch
        with self._lock:
            place.waiting, place.since = True, time.monotonic()
            while not place.answered:
                if self._leaves(batch):
                    break
                batch.changed.wait(self._patience(batch))
            else:
                return self._told(place)
            self._line.popleft()
            self._running = True
            riders = [p for p in batch.given() if p.waiting]
            self._count(riders)
        try:
            for pieces in _runs(riders):
                self._compute(pieces)
        except BaseException as error:  # an interrupt: nobody would wake the others
            for p in riders:
                p.error = p.error or error
        finally:
            with self._lock:
                self._running = False
                for p in riders:
                    p.waiting, p.answered = False, True
                batch.changed.notify_all()
                self._look()
        self._told(place)
        return None

    def _told(self, place: Place) -> None:
        if place.error:
            raise place.error

    def _leaves(self, batch: Batch) -> bool:
        """Whether this batch should leave now."""
        if self._running or batch is not self._line[0] or self._written(batch) is None:
            return False
        return batch.taken == self.most or not self._may_come() or self._patience(batch) == 0

    def _written(self, batch: Batch) -> float | None:
        """Since when the oldest picture waits; None while somebody still writes his."""
        given = batch.given()
        return min(p.since for p in given) if all(p.waiting for p in given) else None

    def _patience(self, batch: Batch) -> float | None:
        """Seconds until this batch leaves whoever may come; None while something else must happen first."""
        since = self._written(batch)
        if self._running or since is None or batch is not self._line[0]:
            return None
        return max(since + self._wait - time.monotonic(), 0)

    def _may_come(self) -> bool:
        """Whether a stream is left whose thread does not wait here, be it for another stream."""
        blocked = {p.stream for batch in self._line for p in batch.given() if p.waiting}
        threads = {s.thread for s in blocked if s}
        return any(s.thread not in threads for s in self._streams)

    def _look(self) -> None:
        """Let those in the first batch see whether it leaves."""
        if self._line:
            self._line[0].changed.notify_all()

    def _count(self, riders: Sequence[Place]) -> None:
        self.batches += 1
        self.pictures += len(riders)
        now = time.monotonic()
        for p in riders:
            if p.stream:
                p.stream.waits.append(round(1e6 * (now - p.since)))

    def _compute(self, riders: Sequence[Place]) -> None:
        """Run the network on neighbouring rows; when that fails, on each by itself, to find whose fault it is."""
        try:
            while riders:
                size = max(n for n in self.nets if n <= len(riders))
                self._call(riders[:size])
                riders = riders[size:]
        except Exception as error:
            if len(riders) == 1:
                riders[0].error = error
                return
            for place in riders:
                self._compute([place])

    def _call(self, riders: Sequence[Place]) -> None:
        """One call of an engine, with each stream's own memory."""
        first, size = riders[0].row, len(riders)
        batch, net = riders[0].batch, self.nets[size]
        rows = [(n, p.stream.state) for n, p in enumerate(riders) if p.stream]
        with self.where.active():
            for n, state in rows:
                for mine, its in zip(state, net.state, strict=True):
                    its[n : n + 1] = mine
            net(batch.x[first : first + size], batch.y[first : first + size])
            for n, state in rows:
                for mine, its in zip(state, net.state, strict=True):
                    mine[...] = its[n : n + 1]

    def _opened(self, size: int) -> Engine:
        net = self.make(size)
        try:
            net.__enter__()
        except ModelError as e:
            raise ModelError(f"{e}; set batch to 0 if it takes one picture only") from e
        if why := self._unfit(net, size):
            net.__exit__(None, None, None)
            raise ModelError(f"{net.path}: {why}; set batch to 0")
        return net

    def _unfit(self, net: Engine, size: int) -> str:
        """Why the network cannot answer pictures that are rows of one array; '' when it can."""
        for shape in (net.out_shape, *(a.shape for a in net.state)):
            if size > 1 and (len(shape) < 3 or shape[0] != size):
                return f"{size} pictures come out as f32{list(shape)}, not as one each"
        rows = (4 * math.prod(shape[1:]) for shape in (net.shape, net.out_shape))
        if self.where.name != "cpu" and (odd := [n for n in rows if n % ALIGNED]):
            return f"a row has {odd[0]} bytes, and a GPU wants multiples of {ALIGNED}"
        return ""

    def _batch(self) -> Batch:
        net = self.nets[1]
        x, y = (self.most, *net.shape[1:]), (self.most, *net.out_shape[1:])
        return Batch(self.where, x, y, self._lock)


def _runs(places: Sequence[Place]) -> Iterator[list[Place]]:
    """Places in groups whose rows follow each other: where somebody gave up there is a gap."""
    group: list[Place] = []
    for place in places:
        if group and place.row != group[-1].row + 1:
            yield group
            group = []
        group.append(place)
    if group:
        yield group
