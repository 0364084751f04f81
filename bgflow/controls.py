"""Change hot parameters of a running graph: checked at once, applied between two frames."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pydantic

from bgflow.document import near

if TYPE_CHECKING:
    from bgflow.stage import Stage


def is_hot(stage: Stage | type[Stage], param: str) -> bool:
    """Whether a parameter may change while the graph runs."""
    extra = stage.Params.model_fields[param].json_schema_extra
    return bool(isinstance(extra, dict) and extra.get("hot"))


class Controls:
    """The hot parameters of one run; any thread may list and set, each stage's own thread applies.

    A stage sees all changes that were set together at once, at the start of its next frame.
    """

    def __init__(self, stages: Mapping[str, Stage]):
        self._stages = dict(stages)
        self._pending: dict[str, pydantic.BaseModel] = {}
        self._lock = threading.Lock()

    def list(self) -> list[dict[str, Any]]:
        """Every hot parameter: stage, use, param, value and its JSON schema."""
        out = []
        with self._lock:
            now = {name: self._pending.get(name, stage.params) for name, stage in self._stages.items()}
        for name, stage in self._stages.items():
            schema = stage.Params.model_json_schema()
            for param in stage.Params.model_fields:
                if is_hot(stage, param):
                    value = getattr(now[name], param)
                    about = schema["properties"][param]
                    out.append({"stage": name, "use": stage.use, "param": param, "value": value, "schema": about})
        return out

    def set(self, target: str, value: Any) -> None:
        """Set 'stage.param'; the value is used from the stage's next frame. Raises ValueError with one line."""
        self.update({target: value})

    def update(self, values: Mapping[str, Any]) -> None:
        """Set several parameters, all or none. Raises ValueError with one line."""
        with self._lock:
            changed: dict[str, dict[str, Any]] = {}
            for target, value in values.items():
                name, _, param = target.partition(".")
                if name not in self._stages:
                    raise ValueError(f"no stage is named {name!r}{near(name, self._stages)}")
                stage = self._stages[name]
                hot = [p for p in stage.Params.model_fields if is_hot(stage, p)]
                if param not in hot:
                    raise ValueError(
                        f"{name} has no parameter {param!r} that may change while it runs{near(param, hot)}"
                    )
                base = self._pending.get(name, stage.params)
                changed.setdefault(name, base.model_dump())[param] = value
            self._pending.update({name: _checked(name, self._stages[name], new) for name, new in changed.items()})

    def apply(self, name: str) -> bool:
        """Give a stage its new values, if there are any; called by its own thread between two frames."""
        if name not in self._pending:
            return False
        with self._lock:
            stage = self._stages[name]
            stage.params = self._pending.pop(name)
        for param in type(stage.params).model_fields:
            setattr(stage, param, getattr(stage.params, param))
        return True


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
