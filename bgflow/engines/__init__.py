"""Run a network: one engine a file, found by its name: `openvino`, `onnxruntime`.

An engine is used by one thread, the one that entered it:

    with Engine(path, (1, 3, 320, 320)) as net:
        net(x, out)

`x` and `out` are C-contiguous f32 arrays of a device the engine works on. The engine reads and writes their memory
itself and copies nothing; it binds an array when its address changes and keeps the last two until it is closed.
On the CPU a call has finished when it returns; a GPU engine enqueues and returns.

A network may have a memory: inputs that get what outputs gave at the last call. The engine keeps it, in two sets of
arrays that take turns, so that it is neither copied nor allocated from call to call; `reset` empties it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Literal, Protocol, Self

import numpy as np

from bgflow.devices import Device
from bgflow.errors import DeviceError, ModelError, UsageError
from bgflow.frame import Array
from bgflow.models.ends import Ends

Precision = Literal["auto", "fp32", "bf16", "fp16"]
WHOLE = Ends()  # of a network with nothing but a picture and a mask


class Engine(Protocol):
    """The contract of every engine; the class in `bgflow/engines/NAME.py` is called `Engine` too."""

    package: ClassVar[str]
    """The import name, and the PyPI name, of the library."""
    devices: ClassVar[tuple[str, ...]]
    """Families of devices whose arrays it takes: `cpu`, `cuda`."""
    rank: ClassVar[int]
    """`auto` takes the highest rank among those that work on the device."""
    precision: str
    """What was asked for; once entered, what is used."""
    out_shape: tuple[int, ...]
    """Once entered, the shape of the mask."""

    def __init__(
        self,
        path: Path,
        shape: tuple[int, ...],
        *,
        ends: Ends = WHOLE,
        precision: Precision = "auto",
        threads: int = 0,
    ):
        """The model at `path`, its picture of `shape`; `threads` 0 means every core. Nothing is loaded yet."""
        ...

    def __enter__(self) -> Self:
        """Load and compile.

        Raises:
            DeviceError: the library is missing, or cannot compute in this precision here.
            ModelError: the file cannot be read, has not these ends, or cannot take this shape.
        """
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def __call__(self, x: Array, out: Array) -> None:
        """Run the network once; raises ModelError when a shape or dtype is not the network's."""
        ...

    def reset(self) -> None:
        """Forget: the next call is like the first."""
        ...


def known() -> list[str]:
    """The names of the engine files, whether or not their libraries are installed."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__))


def engine(name: str, device: Device) -> type[Engine]:
    """The engine called `name`; `auto` is the best one for the device's own arrays, else the best one of the CPU.

    Raises:
        UsageError: there is no such engine.
        DeviceError: its library is not installed.
    """
    if name == "auto":
        found = [_load(n) for n in known()]
        family = device.name.partition(":")[0]
        fit = [e for e in found if family in e.devices] or [e for e in found if "cpu" in e.devices]
        fit.sort(key=lambda e: -e.rank)
        best = next((e for e in fit if find_spec(e.package)), fit[0])
    elif name in known():
        best = _load(name)
    else:
        raise UsageError(unknown(name))
    if not find_spec(best.package):
        raise DeviceError(f"{best.package} is not installed; run: pip install {best.package}")
    return best


def unknown(name: str) -> str:
    """What to tell someone who asks for an engine that is not there."""
    from bgflow.document import near  # it needs yaml, which engines alone do without

    return f"there is no engine {name!r}{near(name, ['auto', *known()])}"


class Binding:
    """Remembers which array an engine's input or output is bound to, and refuses arrays that cannot be bound."""

    def __init__(self, path: Path, port: str, shape: tuple[int, ...]):
        self.path, self.port, self.shape = path, port, shape
        self.address = 0
        self.array: Array = None

    def changes(self, array: Array) -> bool:
        """Whether `array` is not where the last one was; raises ModelError when it is not what the network takes."""
        if array.shape != self.shape or array.dtype != np.float32 or not array.flags.c_contiguous:
            gaps = "" if array.flags.c_contiguous else " with gaps"
            raise ModelError(
                f"{self.path.name}: {self.port} is {array.dtype}{list(array.shape)}{gaps}; "
                f"wanted float32{list(self.shape)}"
            )
        address = array.__array_interface__["data"][0]
        if address == self.address:
            return False
        self.address, self.array = address, array
        return True


class Memory:
    """The state of a network: what the last call left, where this one leaves its own, and the two change places."""

    def __init__(self, shapes: Sequence[tuple[int, ...]]):
        self.sets = [[np.zeros(shape, np.float32) for shape in shapes] for _ in range(2)]
        self.now = 0
        """Which set is read; the other is written."""

    def turn(self) -> None:
        """What was written is read from now on."""
        self.now = 1 - self.now

    def clear(self) -> None:
        """Zeros."""
        for array in self.sets[self.now]:
            array.fill(0)


class Staged:
    """Calls an engine of the CPU with arrays of another device, by two copies through host memory."""

    def __init__(self, net: Engine, device: Device, x: tuple[int, ...], out: tuple[int, ...]):
        self.net, self.device = net, device
        self.x, self.out = np.empty(x, np.float32), np.empty(out, np.float32)

    def __call__(self, x: Array, out: Array) -> None:
        self.device.download(x, self.x)
        self.net(self.x, self.out)
        self.device.upload(self.out, out)


def _load(name: str) -> type[Engine]:
    found: type[Engine] = importlib.import_module(f"bgflow.engines.{name}").Engine
    return found
