"""One stage at its place in a segment: what it is given each instant, and under which keys its outputs go on."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from bgflow.cadence import Auto, Watch, is_picture
from bgflow.context import RunContext
from bgflow.copies import Copies
from bgflow.document import near
from bgflow.errors import BgflowError
from bgflow.graph import Node, Wire
from bgflow.port import In, Type

Values = Mapping[str, Any]


class Step:
    """What never changes about a stage in a run is looked up here once; every method belongs to the stage's thread."""

    def __init__(self, node: Node, ctx: RunContext, into: Mapping[str, Wire]):
        self.node, self.ctx, self.stage, self.name = node, ctx, node.stage, node.name
        self.is_sink = not node.stage.outputs
        self.wired = [(port, into.get(name)) for name, port in node.stage.inputs.items()]
        self._outputs = {name: (f"{node.name}.{name}", port.types[0]) for name, port in node.stage.outputs.items()}
        self._dtypes = {name: np.dtype(kind.dtype) for name, (_, kind) in self._outputs.items() if kind.dims}
        self._first = next(iter(self._outputs), "")
        self._watched = next((n for n, (port, wire) in enumerate(self.wired) if wire and is_picture(port)), 0)
        self._seen: list[tuple[Any, Any] | None] = []
        self._gave: dict[str, tuple[int, ...]] = {}
        self._turn = 0
        self._counts = ctx.device.name != "cpu"
        # An accelerator has time for every instant, and to look at a picture that lies there would cost a copy back.
        self._watch: Watch | None = None
        if isinstance(node.every, Auto) and self._source_of_watched() == "cpu":
            self._watch = Watch(node.every)
        self.rests = self._watch is not None or (isinstance(node.every, int) and node.every > 1)

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
        started = time.perf_counter_ns()
        made = self.outputs(self.stage.process(*inputs))
        ended = time.perf_counter_ns()
        if before is not None:
            ctx.worked(ctx.device.meter.read().minus(before))
        ctx.timed(ended - started)
        return made

    def inputs(self, values: Values, held: Values, copies: Copies) -> list[Any] | None:
        """The stage's inputs on its device; binds their dims. Asked once an instant.

        None when one that it needs is missing, or when its `every` lets it rest.
        """
        if isinstance(self.node.every, int):
            self._turn += 1
            if (self._turn - 1) % self.node.every:
                return None
        found: list[Any] = []
        for port, wire in self.wired:
            value = arriving(port, wire, values, held)
            if value is None and not port.optional:
                return None
            found.append(value)
        if self._watch:
            picture = found[self._watched]
            if picture is None or not self._watch.is_due(self.ctx.frame.time, picture):
                return None
        out: list[Any] = []
        seen: list[tuple[Any, Any] | None] = []
        for value, (_, wire) in zip(found, self.wired, strict=True):
            dtype = getattr(value, "dtype", None)
            if dtype is not None and wire is not None and not self.ctx.device.owns(value):
                value = copies.on(self.ctx, wire, value)
            seen.append(None if dtype is None else (value.shape, dtype))
            out.append(value)
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
        self.ctx.size = size
        self._gave = {}

    def outputs(self, out: Any) -> dict[str, Any]:
        """What the stage gave, by 'stage.output'; a value that is not what the port declares is refused."""
        if out is None:
            return {}
        made = {}
        for name, value in out.items() if isinstance(out, dict) else ((self._first, out),):
            if value is None:
                continue
            if name not in self._outputs:
                raise BgflowError(
                    f"{self.name} gave {name!r}, which is no output of {self.stage.use}{near(name, self._outputs)}"
                )
            key, kind = self._outputs[name]
            if kind.dims and not self._fits(name, kind, value):
                found = getattr(value, "dtype", None) or type(value).__name__
                shape = "x".join(map(str, getattr(value, "shape", ())))
                raise BgflowError(f"{self.name} gave {name} as {found}[{shape}], but it is {kind}")
            if kind.dims and self._gave.get(name) != value.shape:
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

    def _fits(self, name: str, kind: Type, value: Any) -> bool:
        same = getattr(value, "dtype", None) == self._dtypes[name]
        return same and (kind.element == "nv12" or value.ndim == len(kind.dims))


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
        value.flags.writeable = False
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
