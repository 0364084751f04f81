"""The stage contract: ports, parameters and three methods.

`open(ctx)` is called once, on the thread that will run the stage; `process(*inputs)` once per instant, returning an
array, a dict by port, or None to send nothing; `close()` once if `open` succeeded, even after a failure, in reverse
order. A stage is entered by one thread at a time; it holds no lock and starts no thread. It never writes an input,
takes every output from `ctx.empty(port)`, and keeps no input beyond `process` unless it means to hold its memory.

A source has `frames()` instead of `process`: it yields `(pts, value)` in ticks of `self.time_base`, where value is an
array for the first output or a dict by port. A stage that talks to the network may add `async serve(ctx)`, which runs
on the run's event loop until the run ends. What else a stage can be asked to do is an action, see `bgflow.action`.
"""

from __future__ import annotations

import inspect
import logging
import typing
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import pydantic

from bgflow.devices import Device
from bgflow.frame import NANOSECOND, Array, Frame
from bgflow.news import SECONDS, Kind
from bgflow.port import In, Out, Port

if TYPE_CHECKING:
    from bgflow.action import Done
    from bgflow.controls import Controls

REGISTRY: dict[str, type[Stage]] = {}
T = TypeVar("T")


def Param(
    default: Any = ...,
    *,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    pattern: str | None = None,
    hot: bool = False,
    slow: bool = False,
    unit: str = "",
    description: str = "",
) -> Any:
    """A parameter of a stage with its range; `hot` ones may change while the graph runs.

    A `slow` one takes long to change, because something is loaded for it, and is no slider on a page.
    """
    extra: dict[str, Any] = {"hot": hot, "unit": unit}
    if slow:
        extra["slow"] = True
    return pydantic.Field(
        default,
        ge=ge,
        gt=gt,
        le=le,
        lt=lt,
        pattern=pattern,
        description=description,
        json_schema_extra=extra,
    )


