"""Run a network: one engine a file, found by its name: `openvino`, `onnxruntime`, `tensorrt`, `torch`.

An engine is used by one thread at a time, and works on the arrays of one device:

    with Engine(path, (1, 3, 320, 320), device("cpu")) as net:
        net(x, out)

`x` and `out` are C-contiguous f32 arrays of that device. The engine reads and writes their memory itself and copies
nothing; it binds an array when its address changes and keeps the last two until it is closed. A call goes through
`device.enqueue`: on the CPU it has finished when it returns, on an accelerator it is on the compute stream then, and a
capture records it where the engine is `capturable`. Engines of the CPU serve the `fake` device too, as if they were
engines of a GPU.

A network may have a memory: inputs that get what outputs gave at the last call. The engine keeps it on the device, in
two sets of arrays that take turns, so that it is neither copied nor allocated from call to call; `reset` empties it.
"""

from __future__ import annotations

import abc
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Generic, Literal, Self, TypeVar

import numpy as np

from bgflow.devices import Device, Host, device
from bgflow.errors import DeviceError, ModelError, UsageError
from bgflow.frame import Array, Pool
from bgflow.models.ends import Ends

Precision = Literal["auto", "fp32", "bf16", "fp16", "int8"]
WHOLE = Ends()  # of a network with nothing but a picture and a mask
GPU_ENGINES = "pip install tensorrt-cu13 (or onnxruntime-gpu, or torch)"
Samples = Callable[[], Iterable[Host]]
"""Gives pictures as the network gets them, f32 of its input's shape, to choose int8 ranges by."""
Told = Callable[[str, int, int], None]
"""Is told what is being done, how many steps of it are, and how many there are; any thread."""
T = TypeVar("T")


class Binding(Generic[T]):
    """What the library makes of the array at one end of the network; made anew when the address changes."""

    def __init__(self, path: Path, port: str, shape: tuple[int, ...], where: Device, bind: Callable[[Array], T]):
        self.path, self.port, self.shape = path, port, shape
        self._where, self._bind = where, bind
        self._address, self._array = 0, None
        self._bound: T | None = None

    def __call__(self, array: Array) -> T:
        """What is bound for `array`; raises ModelError when it is not what the network takes."""
        if array.shape != self.shape or array.dtype != np.float32 or not array.flags.c_contiguous:
            gaps = "" if array.flags.c_contiguous else " with gaps"
            raise ModelError(
                f"{self.path.name}: {self.port} is {array.dtype}{list(array.shape)}{gaps}; "
                f"wanted float32{list(self.shape)}"
            )
        address = self._where.address(array)
        if self._bound is None or address != self._address:
            self._address, self._array, self._bound = address, array, self._bind(array)
        return self._bound


class Memory:
    """The state of a network: what the last call left, where this one leaves its own, and the two change places."""

    def __init__(self, where: Device, shapes: Sequence[tuple[int, ...]]):
        self._where = where
        self.sets = [[zeros(where, shape) for shape in shapes] for _ in range(2)]
        self.now = 0
        """Which set is read; the other is written."""

    def turn(self) -> None:
        """What was written is read from now on."""
        if self.sets[0]:
            self.now = 1 - self.now

    def clear(self) -> None:
        """Zeros, enqueued like everything else."""
        with self._where.active():
            for array in self.sets[self.now]:
                array.fill(0)


class Engine(abc.ABC):
    """The contract of every engine; the class in `bgflow/engines/NAME.py` is called `Engine` too."""

    package: ClassVar[str]
    """The import name of the library."""
    devices: ClassVar[tuple[str, ...]]
    """Families of devices whose arrays it takes: `cpu`, `fake`, `cuda`."""
    rank: ClassVar[int]
    """`auto` takes the highest rank among those that work on the device."""
    builds: ClassVar[bool] = False
    """Whether entering may take minutes, and leaves something on disk that makes the next time quick."""
    precision: str
    """What was asked for; once entered, what is used."""
    out_shape: tuple[int, ...]
    """Once entered, the shape of the mask."""
    capturable: bool
    """Whether a capture on the device may record a call, to be replayed with the same arrays and `turn`."""

    def __init__(
        self,
        path: Path,
        shape: tuple[int, ...],
        device: Device,
        *,
        ends: Ends = WHOLE,
        precision: Precision = "auto",
        threads: int = 0,
        samples: Samples = tuple,
    ):
        """The model at `path`, its picture of `shape`; `threads` 0 means every core. Nothing is loaded yet.

        `samples` are needed for int8 alone.
        """
        self.path, self.shape, self.device, self.ends, self.threads = path, shape, device, ends, threads
        self.precision, self.samples = precision, samples
        self.out_shape = ()
        self.capturable = device.name != "cpu"
        self.told: Told = lambda doing, done, total: None
        self._memory = Memory(device, ())

    @classmethod
    def lacks(cls, where: Device) -> str:
        """What is missing for it to work on that device, and what mends it; '' when nothing is."""
        return "" if find_spec(cls.package) else f"{cls.package} is not installed; run: pip install {cls.package}"

    @abc.abstractmethod
    def __enter__(self) -> Self:
        """Load and compile.

        Raises:
            DeviceError: the library is missing, or cannot compute in this precision here.
            ModelError: the file cannot be read, has not these ends, or cannot take this shape.
        """

    @abc.abstractmethod
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def __call__(self, x: Array, out: Array) -> None:
        """Run the network once; raises ModelError when a shape or dtype is not the network's."""
        self._enqueue(x, out)
        self.replayed()

    @abc.abstractmethod
    def _enqueue(self, x: Array, out: Array) -> None:
        """Check and bind the arrays, and give the device the call, which reads set `turn` of the memory."""

    @property
    def turn(self) -> int:
        """Which set of its memory the next call reads; with its arrays, that decides what the call enqueues."""
        return self._memory.now

    @property
    def state(self) -> Sequence[Array]:
        """The memory that the next call reads, to be written from outside; after a call, what it left."""
        return self._memory.sets[self.turn]

    def replayed(self) -> None:
        """A call was enqueued, by itself or by replaying a recording of one: the memory's sets change places."""
        self._memory.turn()

    def reset(self) -> None:
        """Forget: the next call is like the first."""
        self._memory.clear()

    def _bindings(self, bind: Callable[[Array], T]) -> tuple[Binding[T], Binding[T]]:
        """The picture's and the mask's, once `out_shape` is known; `bind` gives what the library needs of an array."""
        return (
            Binding(self.path, "input", self.shape, self.device, bind),
            Binding(self.path, "output", self.out_shape, self.device, bind),
        )


