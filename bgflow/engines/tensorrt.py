"""Networks on an NVIDIA GPU through TensorRT 10 or 11: the fastest of the engines there, in fp16 unless told otherwise.

A network is built for one GPU, one size and one precision, which takes a minute, and kept on disk
(`bgflow.models.plans`); `bgflow models build` does that ahead. A call sets the addresses that have changed and enqueues
on our stream; it waits for nothing, and a capture records it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np

from bgflow import engines
from bgflow.devices import Device
from bgflow.errors import DeviceError
from bgflow.frame import Array
from bgflow.models import build, cast, plans, quantise
from bgflow.models.ends import Network, read
from bgflow.models.settle import settled

RECIPE = 1
"""To be counted up when settling, casting or quantising give another network than before."""
INSTALL = "pip install tensorrt-cu13"


class Card(NamedTuple):
    """A GPU as far as a plan depends on it."""

    name: str
    compute: str
    driver: str


class Engine(engines.Engine):
    """One execution context; `auto` precision is fp16."""

    package = "tensorrt"
    devices = ("cuda",)
    rank = 4
    builds = True
    precisions = ("fp32", "fp16", "bf16", "int8")

    @classmethod
    def lacks(cls, where: Device) -> str:
        if super().lacks(where):
            return f"tensorrt is not installed; run: {INSTALL}"
        try:
            import tensorrt  # noqa: F401
        except (ImportError, OSError) as e:  # the bindings without the libraries, or of another CUDA
            return f"tensorrt cannot be imported ({str(e).splitlines()[0]}); run: {INSTALL}"
        return ""

    def __enter__(self) -> Self:
        import tensorrt

        if self.precision == "auto":
            self.precision = "fp16"
        if self.precision not in self.precisions:
            raise DeviceError(f"tensorrt computes in {', '.join(self.precisions)}, not in {self.precision}")
        network = read(self.path, self.shape, self.ends)
        key = self._key(tensorrt.__version__, network)
        timing = plans.place("timing.cache", {n: key[n] for n in ("tensorrt", "gpu", "compute", "driver")})
        with self.device.active():
            self._runtime = build.started(tensorrt.Runtime, build.logger_of(tensorrt))
            self._net = plans.kept(
                f"{self.path.stem}-{self.precision}.plan",
                key,
                lambda: build.plan(tensorrt, self._typed(network), name=self.path.name, timing=timing, told=self.told),
                self._runtime.deserialize_cuda_engine,
            )
            self._context = self._net.create_execution_context()
        if self._context is None:
            raise DeviceError(f"{self.path.name}: {self.device.name} has no memory left for the network")
        self._wire(network)
        return self

    def _key(self, version: str, network: Network) -> dict[str, object]:
        """All that a plan depends on."""
        where = card(self.device)
        return {
            "model": hashlib.sha256(network.data).hexdigest(),
            "ends": repr(self.ends),
            "shape": list(self.shape),
            "precision": self.precision,
            "ranges": _digest(self.samples()) if self.precision == "int8" else "",
            "tensorrt": version,
            "gpu": where.name,
            "compute": where.compute,
            "driver": where.driver,
            "flags": {"recipe": RECIPE, "workspace": build.WORKSPACE, "tf32": False},
        }

    def _typed(self, network: Network) -> bytes:
        """The network as ONNX of one shape, with the precision written into it."""
        data = settled(self.path, self.shape, self.ends).data
        match self.precision:
            case "fp16" | "bf16":
                return cast.to(data, self.precision)
            case "int8":
                return quantise.to(data, self._ranges(network, data))
        return data

    def _ranges(self, network: Network, data: bytes) -> quantise.Scales:
        """The ranges of int8, measured once for this network and size."""
        key = {
            "model": hashlib.sha256(network.data).hexdigest(),
            "shape": list(self.shape),
            "ends": repr(self.ends),
            "samples": _digest(self.samples()),
        }

        def measure() -> bytes:
            self.told("measuring ranges on the CPU", 0, 1)
            found = quantise.encoded(quantise.scales(data, network.picture.name, self.samples()))
            self.told("measuring ranges on the CPU", 1, 1)
            return found

        return plans.kept(f"{self.path.stem}.ranges", key, measure, quantise.decoded)

    def _wire(self, network: Network) -> None:
        """Memory on the device, and one call, so that a capture never meets the first one."""
        before, after = [b.name for b, _ in network.state], [a.name for _, a in network.state]
        self._names = [network.picture.name, network.mask.name, *before, *after]
        self._bound = [0] * len(self._names)
        self.out_shape = tuple(self._net.get_tensor_shape(network.mask.name))
        self._memory = engines.Memory(self.device, [tuple(self._net.get_tensor_shape(name)) for name in before])
        self._states = [[self._bind(array) for array in arrays] for arrays in self._memory.sets]
        self._x, self._y = self._bindings(self._bind)
        self._enqueue(engines.zeros(self.device, self.shape), engines.zeros(self.device, self.out_shape))

    def _enqueue(self, x: Array, out: Array) -> None:
        now = self._memory.now
        addresses = [self._x(x), self._y(out), *self._states[now], *self._states[1 - now]]
        self.device.enqueue(lambda stream: self._run(stream, addresses))

    def _run(self, stream: int, addresses: list[int]) -> None:
        for name, new, old in zip(self._names, addresses, self._bound, strict=True):
            if new != old and not self._context.set_tensor_address(name, new):
                raise DeviceError(f"{self.path.name}: tensorrt does not take the address of {name!r}")
        self._bound = addresses
        if not self._context.execute_async_v3(stream):
            raise DeviceError(f"{self.path.name}: tensorrt could not enqueue the network; see the messages before")

    def _bind(self, array: Array) -> int:
        return self.device.address(array)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.device.synchronise()  # what is enqueued uses the context's memory
        del self._context, self._net, self._runtime, self._x, self._y, self._memory, self._states


def card(where: Device) -> Card:
    """What a plan has to be built for."""
    import cupy

    properties = cupy.cuda.runtime.getDeviceProperties(int(where.name.partition(":")[2] or 0))
    module = Path("/proc/driver/nvidia/version")  # "NVRM version: NVIDIA UNIX … Kernel Module  580.65.06  …"
    driver = module.read_text().splitlines()[0] if module.is_file() else ""
    return Card(
        properties["name"].decode(),
        f"{properties['major']}.{properties['minor']}",
        f"CUDA {cupy.cuda.runtime.driverGetVersion()} {driver}".strip(),
    )


def _digest(samples: Iterable[Any]) -> str:
    """Tells pictures apart by the first of them: they come from a function of their number."""
    first = next(iter(samples), np.zeros(0, np.float32))
    return hashlib.sha256(np.ascontiguousarray(first).tobytes()).hexdigest()
