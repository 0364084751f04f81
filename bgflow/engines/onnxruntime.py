"""Networks on the CPU through ONNX Runtime, in fp32: slower than OpenVINO there, and the format's reference."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bgflow.engines import Binding, Precision
from bgflow.errors import DeviceError, ModelError
from bgflow.frame import Array
from bgflow.models import onnx


class Engine:
    """One session whose input and output are bound to the caller's memory."""

    package = "onnxruntime"
    devices = ("cpu",)
    rank = 1

    def __init__(
        self, path: Path, shape: tuple[int, ...], *, output: int = 0, precision: Precision = "auto", threads: int = 0
    ):
        self.path, self.shape, self.output, self.threads = path, shape, output, threads
        self.precision: str = precision
        self._session: Any = None

    def __enter__(self) -> Self:
        import onnxruntime

        if self.precision not in ("auto", "fp32"):
            raise DeviceError(f"onnxruntime computes in fp32 on a cpu, not in {self.precision}; openvino may")
        self.precision = "fp32"
        data = onnx.read(self.path, self.shape, self.output)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.log_severity_level = 3  # errors only
        try:
            data = onnx.reshaped(data, self.shape)
            self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
            output = self._session.get_outputs()[self.output]
            out_shape = tuple(int(n) for n in output.shape)
        except Exception as e:  # its exceptions share no narrower base
            why = str(e).strip().splitlines()[-1]
            raise ModelError(f"{self.path}: cannot run with an input of {list(self.shape)}: {why}") from e
        self._names = self._session.get_inputs()[0].name, output.name
        self._binding = self._session.io_binding()
        self._x = Binding(self.path, "input", self.shape)
        self._out = Binding(self.path, "output", out_shape)
        return self

    def __call__(self, x: Array, out: Array) -> None:
        if self._x.changes(x):
            self._binding.bind_input(self._names[0], "cpu", 0, x.dtype, x.shape, x.ctypes.data)
        if self._out.changes(out):
            self._binding.bind_output(self._names[1], "cpu", 0, out.dtype, out.shape, out.ctypes.data)
        self._session.run_with_iobinding(self._binding)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self._binding, self._session, self._x, self._out
