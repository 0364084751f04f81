"""Networks on the CPU through ONNX Runtime, in fp32: slower than OpenVINO there, and the format's reference."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from bgflow.engines import WHOLE, Binding, Memory, Precision
from bgflow.errors import DeviceError, ModelError
from bgflow.frame import Array
from bgflow.models import onnx
from bgflow.models.ends import Ends, Network, read


class Engine:
    """One session whose inputs and outputs are bound to the caller's memory."""

    package = "onnxruntime"
    devices = ("cpu",)
    rank = 1

    def __init__(
        self,
        path: Path,
        shape: tuple[int, ...],
        *,
        ends: Ends = WHOLE,
        precision: Precision = "auto",
        threads: int = 0,
    ):
        self.path, self.shape, self.ends, self.threads = path, shape, ends, threads
        self.precision: str = precision
        self.out_shape: tuple[int, ...] = ()
        self._session: Any = None

    def __enter__(self) -> Self:
        import onnxruntime

        if self.precision not in ("auto", "fp32"):
            raise DeviceError(f"onnxruntime computes in fp32 on a cpu, not in {self.precision}; openvino may")
        self.precision = "fp32"
        network = read(self.path, self.shape, self.ends)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.log_severity_level = 3  # errors only
        try:
            data = onnx.reshaped(network.data, {network.picture.name: self.shape})
            self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
            self.out_shape, state = self._shapes(network)
        except Exception as e:  # its exceptions share no narrower base
            why = str(e).strip().splitlines()[-1]
            raise ModelError(f"{self.path}: cannot run with an input of {list(self.shape)}: {why}") from e
        self._network = network
        self._memory = Memory(state)
        self._bindings = [self._session.io_binding() for _ in self._memory.sets]
        self._xs = [Binding(self.path, "input", self.shape) for _ in self._bindings]
        self._outs = [Binding(self.path, "output", self.out_shape) for _ in self._bindings]
        for n, binding in enumerate(self._bindings):
            for name, array in network.constants:
                _bind(binding.bind_input, name, array)
            for (before, after), old, new in zip(
                network.state, self._memory.sets[n], self._memory.sets[1 - n], strict=True
            ):
                _bind(binding.bind_input, before.name, old)
                _bind(binding.bind_output, after.name, new)
        return self

    def _shapes(self, network: Network) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
        """The shapes of mask and state, which only a run may tell: on a black picture, with a memory of free dims 1."""
        said = {t.name: t.shape for t in self._session.get_outputs()}
        wanted = [network.mask.name, *(after.name for _, after in network.state)]
        if all(isinstance(n, int) for name in wanted for n in said[name]):
            shapes = [tuple(said[name]) for name in wanted]
        else:
            feed = {network.picture.name: np.zeros(self.shape, np.float32), **dict(network.constants)}
            feed |= {t.name: np.zeros([n or 1 for n in t.shape], np.float32) for t, _ in network.state}
            shapes = [a.shape for a in self._session.run(wanted, feed)]
        return shapes[0], shapes[1:]

    def __call__(self, x: Array, out: Array) -> None:
        n = self._memory.now
        if self._xs[n].changes(x):
            _bind(self._bindings[n].bind_input, self._network.picture.name, x)
        if self._outs[n].changes(out):
            _bind(self._bindings[n].bind_output, self._network.mask.name, out)
        self._session.run_with_iobinding(self._bindings[n])
        if self._network.state:
            self._memory.turn()

    def reset(self) -> None:
        self._memory.clear()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self._bindings, self._session, self._xs, self._outs, self._memory


def _bind(bind: Any, name: str, array: Array) -> None:
    bind(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
