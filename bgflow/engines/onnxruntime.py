"""Networks through ONNX Runtime: on the CPU in fp32, the format's reference; on a GPU by its CUDA provider.

The CUDA provider is in the package onnxruntime-gpu, which is imported under the same name as onnxruntime. It gets our
stream and the arrays' addresses and copies nothing. A capture cannot record it: it asks its own allocator for memory
while it runs. fp32 is IEEE's there, without TF32.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import numpy as np

from bgflow import engines
from bgflow.devices import Device
from bgflow.errors import DeviceError, ModelError
from bgflow.frame import Array
from bgflow.models.settle import settled

GPU_PACKAGE = "pip uninstall onnxruntime; pip install 'onnxruntime-gpu[cuda,cudnn]'"


class Engine(engines.Engine):
    """One session whose inputs and outputs are bound to the caller's memory, once for each turn of its own."""

    package = "onnxruntime"
    devices = ("cpu", "fake", "cuda")
    rank = 2
    _session: Any = None

    @classmethod
    def lacks(cls, where: Device) -> str:
        why = super().lacks(where)
        if not where.name.startswith("cuda"):
            return why
        if not why:
            import onnxruntime

            if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
                return ""
        return f"the onnxruntime that is installed has no CUDA provider; run: {GPU_PACKAGE}"

    def __enter__(self) -> Self:
        import onnxruntime

        self._cuda = self.device.name.startswith("cuda")
        self.capturable = self.capturable and not self._cuda
        able = ("fp32", "fp16") if self._cuda else ("fp32",)
        if self.precision == "auto":
            self.precision = able[-1]
        if self.precision not in able:
            other = "tensorrt" if self._cuda else "openvino"
            where = "cuda" if self._cuda else "a cpu"
            raise DeviceError(
                f"onnxruntime computes in {' or '.join(able)} on {where}, not in {self.precision}; {other} may"
            )
        network = settled(self.path, self.shape, self.ends)
        data = network.data
        if self.precision == "fp16":
            from bgflow.models import cast

            data = cast.to(data, "fp16")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.log_severity_level = 3  # errors only
        # Its threads would spin on for a while after a run, on the cores that the other stages need then.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        try:
            self._session = onnxruntime.InferenceSession(data, options, providers=self._providers())
        except Exception as e:  # its exceptions share no narrower base
            why = str(e).strip().splitlines()[-1]
            raise ModelError(f"{self.path}: cannot run with an input of {list(self.shape)}: {why}") from e
        if self._cuda and "CUDAExecutionProvider" not in self._session.get_providers():
            raise DeviceError(f"onnxruntime's CUDA provider cannot be loaded on {self.device.name}; run: {GPU_PACKAGE}")
        self.out_shape = network.mask_shape
        self._memory = engines.Memory(self.device, network.state_shapes)
        self._names = network.picture.name, network.mask.name
        self._run_options = onnxruntime.RunOptions()
        if self._cuda:  # what comes after it is on the same stream
            self._run_options.add_run_config_entry("disable_synchronize_execution_providers", "1")
        self._bindings_by_turn = [self._session.io_binding() for _ in self._memory.sets]
        self._bound: list[Any] = [None, None]
        self._x, self._y = self._bindings(self._bind)
        for n, binding in enumerate(self._bindings_by_turn):
            for (before, after), old, new in zip(
                network.state, self._memory.sets[n], self._memory.sets[1 - n], strict=True
            ):
                self._place(binding.bind_input, before.name, self._bind(old))
                self._place(binding.bind_output, after.name, self._bind(new))
        return self

    def _providers(self) -> list[Any]:
        if not self._cuda:
            return ["CPUExecutionProvider"]
        stream: list[int] = []
        self.device.enqueue(stream.append)
        options = {"device_id": self._index, "user_compute_stream": str(stream[0]), "use_tf32": "0"}
        return [("CUDAExecutionProvider", options), "CPUExecutionProvider"]

    @property
    def _index(self) -> int:
        return int(self.device.name.partition(":")[2] or 0)

    def _enqueue(self, x: Array, out: Array) -> None:
        turn, ends = self._memory.now, (self._x(x), self._y(out))
        self.device.enqueue(lambda _: self._run(turn, ends))

    def _run(self, turn: int, ends: tuple[Any, Any]) -> None:
        binding = self._bindings_by_turn[turn]
        if self._bound[turn] != ends:
            self._bound[turn] = ends
            self._place(binding.bind_input, self._names[0], ends[0])
            self._place(binding.bind_output, self._names[1], ends[1])
        self._session.run_with_iobinding(binding, self._run_options)

    def _bind(self, array: Array) -> tuple[int, tuple[int, ...]]:
        return self.device.address(array), array.shape

    def _place(self, bind: Any, name: str, at: tuple[int, tuple[int, ...]]) -> None:
        kind, index = ("cuda", self._index) if self._cuda else ("cpu", 0)
        bind(name, kind, index, np.float32, at[1], at[0])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self._bindings_by_turn, self._session, self._x, self._y, self._memory
