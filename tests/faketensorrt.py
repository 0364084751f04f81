"""A pretended TensorRT: a few of its classes, with its names and arguments, which compute through ONNX Runtime.

It takes addresses of host memory, as the `fake` device has them. Whatever is not here raises when it is used, and
tests/test_tensorrt.py compares what is here with the signatures of NVIDIA's own Python bindings, so a call that passes
here exists there. TensorRT itself was not run: what it does with a network is not shown by this.
"""

from __future__ import annotations

import ctypes
import enum
import importlib.machinery
import math
import sys
import types
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from bgflow.engines import tensorrt as engine
from bgflow.models import nodes, settle

__version__ = "11.4.0.fake"
MAGIC = b"pretended plan "
UNKNOWN = "HardSwish"  # an operator that its parser refuses


class Strict:
    """Attributes that are not declared cannot be set either."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and not hasattr(type(self), name):
            raise AttributeError(f"{type(self).__name__} has no {name!r}")
        object.__setattr__(self, name, value)


class NetworkDefinitionCreationFlag(enum.IntEnum):
    STRONGLY_TYPED = 1


class BuilderFlag(enum.IntEnum):
    TF32 = 7


class MemoryPoolType(enum.IntEnum):
    WORKSPACE = 0


class ILogger:
    class Severity(enum.IntEnum):
        INTERNAL_ERROR = 0
        ERROR = 1
        WARNING = 2
        INFO = 3
        VERBOSE = 4

    def log(self, severity: Any, msg: str) -> None:
        raise NotImplementedError


class IProgressMonitor:
    def phase_start(self, phase_name: str, parent_phase: str, num_steps: int) -> None:
        raise NotImplementedError

    def step_complete(self, phase_name: str, step: int) -> bool:
        raise NotImplementedError

    def phase_finish(self, phase_name: str) -> None:
        raise NotImplementedError


class IHostMemory(bytes):
    """The real one has the buffer protocol, so that `bytes` takes it."""


class ITimingCache(Strict):
    def __init__(self, data: bytes):
        self._data = data

    def serialize(self) -> IHostMemory:
        return IHostMemory(b"timings " + self._data[8:] + b".")


class IBuilderConfig(Strict):
    progress_monitor: Any = None

    def __init__(self) -> None:
        self._pools: dict[Any, int] = {}
        self._flags = {BuilderFlag.TF32}
        self._timing: Any = None

    def set_memory_pool_limit(self, pool: MemoryPoolType, pool_size: int) -> None:
        self._pools[pool] = pool_size

    def clear_flag(self, flag: BuilderFlag) -> None:
        self._flags.discard(flag)

    def create_timing_cache(self, serialized_timing_cache: bytes) -> Any:
        good = serialized_timing_cache == b"" or serialized_timing_cache.startswith(b"timings ")
        return ITimingCache(serialized_timing_cache) if good else None

    def set_timing_cache(self, cache: Any, ignore_mismatch: bool) -> bool:
        self._timing = cache
        return True

    def get_timing_cache(self) -> Any:
        return self._timing


class INetworkDefinition(Strict):
    def __init__(self, flags: int):
        self._typed = bool(flags & 1 << NetworkDefinitionCreationFlag.STRONGLY_TYPED)
        self._data = b""


class ParserError(Strict):
    def __init__(self, node: nodes.Node | None, text: str):
        self._node, self._text = node, text

    def node_operator(self) -> str:
        return self._node.op if self._node else ""

    def node_name(self) -> str:
        return self._node.name or self._node.outputs[0] if self._node else ""

    def desc(self) -> str:
        return self._text


class OnnxParser(Strict):
    def __init__(self, network: INetworkDefinition, logger: ILogger):
        self._network, self._found = network, list[ParserError]()

    num_errors = property(lambda self: len(self._found))

    def parse(self, model: bytes, path: str | None = None) -> bool:
        for node in nodes.decoded(model).nodes:
            if node.op == UNKNOWN:
                self._found.append(ParserError(node, "there is no importer for this operator"))
        self._network._data = bytes(model)
        return not self._found

    def get_error(self, index: int) -> ParserError:
        return self._found[index]


class Builder(Strict):
    builds = 0  # of this process, for the tests

    def __init__(self, logger: ILogger):
        self._logger = logger

    def create_network(self, flags: int = 0) -> INetworkDefinition:
        return INetworkDefinition(flags)

    def create_builder_config(self) -> IBuilderConfig:
        return IBuilderConfig()

    def build_serialized_network(self, network: INetworkDefinition, config: IBuilderConfig) -> IHostMemory | None:
        assert network._typed
        assert not config._flags
        assert MemoryPoolType.WORKSPACE in config._pools
        Builder.builds += 1
        monitor = config.progress_monitor
        monitor.phase_start("Building", "", 2)
        for step in range(2):
            assert monitor.step_complete("Building", step)
        monitor.phase_finish("Building")
        try:
            settle.session(network._data)
        except Exception as e:
            self._logger.log(ILogger.Severity.ERROR, str(e))
            return None
        return IHostMemory(MAGIC + __version__.encode() + b"\n" + network._data)


class IExecutionContext(Strict):
    def __init__(self, net: ICudaEngine):
        self._net = net
        self._at: dict[str, int] = {}
        self._sets = 0

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self._at[name] = memory
        self._sets += 1
        return name in self._net._shapes

    def execute_async_v3(self, stream_handle: int) -> bool:
        assert stream_handle == 0  # the fake device's
        ends = self._net._session
        feed = {t.name: self._view(t.name) for t in ends.get_inputs()}
        wanted = [t.name for t in ends.get_outputs()]
        for name, array in zip(wanted, ends.run(wanted, feed), strict=True):
            self._view(name)[...] = array
        return True

    def _view(self, name: str) -> Any:
        shape = self._net._shapes[name]
        raw = (ctypes.c_float * math.prod(shape)).from_address(self._at[name])
        return np.ctypeslib.as_array(raw).reshape(shape)


class ICudaEngine(Strict):
    def __init__(self, data: bytes):
        self._session = settle.session(data)
        ends = [*self._session.get_inputs(), *self._session.get_outputs()]
        self._shapes = {t.name: tuple(t.shape) for t in ends}

    def create_execution_context(self) -> IExecutionContext:
        return IExecutionContext(self)

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return self._shapes[name]


class Runtime(Strict):
    def __init__(self, logger: ILogger):
        self._logger = logger

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> ICudaEngine | None:
        head, _, data = bytes(serialized_engine).partition(b"\n")
        if head != MAGIC + __version__.encode():
            self._logger.log(ILogger.Severity.ERROR, "the plan is of another version")
            return None
        return ICudaEngine(data)


PRETENDED = (
    NetworkDefinitionCreationFlag, BuilderFlag, MemoryPoolType, ILogger, IProgressMonitor, IHostMemory, ITimingCache,
    IBuilderConfig, INetworkDefinition, ParserError, OnnxParser, Builder, IExecutionContext, ICudaEngine, Runtime,
)  # fmt: skip


def installed() -> Iterator[types.ModuleType]:
    """Have it instead of TensorRT, for arrays of the `fake` device, on a card that does not exist."""
    with pytest.MonkeyPatch.context() as patch:
        module = types.ModuleType("tensorrt")
        module.__spec__ = importlib.machinery.ModuleSpec("tensorrt", None)
        for made in PRETENDED:
            setattr(module, made.__name__, made)
        module.__version__ = __version__  # type: ignore[attr-defined]
        patch.setitem(sys.modules, "tensorrt", module)
        patch.setattr(engine.Engine, "devices", ("cuda", "fake"))
        patch.setattr(engine, "card", lambda where: engine.Card("Pretended GPU", "9.0", "580"))
        yield module
