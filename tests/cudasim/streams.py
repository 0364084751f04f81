"""`cupy.cuda`'s devices, streams, events and graphs."""

from __future__ import annotations

import itertools
import threading
from typing import Any

from tests.cudasim.machine import Forbidden, Mark, Op, Queue, current

_address = itertools.count(0x5000, 0x10)


class CUDARuntimeError(RuntimeError):
    """What the CUDA runtime refuses."""


class CUDADriverError(RuntimeError):
    """What the driver refuses."""


class _Thread(threading.local):
    def __init__(self) -> None:
        self.devices: list[int] = [0]
        self.streams: list[Stream] = []


_thread = _Thread()


class Device:
    """One GPU."""

    def __init__(self, device: int | None = None):
        self.id = _thread.devices[-1] if device is None else int(device)

    def __enter__(self) -> Device:
        _thread.devices.append(self.id)
        return self

    def __exit__(self, *why: object) -> None:
        _thread.devices.pop()

    @property
    def mem_info(self) -> tuple[int, int]:
        machine = current()
        return machine.memory - machine.taken[self.id], machine.memory

    def synchronize(self) -> None:
        raise Forbidden("waits for the whole device")


class Event:
    """A place in a stream."""

    def __init__(self, block: bool = False, disable_timing: bool = False, interprocess: bool = False):
        if not (block and disable_timing):
            raise Forbidden("this event would spin, or be timed")
        self._machine, self._device = current(), _thread.devices[-1]
        self._mark: Mark | None = None
        self.ptr = next(_address)

    @property
    def done(self) -> bool:
        return self._mark is None or self._mark.done

    def record(self, stream: Stream | None = None) -> None:
        stream = stream or current_stream()
        queue = stream._queue
        if queue.device != self._device:
            raise CUDARuntimeError("cudaErrorInvalidResourceHandle: event and stream are of different devices")
        mark = self._mark = Mark(queue)

        def reach() -> None:
            mark.done = True

        stream._put(Op("mark", reach))

    def synchronize(self) -> None:
        if self._mark is not None:
            if self._mark.queue.tape is not None:
                raise CUDARuntimeError("cudaErrorCapturedEvent: the event was recorded in a capture")
            self._machine.waits += not self._mark.done
            self._machine.force(self._mark)


class Stream:
    """Work in order; the null stream refuses all."""

    def __init__(self, null: bool = False, non_blocking: bool = False, ptds: bool = False, priority: int | None = None):
        if not null and not non_blocking:
            raise Forbidden("this stream would wait for the null stream")
        self._machine, self.device_id = current(), _thread.devices[-1]
        self._queue = Queue(self.device_id)
        self.ptr = 0 if null else next(_address)
        self._machine.queues.append(self._queue)

    def __enter__(self) -> Stream:
        if self.device_id != _thread.devices[-1]:
            raise RuntimeError("The device that the stream is created on does not match with the current device")
        _thread.streams.append(self)
        return self

    def __exit__(self, *why: object) -> None:
        _thread.streams.pop()

    def wait_event(self, event: Event) -> None:
        if event._mark is None:
            return
        if self._queue.tape is not None or event._mark.queue.tape is not None:
            raise CUDARuntimeError("cudaErrorStreamCaptureIsolation: an event crosses the border of a capture")
        self._put(Op("wait", wait=event._mark))

    def begin_capture(self, mode: int | None = None) -> None:
        if mode != STREAM_CAPTURE_MODE_RELAXED:
            raise Forbidden("this capture would stop other threads")
        if self._queue.tape is not None:
            raise CUDARuntimeError("cudaErrorIllegalState: the stream is capturing")
        self._queue.tape = []

    def end_capture(self) -> Graph:
        if self._queue.tape is None:
            raise CUDARuntimeError("cudaErrorIllegalState: the stream is not capturing")
        graph = Graph.__new__(Graph)
        graph._ops, self._queue.tape = self._queue.tape, None
        return graph

    def _put(self, op: Op) -> None:
        if not self.ptr:
            raise Forbidden("work on the null stream")
        self._machine.put(self._queue, op)


class Graph:
    """What a capture recorded."""

    _ops: list[Op]

    def __init__(self, *args: Any, **kwargs: Any):
        raise NotImplementedError("made by Stream.end_capture")

    def launch(self, stream: Stream | None = None) -> None:
        stream = stream or current_stream()
        if stream._queue.tape is not None:
            raise Forbidden("a graph inside a capture")
        for op in self._ops:
            stream._put(Op(op.kind, op.run))

    def upload(self, stream: Stream | None = None) -> None:
        if stream is None or not stream.ptr:
            raise Forbidden("work on the null stream")


STREAM_CAPTURE_MODE_RELAXED = 2


def current_device() -> int:
    """The thread's current GPU."""
    return _thread.devices[-1]


def current_stream() -> Stream:
    """The thread's current stream, as CuPy's words use it."""
    if not _thread.streams:
        raise Forbidden("work on the null stream: no stream is current on this thread")
    return _thread.streams[-1]
