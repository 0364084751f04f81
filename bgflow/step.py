"""One stage at its place in a segment: what it is given each instant, and under which keys its outputs go on."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

import numpy as np

from bgflow.cadence import Auto, Watch, is_picture
from bgflow.context import RunContext
from bgflow.copies import Copies
from bgflow.document import near
from bgflow.errors import BgflowError
from bgflow.graph import Node, Wire
from bgflow.port import In, Out

Values = Mapping[str, Any]


class Input:
    """An input and what is wired to it; `shape`, `dtype` and `kind` are those of its last array."""

    __slots__ = ("dtype", "hold", "key", "kind", "optional", "port", "shape", "wire")

    def __init__(self, port: In, wire: Wire | None):
        self.port, self.wire, self.key = port, wire, wire.key if wire else ""
        self.hold, self.optional = port.hold, port.optional
        self.shape: tuple[int, ...] | None = None
        self.dtype: Any = None
        self.kind: type | None = None

    def meet(self, value: Any) -> None:
        """Know this value's form from now on."""
        self.shape, self.dtype, self.kind = getattr(value, "shape", None), getattr(value, "dtype", None), type(value)


class Output:
    """An output: what it has to be, and the shape that was found right for the present inputs."""

    __slots__ = ("dtype", "key", "name", "shape", "step", "type")

    def __init__(self, step: Step, name: str, port: Out):
        self.step, self.name, self.key, self.type = step, name, f"{step.name}.{name}", port.types[0]
        self.dtype = np.dtype(self.type.dtype) if self.type.dims else None
        self.shape: tuple[int, ...] | None = None

    def sealed(self, value: Any) -> Any:
        """The value so that no stage after can write it: a read-only view on the CPU; others share it.

        Raises BgflowError when it is not what the port declares.
        """
        if self.dtype is not None and (getattr(value, "shape", None) != self.shape or value.dtype is not self.dtype):
            self._check(value)
        if isinstance(value, np.ndarray) and value.flags.writeable:
            value = value.view()
            value.setflags(False)
        return value

    def _check(self, value: Any) -> None:
        """Refuse another type, and a size that contradicts the inputs; a source's sizes are its own."""
        step, kind = self.step, self.type
        dtype: Any = getattr(value, "dtype", None)
        shape: tuple[int, ...] = getattr(value, "shape", ())
        words = "x".join(map(str, shape))
        if dtype != self.dtype or (kind.element != "nv12" and len(shape) != len(kind.dims)):
            found = dtype or type(value).__name__
            raise BgflowError(f"{step.name} gave {self.name} as {found}[{words}], but it is {kind}")
        size = {} if step.stage.is_source() else dict(step.ctx.size)
        if (dim := kind.bind(shape, size)) is not None:
            wanted = f"{dim} is {size[dim]} here" if dim in size else f"it is {kind}"
            raise BgflowError(f"{step.name} gave {self.name} as {words}, but {wanted}")
        self.shape = shape


class Step:
    """What never changes about a stage in a run is looked up here once; every method belongs to the stage's thread."""

    def __init__(self, node: Node, ctx: RunContext, into: Mapping[str, Wire]):
        self.node, self.ctx, self.stage, self.name = node, ctx, node.stage, node.name
        self.is_sink = not node.stage.outputs
        self.wired = [(port, into.get(name)) for name, port in node.stage.inputs.items()]
        self._inputs = [Input(port, wire) for port, wire in self.wired]
        self._outputs = {name: Output(self, name, port) for name, port in node.stage.outputs.items()}
        self._first = next(iter(self._outputs.values()), None)
        self.keys = frozenset(output.key for output in self._outputs.values())
        self.held: Set[str] = frozenset()
        """Those of its outputs that a stage of the same segment holds."""
        self._elsewhere: list[tuple[int, Wire]] = []
        self._watched = next((n for n, (port, wire) in enumerate(self.wired) if wire and is_picture(port)), 0)
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

    def instant(self, values: dict[str, Any], held: Values, copies: Copies) -> bool:
        """Run the stage once and put what it gives into `values`; False when it was not its turn."""
        inputs = self.inputs(values, held, copies)
        if inputs is None:
            return False
        self.give(self._metered(inputs) if self._counts else self.stage.process(*inputs), values)
        return True

    def _metered(self, inputs: list[Any]) -> Any:
        """What the stage gives; what it asks of its accelerator is counted."""
        meter = self.ctx.device.meter
        before = meter.read()
        out = self.stage.process(*inputs)
        self.ctx.worked(meter.read().minus(before))
        return out

    def inputs(self, values: Values, held: Values, copies: Copies) -> list[Any] | None:
        """The stage's inputs on its device; binds their dims. Asked once an instant.

        None when one that it needs is missing, or when its `every` lets it rest.
        """
        if self._every > 1:
            self._turn += 1
            if (self._turn - 1) % self._every:
                return None
        out: list[Any] = []
        strange = False
        for want in self._inputs:
            value: Any = values.get(want.key)
            if value is None:
                if want.hold:
                    value = held.get(want.key)
                if value is None and not want.optional:
                    return None
            out.append(value)
            kind = type(value)
            if kind is not want.kind or (
                want.dtype is not None and (value.shape != want.shape or value.dtype is not want.dtype)
            ):
                strange = True
        if self._watch:
            picture = out[self._watched]
            if picture is None or not self._watch.is_due(self.ctx.frame.time, picture):
                return None
        if strange:
            self._bind(out)
        for n, wire in self._elsewhere:
            out[n] = copies.on(self.ctx, wire, out[n])
        return out

    def _bind(self, inputs: list[Any]) -> None:
        """Learn the dims from the inputs, and which lie on another device; a contradiction names both numbers."""
        size: dict[str, int] = {}
        self._elsewhere = []
        for n, (want, value) in enumerate(zip(self._inputs, inputs, strict=True)):
            if hasattr(value, "dtype"):
                size = _bound(want.port, value, size)
                if want.wire is not None and not self.ctx.device.owns(value):
                    self._elsewhere.append((n, want.wire))
            want.meet(value)
        self.ctx.bind(size)
        for output in self._outputs.values():
            output.shape = None

    def give(self, out: Any, values: dict[str, Any]) -> None:
        """Put what the stage gave into `values`, by 'stage.output'; what the port does not declare is refused."""
        if out is None:
            return
        if not isinstance(out, dict) and self._first is not None:
            values[self._first.key] = self._first.sealed(out)
            return
        for name, value in out.items() if isinstance(out, dict) else (("", out),):
            if value is None:
                continue
            if (output := self._outputs.get(name)) is None:
                raise BgflowError(
                    f"{self.name} gave {name!r}, which is no output of {self.stage.use}{near(name, self._outputs)}"
                )
            values[output.key] = output.sealed(value)


def arriving(port: In, wire: Wire | None, values: Values, held: Values) -> Any:
    """What a port gets at this instant: the instant's own value, else the held one, else None."""
    if wire is None:
        return None
    value = values.get(wire.key)
    return held.get(wire.key) if value is None and port.hold else value


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
