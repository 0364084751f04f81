"""Copies between devices: made once for all stages of a segment, and counted by wire."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from bgflow.context import RunContext
from bgflow.devices import Work, device_of
from bgflow.errors import BgflowError
from bgflow.graph import Wire


class Copies:
    """What one segment has copied; it belongs to the segment's thread, except `counts`, which any thread may read."""

    def __init__(self) -> None:
        self.counts: dict[str, tuple[int, int]] = {}
        """Copies and bytes by 'wire (from->to)'."""
        self._made: dict[tuple[str, str], tuple[Any, Any]] = {}

    def on(self, ctx: RunContext, wire: Wire, value: Any) -> Any:
        """`value`, which came over `wire`, on the stage's device; the same copy as long as the value stays."""
        key = (wire.key, ctx.device.name)
        original, copy = self._made.get(key, (None, None))
        if original is value:
            return copy
        here, there = device_of(value), ctx.device
        copy = ctx.pool(f"{wire.port}@{there.name}", value.shape, value.dtype).take()
        if here.name == "cpu":
            there.upload(value, copy)
            ctx.worked(Work(ups=1, up_bytes=value.nbytes))
        elif there.name == "cpu":
            here.download(value, copy)
            ctx.worked(Work(downs=1, down_bytes=value.nbytes))
        else:
            raise BgflowError(f"{wire}: nothing copies from {here.name} to {there.name}; give both one device")
        self._made[key] = (value, copy)
        label = f"{wire} ({here.name}->{there.name})"
        count, nbytes = self.counts.get(label, (0, 0))
        self.counts[label] = (count + 1, nbytes + value.nbytes)
        return copy

    def keep_only(self, held: Collection[str]) -> None:
        """Let go of the copies of values that are not among the held keys; their instant is over."""
        if self._made:
            for key in [k for k in self._made if k[0] not in held]:
                del self._made[key]
