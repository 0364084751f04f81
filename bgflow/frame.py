"""What crosses an edge at one instant, and the fixed memory it lives in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from bgflow.errors import OutOfMemory

if TYPE_CHECKING:
    from bgflow.devices import Device

Array = Any  # numpy.ndarray or cupy.ndarray; stages and kernels do not care which

WARM_UP = 30  # frames after which a stage should have all the scratch memory it will ever need
NANOSECOND = Fraction(1, 1_000_000_000)
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Frame(NamedTuple):
    """One instant of a stream: its number, its exact time, and the values that were produced for it.

    `pts` counts ticks of `time_base` seconds and is never rounded; `time` is their product. `data` maps
    'stage.port' to a value; `born` is the monotonic clock when the frame entered the run, in seconds; `since` has the
    instants of those values that are older than the frame. Frames are shared between threads and never changed.
    """

    seq: int
    pts: int
    time_base: Fraction = NANOSECOND
    data: Mapping[str, Any] = NOTHING
    born: float = 0.0
    since: Mapping[str, Fraction] = NOTHING

    @property
    def time(self) -> Fraction:
        """The instant in seconds, exact."""
        return self.pts * self.time_base

    def time_of(self, key: str) -> Fraction:
        """The instant of one of its values, in seconds."""
        return self.since.get(key, self.time)


class Lease:
    """Owner of one pool block under an array; the block goes home when the last view of the array dies.

    It stands *under* the array because numpy collapses chains of views: a finaliser on an array could fire while a
    slice of it is still alive.
    """

    __slots__ = ("block", "pool")

    def __init__(self, pool: Pool, block: Any):
        self.pool = pool
        self.block = block

    def __del__(self) -> None:
        self.pool.give(self.block)


class Pool:
    """Fixed blocks of one size on one device; `take` hands out an array, dying arrays give their block back.

    The `planned` blocks are made at once; `late_allocations` counts those that the plan did not foresee, which should
    be none. A stage that keeps more than `limit` arrays alive gets `OutOfMemory` with its port's name. Any thread may
    take, any thread may drop.
    """

    def __init__(self, device: Device, shape: tuple[int, ...], dtype: Any, *, name: str = "", planned: int = 3):
        self.device, self.shape, self.dtype, self.name = device, shape, dtype, name
        self.planned, self.limit = planned, 4 * planned + 16
        self.nbytes = int(device.itemsize(dtype)) * math.prod(shape)
        self._free = [device.block(self.nbytes) for _ in range(planned)]
        self.late_allocations = 0

    @property
    def allocations(self) -> int:
        """Blocks ever made."""
        return self.planned + self.late_allocations

    def take(self) -> Array:
        """An uninitialised array of the pool's shape and dtype."""
        try:
            block = self._free.pop()
        except IndexError:
            if self.allocations >= self.limit:
                raise OutOfMemory(
                    f"{self.name}: {self.limit} frames of {self.nbytes} bytes are still in use; "
                    "a stage after it keeps frames instead of letting them go"
                ) from None
            block = self.device.block(self.nbytes)
            self.late_allocations += 1
        return self.device.view(block, self.shape, self.dtype, Lease(self, block))

    def give(self, block: Any) -> None:
        """Take a block back; called by its lease, on any thread.

        The block that came last goes out first: it may still be in a cache, and few addresses take turns, so that
        few recordings of a captured chain are needed.
        """
        self.device.freed(block)
        self._free.append(block)
