"""How fast bytes move here, and how many a kernel has to move."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from bgflow.bench.figures import Bandwidth
from bgflow.bench.pictures import Size, pictures
from bgflow.bench.stopwatch import Stopwatch, fresh
from bgflow.kernel import Kernel

BLOCK = 1 << 28  # bytes; far more than any cache holds
PINNED = 1 << 26


def bandwidth(watch: Stopwatch, size: Size, repeats: int) -> Bandwidth:
    """What a copy reaches on the device and between it and the host; uploads and downloads are of one NV12 frame."""
    if not watch.works:
        return Bandwidth()
    import cupyx

    device = watch.device
    source, target = (fresh(device, (BLOCK,), np.uint8) for _ in range(2))

    def on_device() -> None:
        target[...] = source

    pinned, there = cupyx.empty_pinned((PINNED,), np.uint8), fresh(device, (PINNED,), np.uint8)
    frame = pictures(size)[0].nv12
    place, back = fresh(device, frame.shape, np.uint8), np.empty_like(frame)
    return Bandwidth(
        device_gbs=_gbs(2 * BLOCK, watch.seconds(on_device, repeats)),
        pinned_up_gbs=_gbs(PINNED, watch.seconds(lambda: there.set(pinned), repeats)),
        pinned_down_gbs=_gbs(PINNED, watch.seconds(lambda: there.get(out=pinned, blocking=False), repeats)),
        upload_gbs=_gbs(frame.nbytes, _each(watch, lambda: device.upload(frame, place))),
        download_gbs=_gbs(frame.nbytes, _each(watch, lambda: device.download(place, back))),
    )


def moved(kernel: Kernel, values: tuple[Any, ...]) -> int:
    """The bytes that a launch must read and write at least, by its declared arguments and the arrays that it is given.

    What is `in` is read once, `out` written once, `inout` both. Of the modes of a mixture (a first dim `m`) only the
    heaviest counts, because most pixels touch no other; so the share that follows is rather too low than too high.
    """
    total = 0
    for arg, value in zip(kernel.args, values, strict=True):
        if arg.dims:
            touched = math.prod(value.shape[1:] if arg.dims[0] == "m" else value.shape)
            total += touched * value.dtype.itemsize * (2 if arg.mode == "inout" else 1)
    return total


def _gbs(nbytes: int, seconds: float | None) -> float | None:
    return None if seconds is None else nbytes / seconds / 1e9


def _each(watch: Stopwatch, work: Callable[[], None], times: int = 200) -> float:
    """Seconds by the host's clock, because part of the work is the host's."""
    for _ in range(20):
        work()
    watch.device.synchronise()
    started = time.perf_counter()
    for _ in range(times):
        work()
    watch.device.synchronise()
    return (time.perf_counter() - started) / times
