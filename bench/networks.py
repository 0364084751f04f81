"""Networks by engine and precision: the time of the network alone, and how far its alpha moves from fp32."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from typing import Any, get_args

import numpy as np

from bgflow import engines, models
from bgflow.bench.figures import NetworkFigure
from bgflow.bench.pictures import Size, pictures
from bgflow.bench.stopwatch import Stopwatch, fresh
from bgflow.devices import Device, device
from bgflow.engines import Precision
from bgflow.errors import BgflowError
from bgflow.models import calibration
from bgflow.stages.u2net import Mask
from bgflow.testing import opened

TURNS = 10  # calls in a row that are timed together
Host = np.ndarray[Any, Any]


def networks(watch: Stopwatch, model: str, size: Size, repeats: int, deadline: float) -> Iterator[NetworkFigure]:
    """A model by each engine of the device in each precision; raises ModelError when it is not here."""
    truth = alphas(device("cpu"), model, "auto", "fp32", size)
    for name in engines.known():
        try:
            native = engines.native(engines.engine(name, watch.device), watch.device)
        except BgflowError as e:
            yield NetworkFigure(model=model, engine=name, precision="any", input="", why=_line(e))
            continue
        for precision in get_args(Precision)[1:] if native else ():  # the first is auto
            yield _figure(watch, model, name, precision, size, truth, repeats, deadline)


def _figure(
    watch: Stopwatch, model: str, engine: str, precision: Any, size: Size, truth: Host, repeats: int, deadline: float
) -> NetworkFigure:
    layout = models.find(model).layout
    height, width = layout.size
    row: dict[str, Any] = {"model": model, "engine": engine, "precision": precision, "input": f"{width}x{height}"}
    if time.monotonic() > deadline:
        return NetworkFigure(**row, why="the time was up")
    try:
        ms = milliseconds(watch, model, engine, precision, repeats)
        apart = float(np.mean(np.abs(alphas(watch.device, model, engine, precision, size) - truth)))
    except (BgflowError, ImportError, RuntimeError) as e:
        return NetworkFigure(**row, why=_line(e))
    return NetworkFigure(**row, ms=ms, mean_alpha=apart)


def milliseconds(watch: Stopwatch, model: str, engine: str, precision: Any, repeats: int) -> float | None:
    """The network alone, between arrays that stay on the device."""
    if not watch.works:
        return None
    found, where = models.find(model), watch.device
    layout = found.layout
    shape, ends = layout.shape(*layout.size), layout.ends(*layout.size)
    samples = functools.partial(calibration.inputs, layout, *layout.size)
    make = engines.engine(engine, where)
    with engines.fitted(make, found.path, shape, where, ends=ends, precision=precision, samples=samples) as net:
        x, out = fresh(where, shape, np.float32), fresh(where, net.out_shape, np.float32)

        def turns() -> None:
            for _ in range(TURNS):
                net(x, out)

        with where.active():
            x.fill(0.5)
            turns()
            work = turns
            if net.capturable:
                with where.capture() as recording:
                    turns()
                work = recording.replay
        seconds = watch.seconds(work, repeats)
    return None if seconds is None else seconds / TURNS * 1e3


def alphas(where: Device, model: str, engine: str, precision: Any, size: Size) -> Host:
    """The mattes of all pictures."""
    with where.active(), opened(Mask(model=model, engine=engine, precision=precision), where.name) as mask:
        return np.stack([np.array(mask(image=picture.image)) for picture in pictures(size)])


def _line(e: BaseException) -> str:
    return " ".join(str(e).split())[:200]
