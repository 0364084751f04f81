"""The test kit for stages: run one stage without a graph, on the CPU or the fake device."""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np

from bgflow.action import Done
from bgflow.controls import Controls
from bgflow.devices import device, to_host
from bgflow.errors import BgflowError
from bgflow.frame import NANOSECOND, Array, Frame, Pool
from bgflow.news import SECONDS, Kind
from bgflow.port import In, Port, Type
from bgflow.stage import Stage

T = TypeVar("T")


class TestContext:
    """A Context without a run: everything is wired, `stop()` asks a source to end; `drops` and `warnings` are kept.

    `times` may say of which instant the inputs that a test gives are, by port; else they are of the present one.
    """

    __test__ = False

    def __init__(self, stage: Stage, on: str = "cpu", live: bool = False, wired: set[str] | None = None):
        self.name = type(stage).__name__.lower()
        self.stage, self.live = stage, live
        self.device = device("cpu" if stage.host else on)
        self.frame = Frame(0, 0, NANOSECOND)
        self.log = logging.getLogger(f"bgflow.{self.name}")
        self.controls = Controls({self.name: stage})
        self.size: dict[str, int] = {}
        self.drops: dict[str, int] = {}
        self.warnings: list[str] = []
        self.facts: dict[str, Any] = {}
        self.times: dict[str, Fraction] = {}
        self._wired = wired
        self._pools: dict[Any, Pool] = {}
        self._scratch: dict[str, Array] = {}
        self._shared: dict[object, Any] = {}
        self._stop = threading.Event()

    def empty(self, port: Port | str, **dims: int) -> Array:
        out = self.stage.outputs[port if isinstance(port, str) else port.name]
        kind = out.types[0]
        key = (out.name, kind.shape({**self.size, **dims}))
        if key not in self._pools:
            self._pools[key] = Pool(self.device, key[1], kind.dtype, name=f"{self.name}.{out.name}")
        return self._pools[key].take()

    def scratch(self, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        old = self._scratch.get(name)
        if old is None or old.shape != shape or old.dtype != dtype:
            self._scratch[name] = old = Pool(self.device, shape, dtype).take()
        return old

    def wired(self, port: Port | str) -> bool:
        return self._wired is None or (port if isinstance(port, str) else port.name) in self._wired

    def time_of(self, port: In | str) -> Fraction:
        return self.times.get(port if isinstance(port, str) else port.name, self.frame.time)

    def drop(self, reason: str, count: int = 1) -> None:
        self.drops[reason] = self.drops.get(reason, 0) + count

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def tell(self, text: str, seconds: float = SECONDS, kind: Kind = "message") -> None:
        self.controls.news.tell(self.name, text, self.frame.seq, seconds, kind)

    def act(self, target: str) -> Future[Done]:
        return self.controls.act(target)

    def note(self, **facts: Any) -> None:
        self.facts.update(facts)

    def stop(self) -> None:
        """Ask the stage to end."""
        self._stop.set()

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def wait(self, seconds: float) -> bool:
        return self._stop.wait(seconds)

    def shared(self, key: object, make: Callable[[], T]) -> T:
        if key not in self._shared:
            self._shared[key] = make()
        found: T = self._shared[key]
        return found


class Opened:
    """An opened stage: call it with inputs by port, once per frame; `ctx` is its TestContext."""

    def __init__(self, stage: Stage, ctx: TestContext):
        self.stage, self.ctx = stage, ctx
        self._count = itertools.count()

    def __call__(self, pts: int | None = None, time_base: Fraction = Fraction(1, 30), **inputs: Any) -> Any:
        """Process one instant; inputs not given are None. Host arrays come in and go out, whatever the device."""
        seq = next(self._count)
        self.ctx.frame = Frame(seq, seq if pts is None else pts, time_base)
        if unknown := set(inputs) - set(self.stage.inputs):
            raise TypeError(f"{type(self.stage).__name__} has no input {sorted(unknown)[0]!r}")
        self.ctx.size = {}
        values = []
        for name, port in self.stage.inputs.items():
            v = inputs.get(name)
            if isinstance(v, np.ndarray):
                kind = _fitting(port, v)
                if kind.dims and (bad := kind.bind(v.shape, self.ctx.size)) is not None:
                    raise BgflowError(f"{name} is {v.shape}, which contradicts {bad} of {kind}")
                if self.ctx.device.name != "cpu":
                    put = Pool(self.ctx.device, v.shape, v.dtype).take()
                    self.ctx.device.upload(v, put)
                    v = put
            values.append(v)
        out = self.stage.process(*values)
        return {k: _host(v) for k, v in out.items()} if isinstance(out, dict) else _host(out)

    def frames(self, limit: int | None = None) -> Iterator[tuple[int, Any]]:
        """A source's `(pts, value)` items, at most `limit` of them."""
        yield from itertools.islice(self.stage.frames(), limit)


@contextlib.contextmanager
def opened(stage: Stage, on: str = "cpu", *, live: bool = False, wired: set[str] | None = None) -> Iterator[Opened]:
    """Open a stage for a test and close it afterwards: `with opened(Spill()) as spill: spill(image=…, alpha=…)`."""
    ctx = TestContext(stage, on, live, wired)
    with ctx.device.active():
        stage.open(ctx)
        try:
            yield Opened(stage, ctx)
        finally:
            stage.close()


def run_stage(stage: Stage, on: str = "cpu", **inputs: Any) -> Any:
    """Run one instant through a stage and return what it gave, as host arrays."""
    with opened(stage, on) as it:
        return it(**inputs)


def _fitting(port: Port, v: np.ndarray[Any, Any]) -> Type:
    for kind in port.types:
        if kind.element == "any":
            return kind
        same_dims = kind.element == "nv12" or len(kind.dims) == v.ndim
        fixed = all(not d.isdigit() or int(d) == n for d, n in zip(kind.dims, v.shape, strict=False))
        if kind.dtype == v.dtype and same_dims and fixed:
            return kind
    raise BgflowError(f"{port.name} is {v.dtype}{list(v.shape)}, but wants {port.type}")


def _host(v: Any) -> Any:
    return to_host(v) if hasattr(v, "dtype") else v
