"""Time on a device, by the device's own clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bgflow.devices import Device
from bgflow.frame import Array, Pool

Work = Callable[[], None]
COVER = 1 << 28  # bytes of a copy that keeps the device busy while the host enqueues what is timed


class Stopwatch:
    """Times what is enqueued on a GPU by CUDA events; other devices have none, and every time is None.

    A long copy goes before each measurement. It lets the host enqueue all that is timed before the device comes to
    it, so that no gap of the host's is counted, and it throws the arguments out of the device's cache.
    """

    def __init__(self, device: Device) -> None:
        self.device = device
        self._cupy: Any = None
        if device.name.partition(":")[0] == "cuda":
            import cupy

            self._cupy = cupy
            self._cover = [fresh(device, (COVER,), np.uint8) for _ in range(2)]

    @property
    def works(self) -> bool:
        """Whether there are events here."""
        return self._cupy is not None

    def seconds(
        self, work: Callable[[], None], repeats: int, before: Callable[[], None] = lambda: None
    ) -> float | None:
        """The median time of `work`; `before` is done before each repetition and not counted."""
        if not self.works:
            return None
        times = []
        with self.device.active():
            for _ in range(repeats):
                start, stop = self._cupy.cuda.Event(), self._cupy.cuda.Event()
                before()
                self._cover[0][...] = self._cover[1]
                start.record()
                work()
                stop.record()
                stop.synchronize()
                times.append(float(self._cupy.cuda.get_elapsed_time(start, stop)) / 1e3)
        return float(np.median(times))

    def memory(self) -> int | None:
        """Bytes of the device's memory that are in use, by anybody."""
        if not self.works:
            return None
        with self.device.active():
            free, total = self._cupy.cuda.runtime.memGetInfo()
        return int(total - free)


def fresh(device: Device, shape: tuple[int, ...], dtype: Any) -> Array:
    """An array on the device, its contents undefined."""
    return Pool(device, shape, dtype, planned=1).take()


def twin(device: Device, array: Array) -> Array:
    """A copy of an array on its own device, rows without padding."""
    out = fresh(device, array.shape, array.dtype)
    with device.active():
        out[...] = array
    return out
