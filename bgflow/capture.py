"""Neighbouring stages of an accelerator, captured as one graph of launches for each situation, and replayed.

A launch from Python costs more than most kernels take, so a chain whose stages all say what decides their launches
(`Stage.launches`) runs them from Python only when it meets a situation for the first time, records them when it meets
it again, and from then on repeats the recording with one call. A situation is where the inputs lie, how large they
are, and what the stages answer. Arrays made while recording belong to the recording: it is not replayed while anybody
still holds one of them, so a chain has as many recordings of a situation as frames are under way.
"""

from __future__ import annotations

import time
import weakref
from collections import OrderedDict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

from bgflow.copies import Copies
from bgflow.devices import Device, Recording
from bgflow.errors import DeviceError
from bgflow.frame import Array
from bgflow.graph import Wire
from bgflow.stage import Stage
from bgflow.step import Step, arriving

SITUATIONS = 64  # kept per chain; the one that was met longest ago goes
AT_ONCE = 8  # recordings of one situation; with more frames under way the rest runs from Python

Values = Mapping[str, Any]


class Owner:
    """Stands under an array, as a lease does, and tells by its own life whether anybody holds the array."""

    __slots__ = ("__weakref__",)


class Arena:
    """Memory of one recording: every array that is taken while it is made keeps its place for good."""

    def __init__(self, device: Device):
        self._device = device
        self._blocks: dict[int, Any] = {}
        self.nbytes = 0

    def take(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """An uninitialised array."""
        nbytes = self._device.itemsize(dtype)
        for n in shape:
            nbytes *= n
        block = self._device.block(nbytes)
        self.nbytes += nbytes
        array = self._device.view(block, shape, dtype, Owner())
        self._blocks[self._device.address(array)] = block
        return array

    def block_of(self, array: Array) -> Any:
        """The block that `array` begins; None for an array that was not taken here."""
        return self._blocks.get(self._device.address(array))


class Take:
    """One recording of a chain: its launches, and the arrays that they write."""

    def __init__(self, device: Device, recording: Recording, arena: Arena, made: Values, leaving: Collection[str]):
        self._device, self._recording = device, recording
        self._arrays = {k: (arena.block_of(v), v.shape, v.dtype) for k, v in made.items() if k in leaving}
        if strange := [k for k, (block, *_) in self._arrays.items() if block is None]:
            raise DeviceError(f"{strange[0]} is no array that was taken for it, so its launches cannot be captured")
        self._arena, self.nbytes = arena, arena.nbytes
        self._held: list[weakref.ref[Owner]] = []

    @property
    def idle(self) -> bool:
        """Whether nobody holds what it wrote last."""
        return all(ref() is None for ref in self._held)

    def replay(self) -> dict[str, Any]:
        """Enqueue the launches; the arrays that leave the chain, by 'stage.output'."""
        self._recording.replay()
        owners = {key: Owner() for key in self._arrays}
        self._held = [weakref.ref(owner) for owner in owners.values()]
        return {
            key: self._device.view(block, shape, dtype, owners[key])
            for key, (block, shape, dtype) in self._arrays.items()
        }


class Chain:
    """Stages of one segment in a row that can be captured; used by the segment's thread alone."""

    def __init__(self, steps: Sequence[Step], wires: Iterable[Wire], copies: Copies):
        self.steps, self._copies = tuple(steps), copies
        own = {step.name for step in steps}
        self.keys = {f"{step.name}.{name}" for step in steps for name in step.stage.outputs}
        self._outside = [(s, p, w) for s in steps for p, w in s.wired if w is not None and w.src not in own]
        self._leaving = {w.key for w in wires if w.src in own and w.dst not in own}
        self.device = steps[0].ctx.device
        self.is_sink = any(step.is_sink for step in steps)
        self.replays = self.recorded = 0
        self._met: OrderedDict[Hashable, list[Take]] = OrderedDict()
        self._sizes: tuple[Any, ...] = ()
        self._able = True

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays that belong to its recordings, beside the planned pools."""
        return sum(take.nbytes for takes in list(self._met.values()) for take in list(takes))

    def hides(self, keys: Set[str]) -> bool:
        """Whether some of these values are its own but do not leave it when it is replayed."""
        return not (keys & self.keys) <= self._leaving

    def forget(self) -> None:
        """Drop all recordings: a parameter has changed, and they have the old one in them."""
        self._met.clear()

    def replay(self, values: Values, held: Values) -> dict[str, Any] | None:
        """What the chain gives at this instant, by 'stage.output'; None when it has to be run from Python.

        Raises:
            Exception: whatever a stage raised while its launches were recorded.
        """
        if not self._able:
            return None
        started = time.perf_counter_ns()
        situation = self._situation(values, held)
        if situation is None:
            return None
        takes = self._met.get(situation)
        if takes is None:
            self._met[situation] = []
            if len(self._met) > SITUATIONS:
                self._met.popitem(last=False)
            return None
        self._met.move_to_end(situation)
        take = next((t for t in takes if t.idle), None)
        if take is None:
            if len(takes) >= AT_ONCE or (take := self._record(values, held)) is None:
                return None
            takes.append(take)
        else:
            for step in self.steps:
                step.stage.replayed()
        before = self.device.meter.read()
        made = take.replay()
        self.steps[0].ctx.worked(self.device.meter.read().minus(before))
        self.replays += 1
        share = (time.perf_counter_ns() - started) // len(self.steps)
        for step in self.steps:
            step.ctx.timed(share)
        return made

    def _situation(self, values: Values, held: Values) -> Hashable | None:
        """What a recording depends on; None when an input is missing or a stage cannot tell."""
        places: list[int] = []
        sizes: list[Any] = []
        for step, port, wire in self._outside:
            value = arriving(port, wire, values, held)
            if value is None and not port.optional:
                return None
            if hasattr(value, "dtype"):
                if not self.device.owns(value):
                    value = self._copies.on(step.ctx, wire, value)
                places.append(self.device.address(value))
                sizes.append((value.shape, value.strides))
            else:
                places.append(0)
                sizes.append(None if value is None else id(value))
        if tuple(sizes) != self._sizes:  # scratch memory is made anew for another size, under the feet of recordings
            self._sizes = tuple(sizes)
            self.forget()
        answers = []
        for step in self.steps:
            if (answer := step.stage.launches()) is None:
                return None
            answers.append(answer)
        return tuple(places), tuple(answers)

    def _record(self, values: Values, held: Values) -> Take | None:
        """Record the launches of this instant; None, once and for all, when the device cannot."""
        arena, made = Arena(self.device), dict[str, Any]()
        try:
            with self.device.capture() as recording:
                seen = dict(values)
                for step in self.steps:
                    step.ctx.arena = arena
                    inputs = step.inputs(seen, held, self._copies)
                    if inputs is None:
                        raise DeviceError(f"{step.name} has none of its inputs, though it says what it launches")
                    new: dict[str, Any] = {}
                    step.give(step.stage.process(*inputs), new)
                    made.update(new)
                    seen.update(new)
            take = Take(self.device, recording, arena, made, self._leaving)
        except DeviceError as e:
            self._able = False
            self.steps[0].ctx.warn(f"its launches are not captured, and run one by one: {e}")
            return None
        finally:
            for step in self.steps:
                step.ctx.arena = None
        self.recorded += 1
        return take


def chains(steps: Sequence[Step], wires: Iterable[Wire], copies: Copies) -> Iterator[Step | Chain]:
    """The steps in order, with those that can be captured joined to their neighbours."""
    row: list[Step] = []
    for step in steps:
        fits = _can_be_captured(step)
        if row and not (fits and step.ctx.device is row[0].ctx.device):
            yield Chain(row, wires, copies)
            row = []
        if fits:
            row.append(step)
        else:
            yield step
    if row:
        yield Chain(row, wires, copies)


def _can_be_captured(step: Step) -> bool:
    """Whether a stage is on an accelerator, takes part in every instant, and says what decides its launches."""
    return (
        not step.rests
        and step.ctx.device.name != "cpu"
        and type(step.stage).launches is not Stage.launches
        and not any(step.stage.copies())
    )
