"""Change hot parameters of a running graph and ask for actions: checked at once, applied between two frames."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pydantic

from bgflow.action import Ask, Done, described
from bgflow.cadence import Auto
from bgflow.document import near
from bgflow.news import News

if TYPE_CHECKING:
    from bgflow.figures import Figures
    from bgflow.graph import Graph
    from bgflow.keeper import Keeper
    from bgflow.stage import Stage
    from bgflow.tap import Taps

EVERY = "every"
STOP = "run.stop"
ENDED = "the run has ended"


def is_hot(stage: Stage | type[Stage], param: str) -> bool:
    """Whether a parameter may change while the graph runs."""
    extra = stage.Params.model_fields[param].json_schema_extra
    return bool(isinstance(extra, dict) and extra.get("hot"))


class Change:
    """Values that were set together: `future` is the first frame that all of them hold for, once all are applied."""

    def __init__(self, values: Mapping[str, Any], stages: set[str]):
        self.values, self.left, self.frame = dict(values), stages, 0
        self.future: Future[int] = Future()


class Controls:
    """The hot parameters and actions of one run; any thread may list, set and ask, each stage's own thread applies.

    All that was set together holds from one frame on, for which no stage of it had begun yet; a graph of several
    sources has no common frames, and each stage takes its values at its next one. Beside parameters there is
    'stage.every', a whole number; where `every` watches the picture, the number is its `least`. `cadences` has it for
    the stages of the run that are no sources. Nobody waits for a future in a stage: its own thread would fulfil it.
    """

    def __init__(self, stages: Mapping[str, Stage], cadences: Mapping[str, int | Auto] | None = None):
        self._stages = dict(stages)
        self._cadences = {n: e.least if isinstance(e, Auto) else e for n, e in (cadences or {}).items()}
        self._first = {name: stage.params for name, stage in stages.items()}
        self._pending: dict[str, pydantic.BaseModel] = {}
        self._due: dict[str, int] = {}
        self.begun: dict[str, int] = {}
        """The frame that each stage began last; its own thread notes it before it looks into `waiting`."""
        self._changes: list[Change] = []
        self._asks: dict[str, list[Ask]] = {}
        self.waiting: set[str] = set()
        """The stages that `apply` has something for; the same object for good, and only to look into."""
        self._together = sum(stage.is_source() for stage in stages.values()) <= 1
        self._ended = False
        self._lock = threading.Lock()
        self.news = News()
        self.stop: Callable[[], None] | None = None
        """Ends the run, where there is one."""
        self.figures: Callable[[], Figures] | None = None
        """Makes a reader of the run's figures, where there is a run."""
        self.keeper: Keeper | None = None
        """What changes them by itself to hold the graph's slo, where it has one."""
        self.taps: Taps | None = None
        """What looks into the run from outside, where there is a run."""

    @classmethod
    def of(cls, graph: Graph) -> Controls:
        """The controls of a run of this graph."""
        nodes = graph.nodes
        cadences = {name: node.every for name, node in nodes.items() if not node.stage.is_source()}
        return cls({name: node.stage for name, node in nodes.items()}, cadences)

    def list(self) -> list[dict[str, Any]]:
        """Every hot parameter: stage, use, param, value, that at the start (`file`), and its JSON schema."""
        out = []
        with self._lock:
            now = {name: self._pending.get(name, stage.params) for name, stage in self._stages.items()}
        for name, stage in self._stages.items():
            schema = stage.Params.model_json_schema()
            for param in stage.Params.model_fields:
                if is_hot(stage, param):
                    value = getattr(now[name], param)
                    about = schema["properties"][param]
                    told = {"stage": name, "use": stage.use, "param": param, "value": value, "schema": about}
                    out.append({**told, "file": getattr(self._first[name], param)})
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
            return getattr(self._pending.get(name, stage.params), param)

    def every(self, name: str) -> int:
        """At which instants a stage runs: each n-th."""
        return self._cadences.get(name, 1)

    def actions(self) -> Sequence[dict[str, Any]]:
        """Every action: stage, use, action, description and the JSON schema of its parameters."""
        found = [
            {"stage": name, "use": stage.use, **about}
            for name, stage in self._stages.items()
            for about in described(type(stage))
        ]
        end = {"stage": "run", "use": "run", "action": "stop", "description": "End the run.", "parameters": {}}
        return [*found, end]

    def act(self, target: str, values: Mapping[str, Any] | None = None) -> Future[Done]:
        """Ask for 'stage.action'; it runs between two frames of the stage. A refusal is the future's exception."""
        name, _, action = str(target).partition(".")
        try:
            if target == STOP and self.stop:
                ended: Future[Done] = Future()
                ended.set_result(Done("the run is ending", max(self.begun.values(), default=0)))
                self.stop()
                return ended
            if name not in self._stages:
                raise ValueError(f"no stage is named {name!r}{near(name, [*self._stages, 'run'])}")
            ask = Ask(name, type(self._stages[name]), action, values or {})
            with self._lock:
                if self._ended:
                    raise ValueError(ENDED)
                self._asks.setdefault(name, []).append(ask)
                self.waiting.add(name)
        except ValueError as e:
            refused: Future[Done] = Future()
            refused.set_exception(e)
            return refused
        return ask.future

    def set(self, target: str, value: Any) -> Future[int]:
        """Set 'stage.param'; the first frame that it holds for. Raises ValueError with one line."""
        return self.update({target: value})

    def update(self, values: Mapping[str, Any]) -> Future[int]:
        """Set several parameters, all or none; the first frame that all hold for. Raises ValueError with one line."""
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
                params = changed.setdefault(name, self._pending.get(name, self._stages[name].params).model_dump())
                if param == EVERY and rests:
                    cadences[name] = _cadence(target, value)
                else:
                    params[param] = value
            checked = {name: _checked(name, self._stages[name], new) for name, new in changed.items()}
            self._cadences.update(cadences)
            self._pending.update(checked)
            # Before looking which frames have begun: a stage that begins one meanwhile then waits here, or is counted.
            self.waiting.update(checked)
            due = 1 + max((self.begun.get(n, -1) for n in checked), default=-1) if self._together else 0
            self._due.update({n: max(due, self._due.get(n, 0)) for n in checked})
            change = Change(values, set(checked))
            self._changes.append(change)
        if self._ended:
            self.end()
        elif not checked:
            self._fulfil("", max(self.begun.values(), default=0))
        return change.future

    def apply(self, name: str, frame: int | None = None) -> bool:
        """Give a stage its new values and have it do what was asked; called by its own thread before a frame.

        Without a number the frame is the one after the last. Returns whether anything about the stage may have
        changed. An action that fails otherwise than by refusing raises what it failed with.
        """
        if frame is None:
            frame = self.begun.get(name, -1) + 1
        self.begun[name] = frame
        if name not in self.waiting:
            return False
        with self._lock:
            stage = self._stages[name]
            changed = name in self._pending and self._due[name] <= frame
            if changed:
                stage.params = self._pending.pop(name)
                del self._due[name]
            asks = self._asks.pop(name, [])
            if name not in self._pending:
                self.waiting.discard(name)
        if changed:
            for param in type(stage.params).model_fields:
                setattr(stage, param, getattr(stage.params, param))
            self._fulfil(name, frame)
        for ask in asks:
            ask.run(stage, frame, self.news)
        return changed or bool(asks)

    def _fulfil(self, name: str, frame: int) -> None:
        """A stage has its values: tell of the changes that are whole now."""
        with self._lock:
            for change in self._changes:
                if name in change.left:
                    change.left.discard(name)
                    change.frame = max(change.frame, frame)
            whole = [change for change in self._changes if not change.left]
            self._changes = [change for change in self._changes if change.left]
        for change in whole:
            if change.values:
                self.news.changed(change.values, change.frame)
            change.future.set_result(change.frame)

    def end(self) -> None:
        """Nothing is applied any more: refuse what still waits."""
        with self._lock:
            self._ended = True
            waiting: list[Future[Any]] = [change.future for change in self._changes]
            waiting += [ask.future for asks in self._asks.values() for ask in asks]
            self._changes, self._asks = [], {}
        for future in waiting:
            if future.set_running_or_notify_cancel():
                future.set_exception(ValueError(ENDED))

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
