"""One thread's share of a run: a chain of stages, fed by its own source or by edges."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from fractions import Fraction
from time import perf_counter_ns as now
from typing import TYPE_CHECKING, Any

from bgflow.capture import Chain, chains
from bgflow.context import RunContext
from bgflow.copies import Copies
from bgflow.devices import Work
from bgflow.edge import Edge, Join
from bgflow.errors import Closed
from bgflow.frame import Frame
from bgflow.planning import SegmentPlan
from bgflow.step import Step

if TYPE_CHECKING:
    from bgflow.run import Run


class Segment:
    """Runs its stages in order, once per instant; everything here happens on the segment's own thread."""

    def __init__(
        self, run: Run, plan: SegmentPlan, ins: list[tuple[Edge, bool]], outs: list[tuple[Edge, frozenset[str]]]
    ):
        graph = run.plan.graph
        self.run, self.name, self.ins, self.outs = run, plan.name, [e for e, _ in ins], outs
        nodes = [graph.nodes[n] for n in plan.stages]
        self.times: dict[str, Fraction] = {}
        self.steps = [Step(node, RunContext(node, run.shared, self.times), graph.into(node.name)) for node in nodes]
        self.source = self.steps[0] if nodes[0].stage.is_source() else None
        self.has_sink = any(step.is_sink for step in self.steps)
        self.join = Join([e for e, drives in ins if drives], [e for e, drives in ins if not drives], run.plan.live)
        self.hold = {w.key for n in nodes for p, w in graph.into(n.name).items() if n.stage.inputs[p].hold}
        self.held: dict[str, Any] = {}
        self.looked = run.taps.keys
        self.place = run.plan.segments.index(plan)
        self.copies = Copies()
        rest = [step for step in self.steps if step is not self.source]
        self.units = tuple(chains(rest, graph.wires, self.copies) if run.capture else rest)
        self._turns = list(_turns(self.units))
        for step in rest:
            step.held = step.keys & self.hold
        self.devices = {step.ctx.device.name: step.ctx.device for step in self.steps}

    def work(self) -> None:
        """The whole life of the thread: open, every instant, close in reverse order; failures go to the run."""
        try:
            with contextlib.ExitStack() as undo:
                for device in self.devices.values():
                    undo.enter_context(device.active())
                for edge, _ in self.outs:
                    undo.callback(edge.close)
                for edge in self.ins:
                    undo.callback(edge.close, drop=True)
                for step in self.steps:
                    self._open(step, undo)
                self.run.ready.wait()
                for frame in self._sourced(self.source) if self.source else self.join:
                    self._instant(frame)
                    del frame  # its arrays go home before the next frame asks for memory
        except Closed:
            pass
        except BaseException as e:
            self.run.fail(e)

    def _open(self, step: Step, undo: contextlib.ExitStack) -> None:
        if self.run.aborted:
            raise Closed
        try:
            step.stage.open(step.ctx)
        except Exception as e:
            raise step.ctx.error("open", None, e) from e
        undo.callback(self._close, step)
        if hasattr(step.stage, "serve"):
            undo.callback(self.run.serve(step.node, step.ctx))

    def _close(self, step: Step) -> None:
        try:
            step.stage.close()
        except Exception as e:  # the other stages still close
            self.run.fail(step.ctx.error("close", None, e))

    def _sourced(self, source: Step) -> Iterator[Frame]:
        """The frames of this segment's own source, at the pace of the run's clock where they have none themselves."""
        ctx, stage, clock, token, stop = source.ctx, source.stage, self.run.clock, None, self.run.shared.stop
        paced = self.run.plan.live and not stage.live
        seq = -1
        self.run.controls.apply(source.name, 0)
        meter = None if ctx.device.name == "cpu" else ctx.device.meter
        before = meter.read() if meter else Work()
        started = now()
        stream = stage.frames()
        try:
            for seq, (pts, value) in enumerate(stream):
                if meter is not None:
                    ctx.worked(meter.read().minus(before))
                ctx.timed(now() - started)
                made: dict[str, Any] = {}
                source.give(value, made)
                if paced:
                    due = pts * stage.time_base
                    token = clock.start(due) if token is None else token
                    clock.wait_until(token, due, stop)
                frame = Frame(seq, pts, stage.time_base, made, time.monotonic())
                if stop.is_set() or self.run.aborted:
                    return
                yield frame
                del frame, made, value
                if self.run.frames and seq + 1 >= self.run.frames:
                    return
                self.run.controls.apply(source.name, seq + 1)
                if meter is not None:
                    before = meter.read()  # without what the stages after it have asked meanwhile
                started = now()
        except Exception as e:
            raise ctx.error("frames", seq + 1, e) from e
        finally:
            if isinstance(stream, Generator):
                stream.close()

    def _instant(self, frame: Frame) -> None:
        if self.run.taps.keys is not self.looked:
            self._tap()
        values = dict(frame.data)
        bare = Frame(frame.seq, frame.pts, frame.time_base, born=frame.born)  # a context must not keep arrays alive
        held, copies, arrived = self.held, self.copies, False
        begun, waiting = self.run.controls.begun, self.run.controls.waiting
        self._keep(self.hold & values.keys(), values, frame)
        for chain, steps in self._turns:
            if chain is not None and (made := self._replayed(chain, bare, values)) is not None:
                arrived |= chain.is_sink
                values.update(made)
                self._keep(self.hold & made.keys(), values, frame)
                continue
            began = now()
            for step in steps:
                begun[step.name] = bare.seq
                step.ctx.frame = bare
                try:
                    if step.name in waiting:
                        self._change(step, chain, bare.seq)
                    ran = step.instant(values, held, copies)
                except Exception as e:
                    raise step.ctx.error("process", frame.seq, e) from e
                ended = now()
                if ran:
                    step.ctx.timed(ended - began)
                    if step.held:
                        self._keep(step.held & values.keys(), values, frame)
                    if step.is_sink:
                        arrived = True
                began = ended  # one look at the clock for each boundary between two stages
        copies.keep_only(self.hold)
        if arrived:
            self.run.arrived(frame)
        if self.looked:
            self.run.taps.offer(self.place, frame, values, held, self.times, self._kept)
        self._send(frame, values)

    def _kept(self, key: str) -> Any:
        """An output of a stage here as the stage itself has kept it, if it has."""
        name, _, out = key.partition(".")
        return next(step for step in self.steps if step.name == name).stage.views().get(out)

    def _tap(self) -> None:
        """Make what is looked at from now on, and no longer what was."""
        self.looked = self.run.taps.keys
        for step in self.steps:
            step.ctx.tap(self.looked)

    def _change(self, step: Step, chain: Chain | None, seq: int) -> None:
        """Give a stage its new values and have it do what was asked; recordings have the old values in them."""
        if self.run.controls.apply(step.name, seq):
            step.pace(self.run.controls.every(step.name))
            if chain is not None:
                chain.forget()

    def _keep(self, keys: Collection[str], values: dict[str, Any], frame: Frame) -> None:
        """Have these values at hand for the stages that hold them, until there are newer ones."""
        for key in keys:
            self.held[key], self.times[key] = values[key], frame.time_of(key)

    def _replayed(self, chain: Chain, frame: Frame, values: dict[str, Any]) -> dict[str, Any] | None:
        """What a chain gives at this instant from a recording; None when it has to run stage by stage."""
        controls = self.run.controls
        for step in chain.steps:
            controls.begun[step.name] = frame.seq
            step.ctx.frame = frame
            if step.name in controls.waiting:
                try:
                    self._change(step, chain, frame.seq)
                except Exception as e:
                    raise step.ctx.error("process", frame.seq, e) from e
        if any(step.rests for step in chain.steps) or chain.hides(self.looked):  # an slo has told one to rest
            return None
        before = {key: self.times.pop(key) for key in chain.keys & self.times.keys()}  # they are made anew now
        try:
            made = chain.replay(values, self.held)
        except Exception as e:
            raise chain.steps[0].ctx.error("process", frame.seq, e) from e
        if made is None:
            self.times.update(before)
        return made

    def _send(self, frame: Frame, values: dict[str, Any]) -> None:
        """Hand the instant on. Raises Closed when nobody is left who wants it."""
        for out in list(self.outs):
            edge, keys = out
            data = {k: values[k] for k in keys if k in values}
            if not data and self.run.plan.live:  # a file's joins want to know that an instant has passed
                continue
            try:
                edge.put(Frame(frame.seq, frame.pts, frame.time_base, data, frame.born))
            except Closed:
                self.outs.remove(out)
                if self.run.aborted or not (self.outs or self.has_sink):
                    raise


def _turns(units: Iterable[Step | Chain]) -> Iterator[tuple[Chain | None, Sequence[Step]]]:
    """What runs after what: a chain by itself, and between chains all the steps that are in none."""
    between: list[Step] = []
    for unit in units:
        if isinstance(unit, Step):
            between.append(unit)
            continue
        if between:
            yield None, between
        yield unit, unit.steps
        between = []
    if between:
        yield None, between
