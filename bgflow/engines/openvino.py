"""Networks on the CPU through OpenVINO: the fastest of the engines there, and bf16 where the processor has it."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bgflow.engines import Binding, Precision
from bgflow.errors import DeviceError, ModelError
from bgflow.frame import Array
from bgflow.models import onnx

TYPES = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}  # OpenVINO's names


class Engine:
    """One compiled network and one inference request; `auto` precision is bf16 on processors with bf16 arithmetic."""

    package = "openvino"
    devices = ("cpu",)
    rank = 2

    def __init__(
        self, path: Path, shape: tuple[int, ...], *, output: int = 0, precision: Precision = "auto", threads: int = 0
    ):
        self.path, self.shape, self.output, self.threads = path, shape, output, threads
        self.precision: str = precision
        self._request: Any = None

    def __enter__(self) -> Self:
        import openvino

        core = openvino.Core()
        able = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if self.precision == "auto":
            self.precision = "bf16" if "BF16" in able else "fp32"
        if self.precision.upper() not in able:
            there = ", ".join(p for p in TYPES if p.upper() in able)
            raise DeviceError(f"openvino does not compute in {self.precision} on this cpu; it has {there}")
        onnx.read(self.path, self.shape, self.output)
        options = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": TYPES[self.precision],
            "INFERENCE_NUM_THREADS": self.threads,
            # Pinned threads start at core 0 in every process, so two runs on one machine would share its first cores.
            "ENABLE_CPU_PINNING": False,
        }  # no CACHE_DIR: it takes 0.1 s off the 0.3 s that U²-Net needs, for a file per option and version
        try:
            model = core.read_model(self.path)
            model.reshape(self.shape)
            model = openvino.Model([model.outputs[self.output]], model.get_parameters())  # the others have no reader
            compiled = core.compile_model(model, "CPU", options)
            out_shape = tuple(compiled.outputs[0].shape)
        except RuntimeError as e:
            why = str(e).strip().splitlines()[-1]
            raise ModelError(f"{self.path}: cannot run with an input of {list(self.shape)}: {why}") from e
        self._tensor = openvino.Tensor
        self._request = compiled.create_infer_request()
        self._x = Binding(self.path, "input", self.shape)
        self._out = Binding(self.path, "output", out_shape)
        return self

    def __call__(self, x: Array, out: Array) -> None:
        if self._x.changes(x):
            self._request.set_input_tensor(0, self._tensor(x, shared_memory=True))
        if self._out.changes(out):
            self._request.set_output_tensor(0, self._tensor(out, shared_memory=True))
        self._request.infer(share_outputs=True)  # else it returns a copy

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self._request, self._x, self._out
