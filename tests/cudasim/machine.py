"""The machine under the simulated CuPy: queues of work that happens as late, as early or as oddly as CUDA allows.

A real GPU may do the work of independent streams in any order, and usually does it in a harmless one. Here an `Order`
picks a harmful one on purpose, so that a forgotten event shows as wrong data in a test instead of once a month.
"""

from __future__ import annotations

import collections
import random
import threading
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

Kind = Literal["kernel", "copy", "mark", "wait"]


class Forbidden(AssertionError):
    """Something that bgflow must never ask of CUDA: the null stream, waiting for the device, pageable copies."""


class Op:
    """One piece of work in a queue; `ready` says whether it may begin."""

    def __init__(self, kind: Kind, run: Callable[[], None] = lambda: None, wait: Mark | None = None):
        self.kind, self.run, self.wait = kind, run, wait

    @property
    def ready(self) -> bool:
        return self.wait is None or self.wait.done


class Queue:
    """The work of one stream, in order; `tape` takes it instead while the stream captures."""

    def __init__(self, device: int):
        self.device = device
        self.ops: collections.deque[Op] = collections.deque()
        self.tape: list[Op] | None = None


class Mark:
    """A place in a queue: done when the work before it is."""

    def __init__(self, queue: Queue):
        self.queue, self.done = queue, False


class Order:
    """Which work begins of itself; the rest waits until something forces it."""

    def __init__(self, name: str):
        self.name = name
        self.random = random.Random(name)

    def picks(self, waiting: list[Queue]) -> Queue | None:
        """The queue to take the next piece from, or None to let all wait; every queue's next piece is ready."""
        if self.name == "lazy":
            return None
        if self.name == "copies first":
            waiting = [q for q in waiting if q.ops[0].kind != "kernel"]
        elif self.name == "kernels first":
            waiting = [q for q in waiting if q.ops[0].kind != "copy"]
        elif self.name.startswith("random"):
            return self.random.choice([None, *waiting])
        return waiting[0] if waiting else None


ORDERS = ("lazy", "eager", "copies first", "kernels first", "random 1", "random 2", "random 3")


class Machine:
    """GPUs without hardware: their memory is the host's, their streams are queues here."""

    def __init__(self, order: str = "lazy", gpus: int = 1, memory: int = 1 << 30):
        self.order, self.gpus, self.memory = Order(order), gpus, memory
        self.lock = threading.RLock()
        self.queues: list[Queue] = []
        self.taken = [0] * gpus
        self.ranges: dict[int, np.ndarray[Any, Any]] = {}  # memory of the device, kept so that strays do not crash
        self.pinned: dict[int, int] = {}
        self.waits = 0  # times that a thread of the host slept

    def put(self, queue: Queue, op: Op) -> None:
        """Enqueue."""
        with self.lock:
            if queue.tape is not None:
                queue.tape.append(op)
                return
            queue.ops.append(op)
            while (chosen := self.order.picks([q for q in self.queues if q.ops and q.ops[0].ready])) is not None:
                chosen.ops.popleft().run()

    def force(self, mark: Mark) -> None:
        """Do what must be done before `mark`, and nothing else that the order does not want."""
        with self.lock:
            while not mark.done:
                op = mark.queue.ops[0]
                if op.wait is not None:
                    self.force(op.wait)
                if mark.queue.ops and mark.queue.ops[0] is op:
                    mark.queue.ops.popleft().run()

    def owns(self, address: int, nbytes: int) -> bool:
        """Whether these bytes are memory of a GPU."""
        return any(start <= address and address + nbytes <= start + a.nbytes for start, a in self.ranges.items())

    def pins(self, address: int, nbytes: int) -> bool:
        """Whether these bytes are page-locked memory that still exists."""
        return any(start <= address and address + nbytes <= start + size for start, size in self.pinned.items())


_now: Machine | None = None


def current() -> Machine:
    """The machine of this test."""
    assert _now is not None, "no GPU is simulated now"
    return _now


def use(machine: Machine | None) -> None:
    """Set the machine of this test."""
    global _now
    _now = machine
