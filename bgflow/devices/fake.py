"""A pretended accelerator: host memory that only kernels, copies and a few array words may touch.

What a GPU would refuse or pay for shows here without one: reading an array as if it were on the host raises, copies
and launches are counted, and a capture records instead of running.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

import numpy as np

from bgflow.devices import Host, parts
from bgflow.devices.cpu import Cpu, fill, spread
from bgflow.errors import DeviceError
from bgflow.frame import Array
from bgflow.kernel import Kernel


class FakeArray:
    """An array on the `fake` device: shape, strides, basic slices, reshapes, `fill` and assignment, as CuPy has them.

    DLPack hands it to libraries of the CPU, which stand in for those of a GPU.
    """

    bgflow_device = "fake"
    __array_ufunc__ = None
    __array_priority__ = 1000

    def __init__(self, host: Host):
        self._host = host

    shape = property(lambda self: self._host.shape)
    strides = property(lambda self: self._host.strides)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    nbytes = property(lambda self: self._host.nbytes)
    itemsize = property(lambda self: self._host.itemsize)
    flags = property(lambda self: self._host.flags)
    T = property(lambda self: FakeArray(self._host.T))

    def __len__(self) -> int:
        return len(self._host)

    def __repr__(self) -> str:
        return f"<{self.dtype}{list(self.shape)} on fake>"

    def __getitem__(self, index: Any) -> FakeArray:
        found = self._host[index]
        if not isinstance(found, np.ndarray) or (found.size and not np.may_share_memory(found, self._host)):
            raise TypeError("an array of a device has basic slices only; download it to look at a value")
        return FakeArray(found)

    def __setitem__(self, index: Any, value: Any) -> None:
        into = self._host[index]
        if isinstance(value, FakeArray):
            _fake().do(np.copyto, into, value._host)
        elif np.isscalar(value):
            _fake().do(np.ndarray.fill, into, value)
        else:
            raise TypeError(f"a {type(value).__name__} of the host does not go into an array of a device; upload it")

    def fill(self, value: float) -> None:
        """Set every element."""
        _fake().do(np.ndarray.fill, self._host, value)

    def reshape(self, *shape: Any) -> FakeArray:
        """The same memory in another shape; a copy, as `numpy.reshape` may make, is refused."""
        made = self._host.reshape(*shape)
        if not np.may_share_memory(made, self._host):
            raise TypeError("this shape needs a copy")
        return FakeArray(made)

    def view(self, dtype: Any) -> FakeArray:
        """The same memory as another dtype."""
        return FakeArray(self._host.view(dtype))

    def __array__(self, *args: Any, **kw: Any) -> NoReturn:
        raise TypeError("an array of a device is not converted to the host by itself; download it")

    def __bool__(self) -> bool:
        raise TypeError("an array of a device is not looked at; download it")

    def __dlpack__(self, **how: Any) -> Any:
        return self._host.__dlpack__()  # a consumer's `stream` and `max_version` are a GPU's, or newer than numpy's

    def __dlpack_device__(self) -> Any:
        return self._host.__dlpack_device__()


class Tape:
    """Captured calls, in order."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], Any]] = []

    @property
    def launches(self) -> int:
        return len(self.calls)

    def replay(self) -> None:
        if _fake().taping:
            raise DeviceError("a recording cannot be replayed inside a capture")
        began = time.perf_counter_ns()
        for call in self.calls:
            call()
        _fake().meter.launch(1, time.perf_counter_ns() - began)


class Fake(Cpu):
    """The CPU under another name and with an accelerator's rules; `meter` counts what a GPU would have to do."""

    name = "fake"
    title = "an accelerator's rules without its hardware"

    def __init__(self) -> None:
        super().__init__()
        self.blocks = 0
        """How often memory was taken, which a GPU cannot do without waiting."""
        self._own = threading.local()

    @property
    def taping(self) -> Tape | None:
        """Where this thread's work goes while it captures."""
        tape: Tape | None = getattr(self._own, "tape", None)
        return tape

    def do(self, call: Callable[..., Any], *values: Any) -> None:
        """Call with `values`, or record that while this thread captures."""
        if (tape := self.taping) is not None:
            tape.calls.append(functools.partial(call, *map(_bare, values)))
            return
        began = time.perf_counter_ns()
        call(*values)
        self.meter.launch(1, time.perf_counter_ns() - began)

    def block(self, nbytes: int) -> Any:
        self.blocks += 1
        return super().block(nbytes)

    def view(self, block: Any, shape: tuple[int, ...], dtype: Any, owner: Any) -> Array:
        return FakeArray(super().view(block, shape, dtype, owner))

    def owns(self, array: Array) -> bool:
        return isinstance(array, FakeArray)

    def address(self, array: Array) -> int:
        return super().address(array._host)

    def host(self, array: Array) -> Host:
        """The memory under an array, for an engine of the CPU that plays one of this device."""
        found: Host = array._host
        return found

    def upload(self, host: Host | Sequence[Host], out: Array) -> None:
        self._refuse("an upload")
        fill(parts(host), out._host)
        self.meter.up(out.nbytes)

    def download(self, array: Array, out: Host | Sequence[Host]) -> None:
        self._refuse("a download")
        spread(array._host, parts(out))
        self.meter.down(array.nbytes)

    def launch(self, kernel: Kernel, extent: tuple[int, ...], values: tuple[Any, ...]) -> None:
        on_host = (v._host if isinstance(v, FakeArray) else v for v in values)
        self.do(lambda *hosts: kernel.run_cpu(extent, hosts), *on_host)

    def enqueue(self, call: Callable[[int], None]) -> None:
        self.do(call, 0)

    @contextlib.contextmanager
    def capture(self) -> Iterator[Tape]:
        if self.taping is not None:
            raise DeviceError("a capture cannot begin inside a capture")
        tape = self._own.tape = Tape()
        try:
            yield tape
        finally:
            self._own.tape = None

    def _refuse(self, what: str) -> None:
        if self.taping is not None:
            raise DeviceError(f"{what} cannot be captured: its host memory is another one at the next instant")


class _Bare:
    """Memory by its address alone, as a recording of a GPU knows it: nothing is kept alive."""

    def __init__(self, host: Host):
        self.__array_interface__ = {**host.__array_interface__, "strides": host.strides}


def _bare(value: Any) -> Any:
    return np.asarray(_Bare(value)) if isinstance(value, np.ndarray) else value


@functools.cache
def _fake() -> Fake:
    return Fake()


def make(index: int) -> Fake:
    """The one fake device."""
    return _fake()
