"""A stage as the engine runs it on an accelerator: its launches are recorded when a situation comes again."""

from __future__ import annotations

import contextlib
from collections.abc import Hashable, Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from bgflow.devices import Recording, Work
from bgflow.frame import Array, Pool
from bgflow.stage import Stage
from bgflow.testing import Opened, opened

Picture = np.ndarray[Any, Any]


class Replaying:
    """An opened stage on `fake` whose inputs always lie at the same place.

    A situation runs from Python when it is met for the first time, is recorded at the second, and replayed from then
    on. `answers` are what `launches` said at every instant, `work` is what each instant that ran from Python asked of
    the device, and `replays` counts.
    """

    def __init__(self, it: Opened):
        self.ctx, self.stage = it.ctx, it.stage
        self.answers: list[Hashable | None] = []
        self.work: list[Work] = []
        self.replays = 0
        self._it, self._process = it, it.stage.process
        self._places: dict[tuple[int, tuple[int, ...]], Array] = {}
        self._takes: dict[Hashable, tuple[Recording, Any] | None] = {}
        self._scratch, self._asked = it.ctx.scratch, dict[str, Any]()
        vars(it.stage)["process"] = self._instant
        vars(it.ctx)["scratch"] = self._checked

    def __call__(self, of: Mapping[str, int] | None = None, **inputs: Any) -> dict[str, Picture]:
        """One instant; `of` says of which earlier ones inputs are."""
        self.ctx.times = {name: Fraction(n, 30) for name, n in (of or {}).items()}
        return _named(self._it(**inputs))

    def _instant(self, *inputs: Any) -> Any:
        self._asked.clear()
        fixed = [None if v is None else self._placed(n, v) for n, v in enumerate(inputs)]
        answer = self.stage.launches()
        self.answers.append(answer)
        situation = (answer, *(None if v is None else v.shape for v in fixed))
        if answer is None or situation not in self._takes:
            if answer is not None:
                self._takes[situation] = None
            before = self.ctx.device.meter.read()
            made = self._process(*fixed)
            self.work.append(self.ctx.device.meter.read().minus(before))
            return made
        if (take := self._takes[situation]) is None:
            with self.ctx.device.capture() as recording:
                made = self._process(*fixed)
            take = self._takes[situation] = recording, made
        else:
            self.stage.replayed()
        recording, made = take
        recording.replay()
        self.replays += 1
        return made

    def _checked(self, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        """Scratch memory, which a recording takes for granted: one name for two shapes would make it anew each time."""
        kind = shape, np.dtype(dtype)
        assert self._asked.setdefault(name, kind) == kind, f"{name} is used for {self._asked[name]} and {kind}"
        return self._scratch(name, shape, dtype)

    def _placed(self, n: int, value: Array) -> Array:
        """The value, at the place of all values of this input."""
        place = self._places.setdefault((n, value.shape), Pool(self.ctx.device, value.shape, value.dtype).take())
        place[...] = value
        return place


@contextlib.contextmanager
def replaying(stage: Stage, wired: set[str] | None = None) -> Iterator[Replaying]:
    """Open a stage on `fake` for a test."""
    with opened(stage, "fake", wired=wired) as it:
        yield Replaying(it)


def same(
    kind: Any, instants: Iterable[Mapping[str, Any]], wired: set[str] | None = None, on: str = "cpu", **params: Any
) -> Replaying:
    """Hold a stage that is replayed to one that is not, bit for bit; `instants` are their inputs, and `of`."""
    with opened(kind(**params), on, wired=wired) as plain, replaying(kind(**params), wired) as it:
        for n, instant in enumerate(instants):
            plain.ctx.times = {name: Fraction(m, 30) for name, m in instant.get("of", {}).items()}
            want = _named(plain(**{k: v for k, v in instant.items() if k != "of"}))
            got = it(**instant)
            assert want.keys() == got.keys()
            for port in want:
                np.testing.assert_array_equal(got[port], want[port], err_msg=f"{port} of instant {n}")
    return it


def _named(out: Any) -> dict[str, Picture]:
    return out if isinstance(out, dict) else {} if out is None else {"": out}