class Context(typing.Protocol):
    """What a run offers a stage; valid from `open` to `close`, on the stage's own thread unless said otherwise."""

    name: str
    """The stage's name in the graph."""
    device: Device
    """Where this stage's arrays live."""
    frame: Frame
    """The instant in process: `seq`, `pts`, `time_base`."""
    live: bool
    """Whether the run follows a live clock (late frames are dropped) or a file's (every frame counts)."""
    log: logging.Logger
    controls: Controls
    """The run's hot parameters and actions; any thread."""

    def empty(self, port: Port | str, **dims: int) -> Array:
        """An uninitialised pooled array for an output; symbols bound by this instant's inputs need not be given."""
        ...

    def scratch(self, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        """An array that stays the same from frame to frame (its contents too) until its shape or dtype changes."""
        ...

    def wired(self, port: Port | str) -> bool:
        """Whether anything is connected to this port; a name that an input and an output share means the output."""
        ...

    def time_of(self, port: In | str) -> Fraction:
        """The instant at which an input's value was made, in seconds: a held one's may lie before this frame's."""
        ...

    def drop(self, reason: str, count: int = 1) -> None:
        """Count frames that were dropped here, by reason; any thread."""
        ...

    def warn(self, text: str) -> None:
        """Tell the user about something that did not stop the run; kept in the report; any thread."""
        ...

    def tell(self, text: str, seconds: float = SECONDS, kind: Kind = "message") -> None:
        """Show a line on the page and in a picture with buttons, for so long or until the next; any thread."""
        ...

    def act(self, target: str) -> Future[Done]:
        """Ask for 'stage.action' of this run, or 'run.stop'; never wait for it in `process`; any thread."""
        ...

    def note(self, **facts: Any) -> None:
        """Put figures of the stage's own beside its times in the report; any thread."""
        ...

    @property
    def stopping(self) -> bool:
        """Whether the run is being stopped; a source that sees it returns from `frames()`; any thread."""
        ...

    def wait(self, seconds: float) -> bool:
        """Sleep, but wake at once when the run is being stopped; returns `stopping`; any thread."""
        ...

    def shared(self, key: object, make: Callable[[], T]) -> T:
        """The run's one object under `key`, made by the first stage that asks; any thread."""
        ...


class ParamsOf:
    """`SomeStage.Params`: the annotated fields of a stage as a pydantic model, built when it is first asked for.

    Building one takes a millisecond or two, and a family's other stages would pay it in every `bgflow check`.
    """

    def __get__(self, stage: Stage | None, cls: type[Stage]) -> type[pydantic.BaseModel]:
        if "_params_model" not in vars(cls):
            fields: dict[str, Any] = {}
            for base in reversed(cls.__mro__):
                if base in (object, Stage):
                    continue
                for n, hint in inspect.get_annotations(base, eval_str=True).items():
                    origin: object = typing.get_origin(hint)
                    if origin is not ClassVar:
                        fields[n] = (hint, vars(base).get(n, ...))
            config = pydantic.ConfigDict(extra="forbid", frozen=True)
            cls._params_model = pydantic.create_model(f"{cls.__name__}Params", __config__=config, **fields)
        return cls._params_model


class Stage:
    """Base of every stage; write ports and parameters as class attributes.

    `use` is the stage's name in YAML: 'family.name', and the family is the file it lives in. `host` stages stay on
    the CPU whatever device the graph has. A `live` source cannot wait: frames that nobody takes are dropped.
    """

    inputs: Mapping[str, In] = {}
    outputs: Mapping[str, Out] = {}
    params: pydantic.BaseModel
    ctx: Context
    time_base: Fraction = NANOSECOND
    Params = ParamsOf()
    _params_model: ClassVar[type[pydantic.BaseModel]]
    use: ClassVar[str] = ""
    host: ClassVar[bool] = False
    live: ClassVar[bool] = False

    def __init_subclass__(cls, use: str = "", **kw: Any):
        super().__init_subclass__(**kw)
        ports = {n: p for base in reversed(cls.__mro__) for n, p in vars(base).items() if isinstance(p, Port)}
        cls.inputs = {p.name: p for p in ports.values() if isinstance(p, In)}
        cls.outputs = {p.name: p for p in ports.values() if isinstance(p, Out)}
        for p in ports.values():
            if "{" not in p.type:
                _ = p.types  # a port type that cannot be read fails here, where it is written
        if not cls.is_source():
            wants = list(inspect.signature(cls.process).parameters)[1:]
            if wants != list(cls.inputs):
                raise TypeError(f"{cls.__qualname__}.process takes {wants}, but its In ports are {list(cls.inputs)}")
        cls.use = use or f"{cls.__module__}:{cls.__qualname__}"
        old = REGISTRY.get(cls.use)
        if old and (old.__module__, old.__qualname__) != (cls.__module__, cls.__qualname__):
            raise TypeError(f"stage {cls.use!r} is defined twice: in {old.__module__} and in {cls.__module__}")
        REGISTRY[cls.use] = cls

    def __init__(self, **params: Any):
        """Check and keep the parameters; raises pydantic.ValidationError."""
        self.params = self.Params(**params)
        for name in type(self.params).model_fields:
            setattr(self, name, getattr(self.params, name))
        values = self.params.model_dump()
        self.inputs = {n: p.resolved(values) for n, p in type(self).inputs.items()}
        self.outputs = {n: p.resolved(values) for n, p in type(self).outputs.items()}

    @classmethod
    def is_source(cls) -> bool:
        """Whether the stage makes its own frames."""
        return cls.frames is not Stage.frames

    def problems(self) -> Iterable[tuple[str, str]]:
        """What `bgflow check` should say of parameters that are wrong together: (parameter, text); opens nothing."""
        return ()

    def sizes(self, probe: bool) -> Mapping[str, int]:
        """A source's dims (`h`, `w`, …) as far as they are known; files are opened only when `probe` is true."""
        return {}

    def open(self, ctx: Context) -> None:
        """Take memory, models and files here."""
        self.ctx = ctx

    def process(self, *inputs: Any) -> Any:
        """One instant; return the output, a dict of outputs by port, or None to send nothing."""
        raise TypeError(f"{type(self).__qualname__} has no process(); a stage has process() or frames()")

    def frames(self) -> Iterator[tuple[int, Any]]:
        """A source's stream; each item is (pts, value)."""
        raise TypeError(f"{type(self).__qualname__} is not a source")

    def views(self) -> Mapping[str, Array]:
        """Outputs that were sent long ago and are still at hand, by port, for somebody who begins to look at them."""
        return {}

    def copies(self) -> tuple[int, int]:
        """Copies (from the host, to the host) that each instant makes inside this stage when it is on an accelerator.

        What changes rarely, such as a background that is loaded once, does not count. `bgflow check` holds the sum of
        these and of the wires between devices against the graph's `budget`.
        """
        return 0, 0

    def launches(self) -> Hashable | None:
        """What decides which kernels, with which numbers and addresses, the next `process` launches; None: anything.

        Asked before every instant on an accelerator, with `ctx.frame` and `ctx.time_of` of that instant. Inputs,
        parameters, scratch and outputs need not be told. Stages in a row that answer run from Python when a set of
        answers is met for the first time, are captured as one CUDA graph the second time, and from then on replayed:
        `process` is not called then, but `replayed` is. So a stage that answers neither copies from or to the host in
        `process`, nor drops, warns, takes scratch in another shape than the last time under the same name, or returns
        something else than arrays from `ctx.empty`. A stage whose `copies` are not none is never captured.
        """
        return None

    def ladder(self) -> Iterable[Mapping[str, Any]]:
        """Changes of hot parameters that each make the stage faster at a loss, in the order in which to make them.

        Asked once, as the stage is set then; an `slo` of the graph takes them one by one when frames are late, and back
        when there is time again. What gains nothing with the present parameters is left out.
        """
        return ()

    def replayed(self) -> None:
        """What `process` would have done in Python (count a frame, turn a ring) when its launches were replayed."""

    def close(self) -> None:
        """Give back what `open` took; a sink finishes its file here."""
