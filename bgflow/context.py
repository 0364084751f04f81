"""What a run offers one stage: memory, the instant, counters and the stop sign."""

from __future__ import annotations

import collections
import logging
import threading
from collections.abc import Callable, Mapping, Set
from concurrent.futures import Future
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from bgflow.action import Done
from bgflow.devices import Work
from bgflow.errors import DeviceError, StageError
from bgflow.frame import NANOSECOND, WARM_UP, Array, Frame, Pool
from bgflow.graph import Node
from bgflow.news import SECONDS, Kind
from bgflow.port import In, Port

if TYPE_CHECKING:
    from bgflow.capture import Arena
    from bgflow.controls import Controls
    from bgflow.planning import Plan

T = TypeVar("T")
SAMPLES = 8192  # durations kept per stage for its percentiles


class Shared:
    """What the stages of one run have in common: the stop sign, one object per key, and the controls."""

    def __init__(self, plan: Plan, controls: Controls):
        self.plan, self.controls = plan, controls
        self.stop = threading.Event()
        self._objects: dict[object, Any] = {}
        self._lock = threading.Lock()

    def get(self, key: object, make: Callable[[], T]) -> T:
        """The run's one object under `key`."""
        with self._lock:
            if key not in self._objects:
                self._objects[key] = make()
            found: T = self._objects[key]
            return found


class RunContext:
    """The Context of one stage in a run; see `bgflow.stage.Context` for what each member promises."""

    def __init__(self, node: Node, shared: Shared, times: Mapping[str, Fraction]):
        plan = shared.plan
        self.name, self.node, self.live = node.name, node, plan.live
        self.device = plan.devices[node.name]
        self.frame = Frame(0, 0, NANOSECOND)
        self.log = logging.getLogger(f"bgflow.{node.name}")
        self.controls = shared.controls
        self.size: dict[str, int] = {}
        self.drops: collections.Counter[str] = collections.Counter()
        self.warnings: collections.Counter[str] = collections.Counter()
        self.facts: dict[str, Any] = {}
        self.times = np.full(SAMPLES, 0, np.int64)  # touched now, lest it looks as if a long run grew
        self._durations = self.times.data  # the same; numpy takes longer to set one number
        self.count = self.late_allocations = 0
        self.work, self.settled = Work(), Work()
        """What was asked of the device in all instants, and in those after warm-up."""
        self.arena: Arena | None = None
        """While the stage's launches are captured, where its outputs come from instead of the pools."""
        self.pools: dict[tuple[str, tuple[int, ...]], Pool] = {}
        self._usual: dict[str, Pool] = {}
        """By output, the pool of the size that the inputs have now."""
        self._scratch: dict[str, Array] = {}
        self._outs = frozenset(w.out for w in plan.graph.wires if w.src == node.name)
        self._wired_outs: Set[str] = self._outs
        self._wired_ins = plan.graph.into(node.name)
        self._times = times
        self._shared = shared
        self._lock = threading.Lock()

    def empty(self, port: Port | str, **dims: int) -> Array:
        name = port if isinstance(port, str) else port.name
        if not dims and self.arena is None and (usual := self._usual.get(name)) is not None:
            return usual.take()
        kind = self.node.stage.outputs[name].types[0]
        shape = kind.shape({**self.size, **dims} if dims else self.size)
        if self.arena is not None:
            return self.arena.take(shape, kind.dtype)
        pool = self.pool(name, shape, kind.dtype)
        if not dims:
            self._usual[name] = pool
        return pool.take()

    def bind(self, size: dict[str, int]) -> None:
        """The inputs have these dims from now on."""
        self.size = size
        self._usual.clear()

    def pool(self, name: str, shape: tuple[int, ...], dtype: Any) -> Pool:
        """The pool behind one output (or one copied input) at one shape; a new shape retires the old pools."""
        found = self.pools.get((name, shape))
        if found is None:
            self._usual.pop(name, None)
            for old in [k for k in self.pools if k[0] == name]:
                self.late_allocations += self.pools.pop(old).late_allocations  # blocks die with their last array
            planned = self._shared.plan.pools.get(f"{self.name}.{name}")
            found = self.pools[name, shape] = Pool(
                self.device, shape, dtype, name=f"{self.name}.{name}", planned=planned.blocks if planned else 2
            )
        return found

    def scratch(self, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        old = self._scratch.get(name)
        if old is None or old.shape != shape or old.dtype != dtype:
            if self.arena is not None:  # a recording would go on with the old memory, or lose the new one
                raise DeviceError(f"{self.name} takes scratch {name!r} anew while its launches are captured")
            self._scratch[name] = old = Pool(self.device, shape, dtype).take()
            self.late_allocations += self.count > WARM_UP
        return old

    def wired(self, port: Port | str) -> bool:
        name = port if isinstance(port, str) else port.name
        is_output = name in self.node.stage.outputs and not isinstance(port, In)
        return name in (self._wired_outs if is_output else self._wired_ins)

    def tap(self, keys: Set[str]) -> None:
        """Have these outputs ('stage.port') of this stage made, beside those that are wired; its own thread."""
        self._wired_outs = self._outs | {out for out in self.node.stage.outputs if f"{self.name}.{out}" in keys}

    def device_of(self, stage: str) -> str:
        """The name of the device that another stage is on."""
        return self._shared.plan.devices[stage].name

    def time_of(self, port: In | str) -> Fraction:
        wire = self._wired_ins.get(port if isinstance(port, str) else port.name)
        return self._times.get(wire.key, self.frame.time) if wire else self.frame.time

    def drop(self, reason: str, count: int = 1) -> None:
        with self._lock:
            self.drops[reason] += count

    def warn(self, text: str) -> None:
        with self._lock:
            self.warnings[text] += 1
            first = self.warnings[text] == 1
        if first:
            self.log.warning(text)

    def tell(self, text: str, seconds: float = SECONDS, kind: Kind = "message") -> None:
        self.controls.news.tell(self.name, text, self.frame.seq, seconds, kind)

    def act(self, target: str) -> Future[Done]:
        return self.controls.act(target)

    def note(self, **facts: Any) -> None:
        self.facts.update(facts)

    def timed(self, ns: int) -> None:
        """Count one frame of the stage and the time it took; the stage's own thread."""
        self._durations[self.count % SAMPLES] = ns
        self.count += 1

    def worked(self, work: Work) -> None:
        """Add what the instant in process asked of a device, before it is counted; the stage's own thread."""
        self.work = self.work.plus(work)
        if self.count >= WARM_UP:
            self.settled = self.settled.plus(work)

    @property
    def stopping(self) -> bool:
        return self._shared.stop.is_set()

    def wait(self, seconds: float) -> bool:
        return self._shared.stop.wait(seconds)

    def shared(self, key: object, make: Callable[[], T]) -> T:
        return self._shared.get(key, make)

    def error(self, doing: str, seq: int | None, cause: BaseException) -> StageError:
        """The StageError that names this stage."""
        return StageError(self.name, self.node.where, doing, seq, cause)
