"""Networks on the CPU through OpenVINO: the fastest of the engines there, with bf16 and int8.

In int8 the convolutions take bytes (see `bgflow.models.fakequantise`) and the rest stays f32.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bgflow import engines, environment
from bgflow.errors import DeviceError, ModelError
from bgflow.frame import Array
from bgflow.models import enlarge, fakequantise, plans
from bgflow.models.ends import Network, read

TYPES = {"fp32": "f32", "bf16": "bf16", "fp16": "f16", "int8": "f32"}  # OpenVINO's names; of int8, for the rest
DOTS = ("avx512_vnni", "avx_vnni", "amx_int8")  # units without which int8 is no faster, and less exact


@functools.cache
def core() -> Any:
    """The process's one Core, never let go.

    Its CPU plugin gives the thread that loads it another stack for signals, and takes that away again when it dies: two
    that do not die in the order of their birth leave a signal without a stack, which ends the process.
    """
    import openvino

    return openvino.Core()


class Engine(engines.Engine):
    """One compiled network and one inference request.

    `auto` precision is int8 where the processor has units for it and bgflow comes with the network's ranges, which it
    does for networks that are nearer to fp32 in int8 than in bf16; else bf16 where there is bf16 arithmetic, else fp32.
    """

    package = "openvino"
    devices = ("cpu", "fake")
    rank = 3
    _request: Any = None

    def __enter__(self) -> Self:
        import openvino

        runtime = core()
        able = runtime.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        network = read(self.path, self.shape, self.ends)
        if self.precision == "auto":
            exact = set(DOTS) & set(environment.flags()) and fakequantise.shipped(network.data)
            self.precision = "int8" if exact else "bf16" if "BF16" in able else "fp32"
        if self.precision not in TYPES or self.precision.upper() not in able:
            there = ", ".join(p for p in TYPES if p.upper() in able)
            raise DeviceError(f"openvino does not compute in {self.precision} on this cpu; it has {there}")
        options = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": TYPES[self.precision],
            "INFERENCE_NUM_THREADS": self.threads,
            # Pinned threads start at core 0 in every process, so two runs on one machine would share its first cores.
            "ENABLE_CPU_PINNING": False,
        }
        try:
            compiled = self._compiled(runtime, network, options)
            self.out_shape, *state = (tuple(o.shape) for o in compiled.outputs)
        except RuntimeError as e:
            why = str(e).strip().splitlines()[-1]
            raise ModelError(f"{self.path}: cannot run with an input of {list(self.shape)}: {why}") from e
        self._tensor = openvino.Tensor
        self._request = compiled.create_infer_request()
        self._memory = engines.Memory(self.device, state)
        self._states = [[self._bind(a) for a in arrays] for arrays in self._memory.sets]
        self._x, self._y = self._bindings(self._bind)
        self._set: list[Any] = [None] * (2 + 2 * len(state))
        return self

    def _compiled(self, runtime: Any, network: Network, options: Mapping[str, object]) -> Any:
        """The network compiled; from the disk where it lies there, in a fifth of the time.

        Not OpenVINO's own CACHE_DIR, which wants the network read and quantised before it looks.
        """

        def taken(blob: bytes) -> Any:
            try:
                return runtime.import_model(blob, "CPU", options)
            except RuntimeError:  # of a build of OpenVINO that its version does not tell apart
                return None

        name, key = f"{self.path.stem}-{self.precision}.blob", self._key(network, options)
        if (there := plans.found(name, key, taken)) is not None:
            return there
        model = self._model(runtime.read_model(network.data), network)
        if self.precision == "int8":
            model = enlarge.by_products(model)
            found = fakequantise.ranges(runtime, model, network.data, self.path.stem, self.samples)
            model = fakequantise.quantise(model, found)
        compiled = runtime.compile_model(model, "CPU", options)
        plans.keep(name, key, compiled.export_model().getvalue())
        return compiled

    def _key(self, network: Network, options: Mapping[str, object]) -> dict[str, object]:
        """All that a compiled network depends on."""
        import openvino

        recipe = [Path(file).read_bytes() for file in (__file__, fakequantise.__file__, enlarge.__file__)]
        return {
            "model": hashlib.sha256(network.data).hexdigest(),
            "ends": repr(self.ends),
            "shape": list(self.shape),
            "ranges": fakequantise.origin(network.data, self.samples) if self.precision == "int8" else "",
            "openvino": openvino.__version__,
            "cpu": [environment.cpu(), *environment.flags()],
            "options": options,
            "recipe": hashlib.sha256(b"".join(recipe)).hexdigest(),
        }

    def _model(self, whole: Any, network: Network) -> Any:
        """The network from the picture and the state to the mask and the next state, every shape known."""
        import openvino
        from openvino import opset13

        for name, array in network.constants:
            for reader in whole.input(name).get_target_inputs():
                reader.replace_source_output(opset13.constant(array).output(0))
        wanted = [network.mask.name, *(after.name for _, after in network.state)]
        given = [network.picture.name, *(before.name for before, _ in network.state)]
        parameters = [whole.input(name).get_node() for name in given]
        model = openvino.Model([whole.output(name) for name in wanted], parameters)  # other outputs have no reader
        shapes = [self.shape, *([n or 1 for n in before.shape] for before, _ in network.state)]
        for _ in range(2):  # once with free dims of the state at 1, then with what it grows to
            model.reshape(dict(enumerate(map(list, shapes))))
            if any(o.partial_shape.is_dynamic for o in model.outputs):
                raise RuntimeError("the sizes of its outputs depend on what is in the picture")
            shapes[1:] = [o.shape for o in model.outputs[1:]]
        return model

    def _enqueue(self, x: Array, out: Array) -> None:
        now = self._memory.now
        inputs, outputs = [self._x(x), *self._states[now]], [self._y(out), *self._states[1 - now]]
        self.device.enqueue(lambda _: self._infer(inputs, outputs))

    def _infer(self, inputs: list[Any], outputs: list[Any]) -> None:
        count, old = len(inputs), self._set
        self._set = [*inputs, *outputs]
        for n, tensor in enumerate(self._set):
            if tensor is not old[n]:
                put = self._request.set_input_tensor if n < count else self._request.set_output_tensor
                put(n % count, tensor)
        self._request.infer(share_outputs=True)  # else it returns a copy

    def _bind(self, array: Array) -> Any:
        return self._tensor(engines.on_host(self.device, array), shared_memory=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self._request, self._x, self._y, self._states, self._set, self._memory
