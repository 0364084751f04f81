"""A GPU without hardware: CuPy as far as bgflow uses it, on which the real `bgflow/devices/cuda.py` runs unchanged.

Streams are asynchronous and run in adversarial orders, kernels are the `.cu` text through g++, memory that is given
out again is poisoned, and the null stream, device-wide waits and pageable copies raise. It proves order and
arithmetic; it proves nothing about speed, and nothing about a driver.
"""

from __future__ import annotations

import contextlib
import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest

from bgflow.devices import auto, cuda, device
from tests.cudasim import arrays, machine, memory, programs, streams
from tests.cudasim.machine import ORDERS as ORDERS
from tests.cudasim.machine import Forbidden as Forbidden
from tests.cudasim.machine import Machine as Machine


@contextlib.contextmanager
def simulated(order: str = "lazy", *, gpus: int = 1, memory: int = 1 << 30) -> Iterator[Machine]:
    """A machine with GPUs; `device("cuda:0")` works inside."""
    made = Machine(order, gpus, memory)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "cupy", cupy(gpus))
        patch.setattr("bgflow.nvidia.has_driver", lambda: True)
        patch.setattr(cuda, "_made", {})
        machine.use(made)
        device.cache_clear()
        auto.cache_clear()
        try:
            yield made
        finally:
            device.cache_clear()
            auto.cache_clear()
            machine.use(None)


def cupy(gpus: int = 1, driver: int = 13020) -> Any:
    """The module `cupy`."""
    known = {"name": b"Simulated", "totalGlobalMem": 1 << 30, "major": 9, "minor": 0, "multiProcessorCount": 4}

    def count() -> int:
        if driver < 13000:
            name = "InsufficientDriver: CUDA driver version is insufficient for CUDA runtime version"
            raise streams.CUDARuntimeError(f"cudaError{name}")
        if not gpus:
            raise streams.CUDARuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")
        return gpus

    space = types.SimpleNamespace
    made: Any = types.ModuleType("cupy")
    made.__version__ = "14.2.0"
    made.ndarray, made.RawModule, made.RawKernel = arrays.ndarray, programs.RawModule, programs.RawKernel
    made.cuda = space(
        Device=streams.Device,
        Stream=streams.Stream,
        Event=streams.Event,
        Graph=streams.Graph,
        MemoryPool=memory.MemoryPool,
        MemoryPointer=memory.MemoryPointer,
        UnownedMemory=memory.UnownedMemory,
        alloc_pinned_memory=memory.alloc_pinned_memory,
        using_allocator=memory.using_allocator,
        runtime=space(
            CUDARuntimeError=streams.CUDARuntimeError,
            streamCaptureModeRelaxed=streams.STREAM_CAPTURE_MODE_RELAXED,
            getDeviceCount=count,
            getDevice=streams.current_device,
            getDeviceProperties=lambda device: dict(known),
            driverGetVersion=lambda: driver,
            runtimeGetVersion=lambda: 13020,
        ),
        driver=space(CUDADriverError=streams.CUDADriverError),
        function=space(CPointer=programs.CPointer, Function=programs.Function),
        memory=space(OutOfMemoryError=memory.OutOfMemoryError),
        compiler=space(CompileException=programs.CompileException),
        nvrtc=space(getVersion=lambda: (13, 2)),
    )
    return made
