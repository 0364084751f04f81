"""Where arrays live and kernels run; one device a file, found by its name: `cpu`, `fake`, `cuda:0`."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from bgflow.errors import DeviceError
from bgflow.frame import Array

if TYPE_CHECKING:
    from bgflow.kernel import Kernel


class Device(Protocol):
    """Memory and launches of one device. A device is shared by all threads of a run; its methods are thread-safe."""

    name: str

    def itemsize(self, dtype: Any) -> int:
        """Bytes of one element."""
        ...

    def block(self, nbytes: int) -> Any:
        """Raw, uninitialised memory for a pool, aligned to 64 bytes at least."""
        ...

    def view(self, block: Any, shape: tuple[int, ...], dtype: Any, owner: Any) -> Array:
        """An array over `block` that keeps `owner` alive as long as any view of it lives."""
        ...

    def owns(self, array: Array) -> bool:
        """Whether `array` lives here."""
        ...

    def upload(self, host: np.ndarray[Any, Any], out: Array) -> None:
        """Copy a host array into `out`, which lives here."""
        ...

    def download(self, array: Array, out: np.ndarray[Any, Any]) -> None:
        """Copy an array that lives here into host memory."""
        ...

    def launch(self, kernel: Kernel, extent: tuple[int, ...], values: tuple[Any, ...]) -> None:
        """Run one kernel over `extent`; its arguments are already checked."""
        ...

    def synchronise(self) -> None:
        """Wait until everything launched here has finished."""
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
    try:
        return device("cuda:0"), "cuda:0: the first NVIDIA GPU"
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
