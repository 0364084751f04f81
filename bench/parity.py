"""Kernels on a device beside the same kernels by numba on the CPU, on the cases of tests/kernels."""

from __future__ import annotations

import importlib
import math
import time
from typing import Any

import numpy as np

from bgflow.bench.figures import Parity
from bgflow.bench.stopwatch import fresh
from bgflow.devices import Device
from bgflow.kernel import Kernel

CLOSE = 1e-5  # floats may differ by so much, relative and absolute; integers not at all
GUARD = 0x5A  # fills the memory around every array
Host = np.ndarray[Any, Any]


def parity(device: Device, deadline: float = math.inf) -> Parity:
    """All kernels on all their cases, until the time is up; raises ImportError outside of a checkout with its tests."""
    cases: Any = importlib.import_module("tests.kernels.test_parity")
    kernels = [kernel for parameter in cases.kernels() for kernel in parameter.values]
    compared, count, unequal = 0, 0, []
    for kernel in kernels:
        if time.monotonic() > deadline:
            break
        compared += 1
        try:
            for values in cases.arguments(kernel):
                count += 1
                difference(device, kernel, values)
        except Exception as e:
            unequal.append(f"{kernel.name}: {' '.join(str(e).split())[:200]}")
    return Parity(kernels=compared, cases=count, left_out=len(kernels) - compared, unequal=unequal)


def difference(device: Device, kernel: Kernel, values: list[Any]) -> None:
    """Raises AssertionError where the device leaves other arrays than the CPU, or writes beside them."""
    wanted = [v.copy() if isinstance(v, np.ndarray) else v for v in values]
    kernel(*wanted)
    placed = [Placed(device, v) if isinstance(v, np.ndarray) else None for v in values]
    kernel(*(v if p is None else p.inside for v, p in zip(values, placed, strict=True)))
    for arg, want, place in zip(kernel.args, wanted, placed, strict=True):
        if place is not None:
            found, rest = place.read()
            close = CLOSE if arg.type == "f32" else 0
            np.testing.assert_allclose(found, want, rtol=close, atol=close, err_msg=arg.name)
            assert rest, f"it writes outside of {arg.name}"


class Placed:
    """A host array on a device, in the middle of guard bytes: its rows are padded, and strays show."""

    def __init__(self, device: Device, host: Host):
        self._device = device
        self._where = tuple(slice(1, n + 1) if axis < 2 else slice(None) for axis, n in enumerate(host.shape))
        around = np.empty([n + (2 if axis < 2 else 0) for axis, n in enumerate(host.shape)], host.dtype)
        around.view(np.uint8)[...] = GUARD
        around[self._where] = host
        self._around = fresh(device, around.shape, around.dtype)
        device.upload(around, self._around)
        self.inside = self._around[self._where]

    def read(self) -> tuple[Host, bool]:
        """The array as it is now, and whether nothing around it has changed."""
        out: Host = np.empty(self._around.shape, self._around.dtype)
        self._device.download(self._around, out)
        found = out[self._where].copy()
        out[self._where] = np.frombuffer(bytes([GUARD] * out.itemsize), out.dtype)[0]
        return found, bool((out.view(np.uint8) == GUARD).all())
