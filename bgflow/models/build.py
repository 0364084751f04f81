"""Build a TensorRT plan from ONNX: strongly typed, so that the ONNX itself says which precision is where.

`tensorrt` is passed in, because importing it takes a second, and may fail. Only names of TensorRT 10 and 11 are used;
a test compares them with the Python bindings'.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from bgflow.engines import Told
from bgflow.errors import DeviceError, ModelError
from bgflow.models import plans

WORKSPACE = 2 << 30
"""Bytes that TensorRT may use besides the network's own while it tries out and runs its algorithms."""
log = logging.getLogger("bgflow.tensorrt")


def plan(trt: Any, data: bytes, *, name: str, timing: Path, told: Told, workspace: int = WORKSPACE) -> bytes:
    """The plan of a settled network for the current GPU; `timing` is a file that makes the next build quicker.

    Raises:
        ModelError: TensorRT has not an operator or cannot build the network; names the layer.
        DeviceError: TensorRT finds no GPU.
    """
    logger = logger_of(trt)
    builder = started(trt.Builder, logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(data):
        raise ModelError(f"{name}: tensorrt does not take it: {_errors(parser) or logger.said}")
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, workspace)
    config.clear_flag(trt.BuilderFlag.TF32)  # fp32 is to mean fp32
    config.progress_monitor = _monitor(trt, told)
    cache = config.create_timing_cache(timing.read_bytes() if timing.is_file() else b"")
    if not cache or not config.set_timing_cache(cache, False):  # of another version, or damaged
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, False)
    built = builder.build_serialized_network(network, config)
    if built is None:
        raise ModelError(f"{name}: tensorrt cannot build it: {logger.said or 'it does not say why'}")
    if measured := config.get_timing_cache():
        plans.write(timing, bytes(measured.serialize()))
    return bytes(built)


def started(make: Any, logger: Any) -> Any:
    """`tensorrt.Builder` or `tensorrt.Runtime` with this logger; raises DeviceError where there is no GPU for it."""
    try:
        return make(logger)
    except TypeError as e:  # what its Python bindings make of a factory that gives nothing
        raise DeviceError(f"tensorrt cannot start: {logger.said or e}") from e


def logger_of(trt: Any) -> Any:
    """TensorRT's messages in Python's log; `said` is the last error."""

    class Logger(trt.ILogger):  # type: ignore[misc]
        said = ""

        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, msg: str) -> None:
            worst = severity in (trt.ILogger.Severity.INTERNAL_ERROR, trt.ILogger.Severity.ERROR)
            if worst:
                self.said = msg.strip().splitlines()[-1] if msg.strip() else self.said
            level = logging.WARNING if worst or severity == trt.ILogger.Severity.WARNING else logging.DEBUG
            log.log(level, "%s", msg)

    return Logger()


def _monitor(trt: Any, told: Told) -> Any:
    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.steps: dict[str, int] = {}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self.steps[phase_name] = num_steps
            told(phase_name, 0, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            told(phase_name, step + 1, self.steps[phase_name])
            return True  # go on

        def phase_finish(self, phase_name: str) -> None:
            total = self.steps.pop(phase_name, 0)
            told(phase_name, total, total)

    return Monitor()


def _errors(parser: Any) -> str:
    """What the parser did not like, with its layers."""
    found = []
    for n in range(parser.num_errors):
        error = parser.get_error(n)
        layer = f"{error.node_operator()} {error.node_name()!r}: " if error.node_operator() else ""
        found.append(layer + error.desc().strip().replace("\n", " "))
    return "; ".join(found)
