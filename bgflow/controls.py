"""Change hot parameters of a running graph: checked at once, applied between two frames."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pydantic

from bgflow.cadence import Auto
from bgflow.document import near

if TYPE_CHECKING:
    from bgflow.graph import Graph
    from bgflow.keeper import Keeper
    from bgflow.stage import Stage

EVERY = "every"


def is_hot(stage: Stage | type[Stage], param: str) -> bool:
    """Whether a parameter may change while the graph runs."""
    extra = stage.Params.model_fields[param].json_schema_extra
    return bool(isinstance(extra, dict) and extra.get("hot"))


class Controls:
    """The hot parameters of one run; any thread may list and set, each stage's own thread applies.

    A stage sees all changes that were set together at once, at the start of its next frame. Beside parameters there is
    'stage.every', a whole number; where `every` watches the picture, the number is its `least`. `cadences` has it for
    the stages of the run that are no sources.
    """

    def __init__(self, stages: Mapping[str, Stage], cadences: Mapping[str, int | Auto] | None = None):
        self._stages = dict(stages)
        self._cadences = {n: e.least if isinstance(e, Auto) else e for n, e in (cadences or {}).items()}
        self.pending: dict[str, pydantic.BaseModel] = {}
        """What was set and not yet applied, by stage; the same object for good, and only to look into."""
        self._lock = threading.Lock()
        self.keeper: Keeper | None = None
        """What changes them by itself to hold the graph's slo, where it has one."""

    @classmethod
    def of(cls, graph: Graph) -> Controls:
        """The controls of a run of this graph."""
        nodes = graph.nodes
        cadences = {name: node.every for name, node in nodes.items() if not node.stage.is_source()}
        return cls({name: node.stage for name, node in nodes.items()}, cadences)

    def list(self) -> list[dict[str, Any]]:
        """Every hot parameter: stage, use, param, value and its JSON schema."""
        out = []
        with self._lock:
            now = {name: self.pending.get(name, stage.params) for name, stage in self._stages.items()}
        for name, stage in self._stages.items():
            schema = stage.Params.model_json_schema()
            for param in stage.Params.model_fields:
                if is_hot(stage, param):
                    value = getattr(now[name], param)
                    about = schema["properties"][param]
                    out.append({"stage": name, "use": stage.use, "param": param, "value": value, "schema": about})
        return out

    def value(self, target: str) -> Any:
        """What 'stage.param' or 'stage.every' was set to last; None when it cannot be set."""
        name, _, param = str(target).partition(".")
        with self._lock:
            if param == EVERY and name in self._cadences:
                return self._cadences[name]
            stage = self._stages.get(name)
            if stage is None or param not in self._hot(name):
                return None
            return getattr(self.pending.get(name, stage.params), param)

    def every(self, name: str) -> int:
        """At which instants a stage runs: each n-th."""
        return self._cadences.get(name, 1)

    def set(self, target: str, value: Any) -> None:
        """Set 'stage.param'; the value is used from the stage's next frame. Raises ValueError with one line."""
        self.update({target: value})

    def update(self, values: Mapping[str, Any]) -> None:
        """Set several parameters, all or none. Raises ValueError with one line."""
        with self._lock:
            changed: dict[str, dict[str, Any]] = {}
            cadences: dict[str, int] = {}
            for target, value in values.items():
                name, _, param = str(target).partition(".")
                if name not in self._stages:
                    raise ValueError(f"no stage is named {name!r}{near(name, self._stages)}")
                hot, rests = self._hot(name), name in self._cadences
                if not (param in hot or (param == EVERY and rests)):
                    known = (*hot, EVERY) if rests else hot
                    raise ValueError(
                        f"{name} has no parameter {param!r} that may change while it runs{near(param, known)}"
                    )
                params = changed.setdefault(name, self.pending.get(name, self._stages[name].params).model_dump())
                if param == EVERY and rests:
                    cadences[name] = _cadence(target, value)
                else:
                    params[param] = value
            checked = {name: _checked(name, self._stages[name], new) for name, new in changed.items()}
            self._cadences.update(cadences)
            self.pending.update(checked)

    def apply(self, name: str) -> bool:
        """Give a stage its new values, if there are any; called by its own thread between two frames."""
        if name not in self.pending:
            return False
        with self._lock:
            stage = self._stages[name]
            stage.params = self.pending.pop(name)
        for param in type(stage.params).model_fields:
            setattr(stage, param, getattr(stage.params, param))
        return True

    def _hot(self, name: str) -> tuple[str, ...]:
        stage = self._stages[name]
        return tuple(p for p in stage.Params.model_fields if is_hot(stage, p))


def _cadence(target: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{target}: every is a whole number from 1 while it runs, not {value!r}")
    return value


def _checked(name: str, stage: Stage, params: Mapping[str, Any]) -> pydantic.BaseModel:
    """The parameters as a stage takes them; raises ValueError when one is wrong, or some are wrong together."""
    try:
        probe = type(stage)(**params)
    except pydantic.ValidationError as e:
        first = e.errors()[0]
        rule = first["msg"][0].lower() + first["msg"][1:]
        raise ValueError(f"{name}.{first['loc'][0]}: {rule}, not {first['input']!r}") from None
    for param, text in probe.problems():
        raise ValueError(f"{name}.{param}: {text}")
    return probe.params
