"""Let streams share one network that takes several pictures at once: they meet, and one of them runs it for all.

    with Stream(key, make, device, most=8, wait_us=2000) as stream:
        with stream.place() as (x, y):
            …                      # write the picture into x
            stream(x, y)           # wait for the answer
            …                      # read y

Each stream calls on its own thread; there is no other. It takes a place in the batch that is being filled, writes its
picture there, and waits. A batch leaves when it is full, when no stream is left that could still come, or when its
oldest picture has waited `wait_us`: whoever notices runs the network, and every stream finds its answer in its place.
`bgflow.batcher` has the meeting itself.
"""

from __future__ import annotations

import collections
import contextlib
import threading
from collections.abc import Hashable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import numpy as np

from bgflow.batcher import Batcher, Make, Place
from bgflow.devices import Device, device_of
from bgflow.engines import Engine, zeros
from bgflow.errors import ModelError
from bgflow.frame import Array

SAMPLES = 8192  # waits that are kept for the percentiles

_shared: dict[Hashable, Batcher] = {}
_lock = threading.Lock()


class Stream(Engine):
    """One caller's end of the batches, itself an engine; it is entered and called by one thread at a time.

    All streams of this process with the same `key`, which stands for all that the others decide, share one network.
    At most `most` pictures leave together. Entering loads the engines for as many pictures as there are streams then;
    a call returns when the answer is there, on an accelerator when it is enqueued. It raises what the network raised
    for this picture; the others of its batch have their answers.
    """

    package, devices, rank = "", (), 0

    def __init__(self, key: Hashable, make: Make, where: Device, most: int, wait_us: int):
        single = make(1)
        super().__init__(single.path, single.shape, where, ends=single.ends, precision="auto", threads=single.threads)
        self.key, self.make, self.most, self.wait_us = key, make, most, wait_us
        self.capturable = False  # a recording cannot wait for others
        self.thread = 0
        self.waits: collections.deque[int] = collections.deque(maxlen=SAMPLES)
        self._state: list[Array] = []
        self._place: Place | None = None

    def __enter__(self) -> Self:
        with _lock:
            made = Batcher(self.make, self.device, self.most, self.wait_us)
            self.batcher = _shared.setdefault(self.key, made)
            self.batcher.users += 1
        try:
            self.batcher.join(self)
        except BaseException:
            self._release()
            raise
        net = self.batcher.nets[1]
        self.precision, self.out_shape = net.precision, net.out_shape
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.batcher.leave(self)
        self._release()

    def _release(self) -> None:
        """The last one to leave unloads the network; who comes then begins anew."""
        with _lock:
            self.batcher.users -= 1
            if self.batcher.users:
                return
            del _shared[self.key]
        self.batcher.unload()

    @contextlib.contextmanager
    def place(self) -> Iterator[tuple[Array, Array]]:
        """Where the next picture goes and its answer comes; it holds up nobody when it ends without a call."""
        self._place = place = self.batcher.take(self)
        try:
            yield place.x, place.y
        finally:
            self._place = None
            self.batcher.give_back(place)

    def _enqueue(self, x: Array, out: Array) -> None:
        place = self._place
        if place is None or x is not place.x or out is not place.y:
            raise ModelError(f"{self.path.name}: a network that is shared answers in its own arrays; ask for a place()")
        self.batcher.run(place)

    @property
    def state(self) -> Sequence[Array]:
        return self._state

    def remember(self, like: Sequence[Array]) -> None:
        """Make the stream's own memory, empty, of the shapes and devices of an engine's."""
        self._state = [zeros(device_of(a), a.shape) for a in like]

    def reset(self) -> None:
        with self.device.active():
            for array in self._state:
                array.fill(0)

    def counters(self) -> dict[str, Any]:
        """Batches and pictures of all streams together, and the percentiles of this one's waits until a batch left."""
        b = self.batcher
        p50, p95 = np.percentile(self.waits, (50, 95)) if self.waits else (0, 0)
        mean = b.pictures / b.batches if b.batches else 0.0
        waited = {"p50": round(float(p50)), "p95": round(float(p95))}
        return {"batches": b.batches, "pictures": b.pictures, "mean_size": round(mean, 2), "waited_us": waited}
