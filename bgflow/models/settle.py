"""Fix everything about a network that a run will not change, and let what follows from that fall away.

The picture's size and the constants are written in, other outputs are dropped, and ONNX Runtime folds what is computed
from shapes: of the 1,055 nodes of U²-Net 365 are left, all of which work on pictures. The result is standard ONNX with
every shape known, which TensorRT builds fastest and `bgflow.engines.torch` can run without looking at a value.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bgflow.errors import ModelError
from bgflow.models import nodes
from bgflow.models.ends import Ends, Network, read
from bgflow.models.nodes import Graph, Weight
from bgflow.models.onnx import Shape, Tensor


@dataclass(frozen=True)
class Settled:
    """A network as ONNX of one shape: the picture's name, the mask, and the state's inputs with their outputs."""

    data: bytes
    picture: Tensor
    mask: Tensor
    state: tuple[tuple[Tensor, Tensor], ...]

    @property
    def mask_shape(self) -> tuple[int, ...]:
        """The shape of the mask."""
        return _known(self.mask.shape)

    @property
    def state_shapes(self) -> list[tuple[int, ...]]:
        """The shapes of the memory, in the order of `state`."""
        return [_known(after.shape) for _, after in self.state]


def settled(path: Path, shape: tuple[int, ...], ends: Ends) -> Settled:
    """The network at `path` for pictures of `shape`.

    Raises:
        ModelError: the file cannot be read, has not these ends, or cannot take this shape.
    """
    network = read(path, shape, ends)
    try:
        graph = _with_constants(nodes.decoded(network.data), network)
        sizes = {before.name: tuple(n or 1 for n in before.shape) for before, _ in network.state}
        for _ in range(2 if sizes else 1):  # once with free dims of the state at 1, then with what it grows to
            fixed = _reshaped(graph, {network.picture.name: shape, **sizes})
            found = _shapes(fixed)
            sizes = {before.name: found[after.name] for before, after in network.state}
        outputs = {t.name: Tensor(t.name, t.element, found[t.name]) for t in fixed.outputs}
        fixed.outputs = list(outputs.values())
        data = _folded(fixed.encoded())
    except Exception as e:  # ONNX Runtime's exceptions share no narrower base
        why = str(e).strip().splitlines()[-1]
        raise ModelError(f"{path}: cannot run with an input of {list(shape)}: {why}") from e
    inputs = {t.name: t for t in fixed.inputs}
    return Settled(
        data,
        inputs[network.picture.name],
        outputs[network.mask.name],
        tuple((inputs[before.name], outputs[after.name]) for before, after in network.state),
    )


def session(data: bytes, **options: Any) -> Any:
    """An ONNX Runtime session on the CPU, quiet."""
    import onnxruntime

    made = onnxruntime.SessionOptions()
    made.log_severity_level = 3  # errors only
    for name, value in options.items():
        setattr(made, name, value)
    return onnxruntime.InferenceSession(data, made, providers=["CPUExecutionProvider"])


def _with_constants(graph: Graph, network: Network) -> Graph:
    """Constants become weights; outputs that nobody asked for go, and with them the nodes that they alone need."""
    graph.weights |= {name: Weight.of(array) for name, array in network.constants}
    graph.inputs = [t for t in graph.inputs if t.name not in graph.weights]
    wanted = {network.mask.name, *(after.name for _, after in network.state)}
    graph.outputs = [t for t in graph.outputs if t.name in wanted]
    needed, kept = set(wanted), []
    for node in reversed(graph.nodes):
        if needed & set(node.outputs):
            kept.append(node)
            needed |= set(node.inputs)
    graph.nodes = kept[::-1]
    graph.weights = {name: w for name, w in graph.weights.items() if name in needed}
    return graph


def _reshaped(graph: Graph, shapes: Mapping[str, tuple[int, ...]]) -> Graph:
    inputs = [Tensor(t.name, t.element, shapes.get(t.name, t.shape)) for t in graph.inputs]
    outputs = [Tensor(t.name, t.element, (None,)) for t in graph.outputs]  # follows from the inputs
    return Graph(graph.nodes, graph.weights, inputs, outputs, graph.opset)


def _shapes(graph: Graph) -> dict[str, tuple[int, ...]]:
    """The shapes of the outputs, which only a run may tell: on a black picture and an empty memory."""
    import onnxruntime

    run = session(graph.encoded(), graph_optimization_level=onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL)
    said = {t.name: t.shape for t in run.get_outputs()}
    if all(shape and all(isinstance(n, int) for n in shape) for shape in said.values()):  # [] is an unknown rank
        return {name: tuple(shape) for name, shape in said.items()}
    feed = {t.name: np.zeros(_known(t.shape), np.float32) for t in graph.inputs}
    return {name: a.shape for name, a in zip(said, run.run(list(said), feed), strict=True)}


def _folded(data: bytes) -> bytes:
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "folded.onnx"
        level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC  # above it, operators are ONNX Runtime's own
        session(data, graph_optimization_level=level, optimized_model_filepath=str(file))
        return file.read_bytes()


def _known(shape: Shape) -> tuple[int, ...]:
    return tuple(n for n in shape if n is not None)
