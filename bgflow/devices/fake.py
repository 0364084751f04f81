"""A pretended accelerator: its memory is host memory with a label, so copies and mix-ups show without a GPU."""

from __future__ import annotations

from typing import Any

import numpy as np

from bgflow.devices.cpu import Cpu
from bgflow.frame import Array
from bgflow.kernel import Kernel


class FakeArray(np.ndarray[Any, Any]):
    """An array that claims to live on the `fake` device; kernels refuse to mix it with host arrays."""

    bgflow_device = "fake"


class Fake(Cpu):
    """The CPU under another name; `uploads`, `downloads` and `launches` count what a real device would do."""

    name = "fake"

    def __init__(self) -> None:
        self.uploads = self.downloads = self.launches = 0

    def view(self, block: Any, shape: tuple[int, ...], dtype: Any, owner: Any) -> Array:
        return super().view(block, shape, dtype, owner).view(FakeArray)

    def owns(self, array: Array) -> bool:
        return isinstance(array, FakeArray)

    def upload(self, host: np.ndarray[Any, Any], out: Array) -> None:
        self.uploads += 1
        np.copyto(out, host)

    def download(self, array: Array, out: np.ndarray[Any, Any]) -> None:
        self.downloads += 1
        np.copyto(out, array)

    def launch(self, kernel: Kernel, extent: tuple[int, ...], values: tuple[Any, ...]) -> None:
        self.launches += 1
        kernel.run_cpu(extent, tuple(v.view(np.ndarray) if isinstance(v, FakeArray) else v for v in values))


def make(index: int) -> Fake:
    """The one fake device."""
    return Fake()
