"""One stage at its place in a segment: what it is given each instant, and under which keys its outputs go on."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter_ns as now
from typing import Any, NamedTuple

import numpy as np

from bgflow.cadence import Auto, Watch, is_picture
from bgflow.context import RunContext
from bgflow.copies import Copies
from bgflow.document import near
from bgflow.errors import BgflowError
from bgflow.graph import Node, Wire
from bgflow.port import In, Type

Values = Mapping[str, Any]


class Gives(NamedTuple):
    """What an output is to be: its key, its type, and of an array the dtype and, but for nv12, how many dims."""

    key: str
    kind: Type
    dtype: np.dtype[Any] | None
    ndim: int

    @classmethod
    def of(cls, key: str, kind: Type) -> Gives:
        """The same of a port's type."""
        dtype = np.dtype(kind.dtype) if kind.dims else None
        return cls(key, kind, dtype, 0 if kind.element == "nv12" else len(kind.dims))


class Step:
    """What never changes about a stage in a run is looked up here once; every method belongs to the stage's thread."""

    def __init__(self, node: Node, ctx: RunContext, into: Mapping[str, Wire]):
        self.node, self.ctx, self.stage, self.name = node, ctx, node.stage, node.name
        self.is_sink = not node.stage.outputs
        self.wired = [(port, into.get(name)) for name, port in node.stage.inputs.items()]
        self._wants = [(wire.key if wire else "", port.hold, port.optional) for port, wire in self.wired]
        self._owns = ctx.device.owns
        self._outputs = {name: Gives.of(f"{node.name}.{name}", p.types[0]) for name, p in node.stage.outputs.items()}
        self._first = next(iter(self._outputs), "")
        self._watched = next((n for n, (port, wire) in enumerate(self.wired) if wire and is_picture(port)), 0)
        self._seen: list[tuple[Any, Any] | None] = []
        self._gave: dict[str, tuple[int, ...]] = {}
        self._turn = 0
        self._every = node.every if isinstance(node.every, int) else 1
        self._counts = ctx.device.name != "cpu"
        # An accelerator has time for every instant, and to look at a picture that lies there would cost a copy back.
        self._watch: Watch | None = None
        if isinstance(node.every, Auto) and self._source_of_watched() == "cpu":
            self._watch = Watch(node.every)
        self.rests = self._watch is not None or self._every > 1

    def pace(self, every: int) -> None:
        """Run at each so many instants from now on; where the picture is watched, not more often."""
        if self._watch:
            self._watch.auto = self._watch.auto.model_copy(update={"least": every})
        elif isinstance(self.node.every, int) and every != self._every:
            self._every, self._turn, self.rests = every, 0, every > 1

    def _source_of_watched(self) -> str:
        """The device that the watched picture comes from."""
        wire = self.wired[self._watched][1]
        return self.ctx.device_of(wire.src) if wire else "cpu"

    def instant(self, values: Values, held: Values, copies: Copies) -> dict[str, Any] | None:
        """Run the stage once and count what that took; what it gave, or None when it was not its turn."""
        if (inputs := self.inputs(values, held, copies)) is None:
            return None
        ctx = self.ctx
        before = ctx.device.meter.read() if self._counts else None
        started = now()
        made = self.outputs(self.stage.process(*inputs))
        ended = now()
        if before is not None:
            ctx.worked(ctx.device.meter.read().minus(before))
        ctx.timed(ended - started)
        return made

    def inputs(self, values: Values, held: Values, copies: Copies) -> list[Any] | None:
        """The stage's inputs on its device; binds their dims. Asked once an instant.

        None when one that it needs is missing, or when its `every` lets it rest.
        """
        if self._every > 1:
            self._turn += 1
            if (self._turn - 1) % self._every:
                return None
        out: list[Any] = []
        for key, hold, optional in self._wants:
            value = values.get(key)
            if value is None:
                if hold:
                    value = held.get(key)
                if value is None and not optional:
                    return None
            out.append(value)
        if self._watch:
            picture = out[self._watched]
            if picture is None or not self._watch.is_due(self.ctx.frame.time, picture):
                return None
        seen: list[tuple[Any, Any] | None] = []
        for n, value in enumerate(out):
            if (dtype := getattr(value, "dtype", None)) is None:
                seen.append(None)
                continue
            if not self._owns(value) and (wire := self.wired[n][1]) is not None:
                value = out[n] = copies.on(self.ctx, wire, value)
            seen.append((value.shape, dtype))
        if seen != self._seen:
            self._bind(out)
            self._seen = seen
        return out

    def _bind(self, inputs: list[Any]) -> None:
        """Learn the dims from the inputs; a contradiction names both numbers."""
        size: dict[str, int] = {}
        for (port, _), value in zip(self.wired, inputs, strict=True):
            if hasattr(value, "dtype"):
                size = _bound(port, value, size)
        self.ctx.bind(size)
        self._gave = {}

    def outputs(self, out: Any) -> dict[str, Any]:
        """What the stage gave, by 'stage.output'; a value that is not what the port declares is refused."""
        if out is None:
            return {}
        made = {}
        for name, value in out.items() if isinstance(out, dict) else ((self._first, out),):
            if value is None:
                continue
            if (gives := self._outputs.get(name)) is None:
                raise BgflowError(
                    f"{self.name} gave {name!r}, which is no output of {self.stage.use}{near(name, self._outputs)}"
                )
            key, kind, dtype, ndim = gives
            if dtype is not None:
                if getattr(value, "dtype", None) != dtype or (ndim and value.ndim != ndim):
                    found = getattr(value, "dtype", None) or type(value).__name__
                    shape = "x".join(map(str, getattr(value, "shape", ())))
                    raise BgflowError(f"{self.name} gave {name} as {found}[{shape}], but it is {kind}")
                if self._gave.get(name) != value.shape:
                    self._check_size(name, kind, value.shape)
            made[key] = _sealed(value)
        return made

    def _check_size(self, name: str, kind: Type, shape: tuple[int, ...]) -> None:
        """Refuse a size that contradicts the inputs; a source's sizes are its own."""
        size = {} if self.stage.is_source() else dict(self.ctx.size)
        if (dim := kind.bind(shape, size)) is not None:
            wanted = f"{dim} is {size[dim]} here" if dim in size else f"it is {kind}"
            raise BgflowError(f"{self.name} gave {name} as {'x'.join(map(str, shape))}, but {wanted}")
        self._gave[name] = shape


def arriving(port: In, wire: Wire | None, values: Values, held: Values) -> Any:
    """What a port gets at this instant: the instant's own value, else the held one, else None."""
    if wire is None:
        return None
    value = values.get(wire.key)
    return held.get(wire.key) if value is None and port.hold else value


def _sealed(value: Any) -> Any:
    """The value so that no stage after can write it: a read-only view on the CPU; others share it."""
    if isinstance(value, np.ndarray) and value.flags.writeable:
        value = value.view()
        value.setflags(False)
    return value


def _bound(port: In, value: Any, size: dict[str, int]) -> dict[str, int]:
    """`size` and what the value's shape adds to it."""
    why = ""
    for kind in port.types:
        if kind.element == "any":
            return size
        if kind.dims and kind.dtype == value.dtype:
            trial = dict(size)
            if (dim := kind.bind(value.shape, trial)) is None:
                return trial
            why = f"{port.name} is {'x'.join(map(str, value.shape))}, but {dim} is {size.get(dim, dim)} here"
    raise BgflowError(why or f"{port.name} is {value.dtype}{list(value.shape)}, but wants {port.type}")
