"""One thread's share of a run: a chain of stages, fed by its own source or by edges."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

from bgflow.context import SAMPLES, RunContext
from bgflow.devices import device_of
from bgflow.document import near
from bgflow.edge import Edge, Join
from bgflow.errors import BgflowError, Closed
from bgflow.frame import Frame
from bgflow.graph import Node, Wire
from bgflow.planning import SegmentPlan

if TYPE_CHECKING:
    from bgflow.run import Run


class Segment:
    """Runs its stages in order, once per instant; everything here happens on the segment's own thread."""

    def __init__(
        self, run: Run, plan: SegmentPlan, ins: list[tuple[Edge, bool]], outs: list[tuple[Edge, frozenset[str]]]
    ):
        graph = run.plan.graph
        self.run, self.name, self.ins, self.outs = run, plan.name, [e for e, _ in ins], outs
        self.nodes: list[Node] = [graph.nodes[n] for n in plan.stages]
        self.contexts = [RunContext(node, run.shared) for node in self.nodes]
        self.wires: list[list[tuple[str, Wire | None]]] = [
            [(port, graph.into(node.name).get(port)) for port in node.stage.inputs] for node in self.nodes
        ]
        self.join = Join([e for e, drives in ins if drives], [e for e, drives in ins if not drives], run.plan.live)
        self.hold = {w.key for n in self.nodes for p, w in graph.into(n.name).items() if n.stage.inputs[p].hold}
        self.held: dict[str, Any] = {}
        self.moved: dict[tuple[str, str], tuple[Any, Any]] = {}
        self.copies: dict[str, list[int]] = {}
        self.is_sink = any(not n.stage.outputs for n in self.nodes)

    def work(self) -> None:
        """The whole life of the thread: open, every instant, close in reverse order; failures go to the run."""
        try:
            with contextlib.ExitStack() as undo:
                for edge, _ in self.outs:
                    undo.callback(edge.close)
                for edge in self.ins:
                    undo.callback(edge.close, drop=True)
                for node, ctx in zip(self.nodes, self.contexts, strict=True):
                    self._open(node, ctx, undo)
                self.run.ready.wait()
                for frame in self._feed():
                    self._instant(frame)
                    del frame  # its arrays go home before the next frame asks for memory
        except Closed:
            pass
        except BaseException as e:
            self.run.fail(e)

    def _open(self, node: Node, ctx: RunContext, undo: contextlib.ExitStack) -> None:
        if self.run.aborted:
            raise Closed
        try:
            node.stage.open(ctx)
        except Exception as e:
            raise ctx.error("open", None, e) from e
        undo.callback(self._close, node, ctx)
        if hasattr(node.stage, "serve"):
            undo.callback(self.run.serve(node, ctx))

    def _close(self, node: Node, ctx: RunContext) -> None:
        try:
            node.stage.close()
        except Exception as e:  # the other stages still close
            self.run.fail(ctx.error("close", None, e))

    def _feed(self) -> Iterator[Frame]:
        node, ctx = self.nodes[0], self.contexts[0]
        if not node.stage.is_source():
            yield from self.join
            return
        clock, token, stop = self.run.clock, None, self.run.shared.stop
        paced = self.run.plan.live and not node.stage.live
        seq = -1
        started = time.perf_counter_ns()
        stream = node.stage.frames()
        try:
            for seq, (pts, value) in enumerate(stream):
                self._timed(ctx, time.perf_counter_ns() - started)
                frame = Frame(seq, pts, node.stage.time_base, self._outputs(node, value), time.monotonic())
                if paced:
                    token = clock.start(frame.time) if token is None else token
                    clock.wait_until(token, frame.time, stop)
                if stop.is_set() or self.run.aborted:
                    return
                yield frame
                del frame, value
                if self.run.frames and seq + 1 >= self.run.frames:
                    return
                started = time.perf_counter_ns()
        except (Closed, GeneratorExit, BgflowError) as e:
            if isinstance(e, BgflowError) and not hasattr(e, "seq"):
                raise ctx.error("frames", seq + 1, e) from e
            raise
        except Exception as e:
            raise ctx.error("frames", seq + 1, e) from e
        finally:
            if isinstance(stream, Generator):
                stream.close()

    def _instant(self, frame: Frame) -> None:
        values = dict(frame.data)
        bare = Frame(frame.seq, frame.pts, frame.time_base, born=frame.born)  # a context must not keep arrays alive
        for key in self.hold & values.keys():
            self.held[key] = values[key]
        first = 1 if self.nodes[0].stage.is_source() else 0
        for n in range(first, len(self.nodes)):
            node, ctx = self.nodes[n], self.contexts[n]
            self.run.shared.controls.apply(node.name)
            ctx.turn += 1
            if ctx.turn % node.every != 1 % node.every:
                continue
            inputs = self._inputs(n, values)
            if inputs is None:
                continue
            ctx.frame = bare
            started = time.perf_counter_ns()
            try:
                self._bind(node, ctx, inputs)
                made = self._outputs(node, node.stage.process(*inputs))
            except Exception as e:
                raise ctx.error("process", frame.seq, e) from e
            self._timed(ctx, time.perf_counter_ns() - started)
            values.update(made)
            for key in self.hold & made.keys():
                self.held[key] = made[key]
        for moved in [m for m in self.moved if m[0] not in self.hold]:
            del self.moved[moved]
        if self.is_sink:
            self.run.arrived(frame)
        for edge, keys in self.outs:
            data = {k: values[k] for k in keys if k in values}
            if data or not self.run.plan.live:  # a file's joins want to know that an instant has passed
                edge.put(Frame(frame.seq, frame.pts, frame.time_base, data, frame.born))

    def _inputs(self, n: int, values: dict[str, Any]) -> list[Any] | None:
        """The stage's inputs for this instant on its device, or None when one that it needs is missing."""
        node, ctx = self.nodes[n], self.contexts[n]
        out = []
        for port, wire in self.wires[n]:
            p = node.stage.inputs[port]
            value = None
            if wire is not None:
                value = values.get(wire.key)
                if value is None and p.hold:
                    value = self.held.get(wire.key)
                if value is not None and hasattr(value, "dtype") and not ctx.device.owns(value):
                    value = self._copied(wire, ctx, value)
            if value is None and not p.optional:
                return None
            out.append(value)
        return out

    def _copied(self, wire: Wire, ctx: RunContext, value: Any) -> Any:
        """`value` on the stage's device; one copy serves every stage of this segment as long as the value stays."""
        key = (wire.key, ctx.device.name)
        moved = self.moved.get(key)
        if moved is None or moved[0] is not value:
            here = device_of(value)
            out = ctx.pool(f"{wire.port}@{ctx.device.name}", value.shape, value.dtype).take()
            if here.name == "cpu":
                ctx.device.upload(value, out)
            elif ctx.device.name == "cpu":
                here.download(value, out)
            else:
                raise BgflowError(f"{wire}: nothing copies from {here.name} to {ctx.device.name}; give both one device")
            self.moved[key] = moved = (value, out)
            count = self.copies.setdefault(f"{wire} ({here.name}->{ctx.device.name})", [0, 0])
            count[0] += 1
            count[1] += value.nbytes
        return moved[1]

    def _bind(self, node: Node, ctx: RunContext, inputs: list[Any]) -> None:
        """Learn this instant's dims from the inputs; a contradiction names both numbers."""
        size: dict[str, int] = {}
        for port, value in zip(node.stage.inputs.values(), inputs, strict=True):
            if not hasattr(value, "shape"):
                continue
            why = ""
            for kind in port.types:
                if kind.element == "any" or (kind.dims and kind.dtype == value.dtype):
                    trial = dict(size)
                    if kind.element == "any" or (dim := kind.bind(value.shape, trial)) is None:
                        size = trial
                        break
                    why = f"{port.name} is {'x'.join(map(str, value.shape))}, but {dim} is {size.get(dim, dim)} here"
            else:
                raise BgflowError(why or f"{port.name} is {value.dtype}{list(value.shape)}, but wants {port.type}")
        ctx.size = size

    def _outputs(self, node: Node, out: Any) -> dict[str, Any]:
        """What a stage gave, by 'stage.output'; a value that is not what the port declares is refused."""
        outs = node.stage.outputs
        given = out if isinstance(out, dict) else {next(iter(outs), ""): out}
        made = {}
        for name, value in given.items():
            if value is None:
                continue
            if name not in outs:
                raise BgflowError(
                    f"{node.name} gave {name!r}, which is no output of {node.stage.use}{near(name, outs)}"
                )
            kind = outs[name].types[0]
            found = getattr(value, "dtype", None)
            if kind.dims and (found != kind.dtype or (kind.element != "nv12" and value.ndim != len(kind.dims))):
                shape = "x".join(map(str, getattr(value, "shape", ())))
                raise BgflowError(
                    f"{node.name} gave {name} as {found or type(value).__name__}[{shape}], but it is {kind}"
                )
            made[f"{node.name}.{name}"] = value
        return made

    @staticmethod
    def _timed(ctx: RunContext, ns: int) -> None:
        ctx.times[ctx.count % SAMPLES] = ns
        ctx.count += 1