class Staged(Engine):
    """Calls an engine of the CPU with arrays of another device, by two copies through host memory."""

    def __init__(self, net: Engine, where: Device):
        super().__init__(net.path, net.shape, where, ends=net.ends, precision="auto", threads=net.threads)
        self.net = net
        self.capturable = False

    def __enter__(self) -> Self:
        self.net.__enter__()
        self.precision, self.out_shape = self.net.precision, self.net.out_shape
        self._x, self._y = np.empty(self.shape, np.float32), np.empty(self.out_shape, np.float32)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.net.__exit__(kind, error, trace)

    def _enqueue(self, x: Array, out: Array) -> None:
        self.device.download(x, self._x)
        self.net(self._x, self._y)
        self.device.upload(self._y, out)

    @property
    def state(self) -> Sequence[Array]:
        return self.net.state  # in host memory

    def reset(self) -> None:
        self.net.reset()


def known() -> list[str]:
    """The names of the engine files, whether or not their libraries are installed."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__))


def engine(name: str, where: Device) -> type[Engine]:
    """The engine called `name`; `auto` is the best one for the device's own arrays, else the best one of the CPU.

    Raises:
        UsageError: there is no such engine.
        DeviceError: its library is not installed, or does not work on the device.
    """
    if name != "auto" and name not in known():
        raise UsageError(unknown(name))
    found = [_load(n) for n in (known() if name == "auto" else [name])]
    found.sort(key=lambda e: -e.rank)
    for there in (where, device("cpu")):
        fit = [e for e in found if native(e, there)]
        if best := next((e for e in fit if not e.lacks(there)), None):
            return best
        if fit and (name != "auto" or there.name == "cpu"):
            raise DeviceError(fit[0].lacks(there))
    raise DeviceError(f"{name} works on {' and '.join(found[0].devices)}, not on {where.name}")


def native(make: type[Engine], where: Device) -> bool:
    """Whether that engine takes the device's own arrays."""
    return where.name.partition(":")[0] in make.devices


def on_accelerators(name: str) -> bool:
    """Whether that engine, or `auto`, may take arrays of a GPU."""
    return name == "auto" or "cuda" in _load(name).devices


def fitted(
    make: type[Engine],
    path: Path,
    shape: tuple[int, ...],
    where: Device,
    *,
    ends: Ends = WHOLE,
    precision: Precision = "auto",
    threads: int = 0,
    samples: Samples = tuple,
) -> Engine:
    """That engine for arrays of a device, `Staged` where it does not take them; nothing is loaded yet."""
    here = where if native(make, where) else device("cpu")
    net = make(path, shape, here, ends=ends, precision=precision, threads=threads, samples=samples)
    return net if here is where else Staged(net, where)


def unknown(name: str) -> str:
    """What to tell someone who asks for an engine that is not there."""
    from bgflow.document import near  # it needs yaml, which engines alone do without

    return f"there is no engine {name!r}{near(name, ['auto', *known()])}"


def zeros(where: Device, shape: tuple[int, ...]) -> Array:
    """A new array of zeros on a device."""
    array = Pool(where, shape, np.float32, planned=1).take()
    with where.active():
        array.fill(0)
    return array


def on_host(where: Device, array: Array) -> Host:
    """The array for a library of the CPU, whose device `where` is or whose GPU engine it plays there."""
    reach: Callable[[Array], Host] | None = getattr(where, "host", None)
    return reach(array) if reach else array


def _load(name: str) -> type[Engine]:
    made: type[Engine] = importlib.import_module(f"bgflow.engines.{name}").Engine
    return made
