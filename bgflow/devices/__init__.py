"""Where arrays live and kernels run; one device a file, found by its name: `cpu`, `fake`, `cuda:0`."""

from __future__ import annotations

import functools
import importlib
import pkgutil
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from bgflow import nvidia
from bgflow.errors import DeviceError
from bgflow.frame import Array

if TYPE_CHECKING:
    from bgflow.kernel import Kernel

Host = np.ndarray[Any, Any]


class Work(NamedTuple):
    """What was asked of a device: copies from and to the host, their bytes, kernel launches and their cost in ns.

    The cost of a launch is the host's: from the checked arguments to the driver's return.
    """

    ups: int = 0
    downs: int = 0
    up_bytes: int = 0
    down_bytes: int = 0
    launches: int = 0
    launch_ns: int = 0

    def plus(self, other: Work) -> Work:
        """Both together."""
        return Work(*(a + b for a, b in zip(self, other, strict=True)))

    def minus(self, other: Work) -> Work:
        """What came after `other`."""
        return Work(*(a - b for a, b in zip(self, other, strict=True)))


class Meter(threading.local):
    """Counts what each thread asks of one device; `read` is the calling thread's own sum."""

    def __init__(self) -> None:
        self._work = [0, 0, 0, 0, 0, 0]

    def up(self, nbytes: int) -> None:
        """One copy from the host."""
        self._work[0] += 1
        self._work[2] += nbytes

    def down(self, nbytes: int) -> None:
        """One copy to the host."""
        self._work[1] += 1
        self._work[3] += nbytes

    def launch(self, count: int, ns: int) -> None:
        """Kernels that were enqueued together."""
        self._work[4] += count
        self._work[5] += ns

    def read(self) -> Work:
        """All so far, on this thread."""
        return Work(*self._work)


class Recording(Protocol):
    """Launches that were captured once and can be repeated as one; it holds no array alive."""

    @property
    def launches(self) -> int:
        """How many kernels and library calls one replay enqueues."""
        ...

    def replay(self) -> None:
        """Enqueue them all; any thread, after the `capture` that made it has ended."""
        ...


class Device(Protocol):
    """Memory and launches of one device. A device is shared by all threads of a run; its methods are thread-safe.

    On an accelerator everything is enqueued in order on one compute stream and nothing waits, but for `download` and
    `synchronise`. What one thread enqueues after another has handed it an array sees that array finished.
    """

    name: str
    title: str
    """What it is, in words."""
    meter: Meter
    simt: bool
    """Whether one index should be one pixel (a thread of a GPU) instead of a run of them (a vector of a CPU)."""

    def itemsize(self, dtype: Any) -> int:
        """Bytes of one element."""
        ...

    def block(self, nbytes: int) -> Any:
        """Raw, uninitialised memory for a pool, aligned to 64 bytes at least."""
        ...

    def freed(self, block: Any) -> None:
        """Told when the last array over a block has died and the block may be taken again; any thread."""
        ...

    def view(self, block: Any, shape: tuple[int, ...], dtype: Any, owner: Any) -> Array:
        """An array over `block` that keeps `owner` alive as long as any view of it lives."""
        ...

    def owns(self, array: Array) -> bool:
        """Whether `array` lives here."""
        ...

    def address(self, array: Array) -> int:
        """Where the array's first element is in this device's memory; for libraries that bind memory themselves."""
        ...

    def upload(self, host: Host | Sequence[Host], out: Array) -> None:
        """Copy a host array into `out`, which lives here; several fill it one after the other, as one copy.

        `host` may be changed as soon as this returns. Rows of `host` may be padded; `out` is C-contiguous.
        """
        ...

    def download(self, array: Array, out: Host | Sequence[Host]) -> None:
        """Copy an array that lives here into host memory, and wait for it; several are filled one after the other."""
        ...

    def launch(self, kernel: Kernel, extent: tuple[int, ...], values: tuple[Any, ...]) -> None:
        """Run one kernel over `extent`; its arguments are already checked."""
        ...

    def enqueue(self, call: Callable[[int], None]) -> None:
        """Let a library work on arrays of this device: `call` gets the stream's address (0 on a CPU) and enqueues."""
        ...

    def active(self) -> AbstractContextManager[None]:
        """Make the compute stream the current one of this thread, for array arithmetic and the stages of others."""
        ...

    def capture(self) -> AbstractContextManager[Recording]:
        """Record what this thread launches and enqueues here instead of doing it.

        The recording can be replayed once the context has ended; a copy to or from the host inside it raises
        DeviceError. Other threads are not recorded.
        """
        ...

    def synchronise(self) -> None:
        """Wait until everything enqueued here has finished."""
        ...


def known() -> list[str]:
    """The names of the device files, whether or not their libraries are installed."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__))


@functools.cache
def device(name: str) -> Device:
    """The device called `name`; `auto` takes `cuda:0` where it works, else `cpu`.

    Raises:
        DeviceError: there is no such device, or a library it needs is missing.
    """
    if name == "auto":
        return auto()[0]
    family, _, index = name.partition(":")
    if family not in known():
        from bgflow.document import near  # it needs yaml, which kernels alone do without

        raise DeviceError(f"there is no device {name!r}{near(family, known())}")
    module = importlib.import_module(f"bgflow.devices.{family}")
    made: Device = module.make(int(index or 0))
    return made


@functools.cache
def auto() -> tuple[Device, str]:
    """The best device here and, in words, why it was chosen."""
    if not nvidia.has_driver():
        return device("cpu"), "cpu: no NVIDIA driver is loaded"
    try:
        made = device("cuda:0")
        return made, f"{made.name}: {made.title}"
    except DeviceError as why:
        return device("cpu"), f"cpu: {why}"


def device_of(array: Array) -> Device:
    """The device on which `array` lives."""
    if type(array) is np.ndarray:
        return device("cpu")
    name = getattr(array, "bgflow_device", None)
    if name is None and type(array).__module__.partition(".")[0] == "cupy":
        name = f"cuda:{array.device.id}"
    return device(name or "cpu")


def to_host(array: Array) -> Host:
    """The array's values in host memory: a copy from an accelerator, the array itself where it is on the CPU."""
    where = device_of(array)
    if where.name == "cpu":
        return np.asarray(array)
    out = np.empty(array.shape, array.dtype)
    where.download(array, out)
    return out


def parts(host: Host | Sequence[Host]) -> Sequence[Host]:
    """The host side of a copy as a sequence of arrays."""
    return (host,) if isinstance(host, np.ndarray) else host
