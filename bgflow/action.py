"""Actions: what a stage can be asked to do beside its frames, such as to take a picture.

    @action
    def save(self) -> str:
        \"\"\"Save the next picture.\"\"\"

An action runs on its stage's own thread between two frames, as hot parameters are applied. It answers with one line,
or with None when there is nothing to tell; it refuses by raising ValueError or a BgflowError with one line. Its
parameters have annotations, by which values from outside are checked; one without parameters can be a button.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

import pydantic

from bgflow.document import near
from bgflow.errors import BgflowError

if TYPE_CHECKING:
    from bgflow.news import News
    from bgflow.stage import Stage

F = TypeVar("F", bound=Callable[..., str | None])
MARK = "_bgflow_action"


@overload
def action(method: F) -> F: ...
@overload
def action(*, name: str) -> Callable[[F], F]: ...
def action(method: F | None = None, *, name: str = "") -> F | Callable[[F], F]:
    """Mark a method of a stage as an action; its docstring's first line is what people read.

    `name` is needed where the method's own is that of a port.
    """

    def mark(method: F) -> F:
        setattr(method, MARK, name or method.__name__)
        return method

    return mark if method is None else mark(method)


class Done(NamedTuple):
    """What an action answered ('' when there is nothing to tell), and the frame before which it ran."""

    message: str
    frame: int


class Known(NamedTuple):
    """An action of a stage's class: the method behind it, and the model of its parameters."""

    method: str
    params: type[pydantic.BaseModel]


_KNOWN: dict[type[Stage], Mapping[str, Known]] = {}


def actions(cls: type[Stage]) -> Mapping[str, Known]:
    """The actions of a stage's class by name."""
    if cls not in _KNOWN:
        _KNOWN[cls] = _declared(cls)
    return _KNOWN[cls]


def _declared(cls: type[Stage]) -> Mapping[str, Known]:
    found = {}
    for attribute in dict.fromkeys(name for base in reversed(cls.__mro__) for name in vars(base)):
        method = inspect.getattr_static(cls, attribute)
        if not (name := getattr(method, MARK, "")):
            continue
        fields: dict[str, Any] = {}
        for param in list(inspect.signature(method, eval_str=True).parameters.values())[1:]:
            fields[param.name] = (param.annotation, ... if param.default is param.empty else param.default)
        config = pydantic.ConfigDict(extra="forbid", strict=True)
        found[name] = Known(attribute, pydantic.create_model(name, __config__=config, **fields))
    return found


def described(cls: type[Stage]) -> list[dict[str, Any]]:
    """The actions of a stage's class for people and pages: name, description, and the schema of the parameters."""
    return [
        {
            "action": name,
            "description": (inspect.getdoc(getattr(cls, known.method)) or "").partition("\n")[0],
            "parameters": known.params.model_json_schema().get("properties", {}),
        }
        for name, known in actions(cls).items()
    ]


class Ask:
    """One action that somebody has asked for; raises ValueError when the stage has no such action, or with such values.

    `future` may be cancelled until it runs.
    """

    def __init__(self, stage: str, cls: type[Stage], name: str, values: Mapping[str, Any]):
        known = actions(cls)
        if name not in known:
            raise ValueError(f"{stage} has no action {name!r}{near(name, known)}")
        try:
            self._values = dict(known[name].params(**values))
        except pydantic.ValidationError as e:
            first = e.errors()[0]
            rule = first["msg"][0].lower() + first["msg"][1:]
            place = ".".join(map(str, first["loc"]))
            raise ValueError(f"{stage}.{name}: {place}: {rule}") from None
        self.stage, self._method = stage, known[name].method
        self.future: Future[Done] = Future()

    def run(self, stage: Stage, frame: int, news: News) -> None:
        """Do it; called by the stage's own thread. What is neither an answer nor a refusal is raised."""
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            message = getattr(stage, self._method)(**self._values)
        except (BgflowError, ValueError) as e:
            news.tell(self.stage, str(e), frame, kind="refused")
            self.future.set_exception(e)
        except BaseException as e:
            self.future.set_exception(e)
            raise
        else:
            if message:
                news.tell(self.stage, message, frame)
            self.future.set_result(Done(message or "", frame))
