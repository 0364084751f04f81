"""Networks through PyTorch, for machines that have it and no TensorRT; on a CPU it is there to be compared.

The ONNX operators of bgflow's networks are a dozen lines each in `bgflow.models.operators`; the converters on PyPI are
not kept, or want torchvision. Arrays come through DLPack and are not copied. On a GPU the whole network is one CUDA
graph of PyTorch's own for each set of arrays, because 300 launches from Python take longer than they run; that graph
keeps its memory to itself, and a capture of ours cannot hold another, so this engine is not capturable there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from bgflow import engines
from bgflow.errors import DeviceError, ModelError
from bgflow.frame import Array
from bgflow.models import nodes
from bgflow.models.settle import settled

WARM_UP = 3  # runs before a graph is captured, in which cuDNN chooses its algorithms
GRAPHS = 8  # sets of arrays whose graphs are kept


class Engine(engines.Engine):
    """The network as a list of PyTorch calls over the caller's memory."""

    package = "torch"
    devices = ("cpu", "fake", "cuda")
    rank = 1

    @classmethod
    def lacks(cls, where: Any) -> str:
        why = super().lacks(where)
        if why or not where.name.startswith("cuda"):
            return why
        import torch

        return "" if torch.cuda.is_available() else "the torch that is installed sees no GPU; see https://pytorch.org"

    def __enter__(self) -> Self:
        import torch

        from bgflow.models.operators import Program

        self._cuda = self.device.name.startswith("cuda")
        self.capturable = self.capturable and not self._cuda
        if self.precision == "auto":
            self.precision = "fp16" if self._cuda else "fp32"
        kinds = {"fp32": torch.float32, "bf16": torch.bfloat16}
        if self._cuda:  # on a CPU it is slower than fp32 by far
            kinds["fp16"] = torch.float16
        if self.precision not in kinds:
            where = "cuda" if self._cuda else "a cpu"
            raise DeviceError(f"torch computes in {', '.join(kinds)} on {where}, not in {self.precision}")
        network = settled(self.path, self.shape, self.ends)
        self._place = f"cuda:{self.device.name.partition(':')[2] or 0}" if self._cuda else "cpu"
        try:
            with torch.inference_mode():
                self._program = Program(nodes.decoded(network.data), kinds[self.precision], self._place)
        except ValueError as e:
            raise ModelError(f"{self.path}: torch cannot run it: {e}") from e
        if self.threads and not self._cuda:
            torch.set_num_threads(self.threads)
        self._torch = torch
        self.out_shape = network.mask_shape
        self._memory = engines.Memory(self.device, network.state_shapes)
        states = [[self._bind(a) for a in arrays] for arrays in self._memory.sets]
        self._states = [
            (
                dict(zip((before.name for before, _ in network.state), states[n], strict=True)),
                dict(zip((after.name for _, after in network.state), states[1 - n], strict=True)),
            )
            for n in range(2)
        ]
        self._names = network.picture.name, network.mask.name
        self._x, self._y = self._bindings(self._bind)
        self._graphs: dict[tuple[int, int, int], Any] = {}
        return self

    def _bind(self, array: Array) -> Any:
        with self._current():
            return self._torch.from_dlpack(array)

    @contextlib.contextmanager
    def _current(self, stream: int = 0) -> Iterator[None]:
        """Have PyTorch enqueue on our stream."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._torch.inference_mode())
            if self._cuda:
                ours = self._torch.cuda.ExternalStream(stream or self._stream(), self._place)
                stack.enter_context(self._torch.cuda.stream(ours))
            yield

    def _stream(self) -> int:
        found: list[int] = []
        self.device.enqueue(found.append)
        return found[0]

    def _enqueue(self, x: Array, out: Array) -> None:
        turn, ends = self._memory.now, (self._x(x), self._y(out))
        self.device.enqueue(lambda stream: self._run(stream, turn, *ends))

    def _run(self, stream: int, turn: int, x: Any, out: Any) -> None:
        with self._current(stream):
            if not self._cuda:
                self._compute(turn, x, out)
                return
            key = turn, x.data_ptr(), out.data_ptr()
            if key not in self._graphs:
                self._capture(key, turn, x, out)
            self._graphs[key].replay()

    def _capture(self, key: tuple[int, int, int], turn: int, x: Any, out: Any) -> None:
        for _ in range(WARM_UP):  # what they leave in the memory's other set is written again
            self._compute(turn, x, out)
        while len(self._graphs) >= GRAPHS:
            self._graphs.pop(next(iter(self._graphs)))
        self._graphs[key] = self._torch.cuda.CUDAGraph()
        ours = self._torch.cuda.current_stream()
        with self._torch.cuda.graph(self._graphs[key], stream=ours, capture_error_mode="thread_local"):
            self._compute(turn, x, out)

    def _compute(self, turn: int, x: Any, out: Any) -> None:
        old, new = self._states[turn]
        found = self._program({self._names[0]: x, **old})
        out.copy_(found[self._names[1]])
        for name, to in new.items():
            to.copy_(found[name])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self._program, self._graphs, self._states, self._x, self._y, self._memory
