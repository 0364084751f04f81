"""A network of PyTorch modules written as ONNX, and held against the module that it was.

PyTorch's own exporter needs two more packages; the six operators that the plate network is made of are a line each.
Batch norms are folded into the convolutions before them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from bgflow.errors import ModelError
from bgflow.models.nodes import FLOAT, Graph, Node, Weight
from bgflow.models.onnx import Shape, Tensor
from bgflow.models.settle import session

OPSET = 13
APART = 1e-4
"""How far the answers of file and module may be apart."""


class Writer:
    """Builds a graph; every method adds an operator and returns the name of its result."""

    def __init__(self, name: str, shape: Shape):
        self.graph = Graph([], {}, [Tensor(name, FLOAT, shape)], [], OPSET)

    def node(self, op: str, *inputs: str, outputs: int = 1, **attributes: Any) -> list[str]:
        """Any operator."""
        base = f"{op.lower()}{len(self.graph.nodes)}"
        names = [base] if outputs == 1 else [f"{base}_{n}" for n in range(outputs)]
        self.graph.nodes.append(Node(op, list(inputs), names, attributes, base))
        return names

    def weight(self, name: str, values: Any) -> str:
        """A constant."""
        self.graph.weights[name] = Weight.of(np.ascontiguousarray(values))
        return name

    def conv(self, x: str, layer: Any, norm: Any = None) -> str:
        """A convolution, transposed or not, and the batch norm behind it."""
        weight, bias = folded(layer, norm)
        base = f"w{len(self.graph.weights)}"
        names = self.weight(base, weight.numpy()), self.weight(f"{base}b", bias.numpy())
        attributes: dict[str, Any] = {
            "kernel_shape": list(layer.kernel_size),
            "strides": list(layer.stride),
            "pads": [*layer.padding] * 2,
            "group": layer.groups,
        }
        op = "ConvTranspose" if isinstance(layer, nn.ConvTranspose2d) else "Conv"
        return self.node(op, x, *names, **attributes)[0]

    def relu(self, x: str) -> str:
        return self.node("Relu", x)[0]

    def concat(self, *parts: str, axis: int = 1) -> str:
        return self.node("Concat", *parts, axis=axis)[0]

    def halves(self, x: str, axis: int) -> list[str]:
        """The two halves of a tensor."""
        return self.node("Split", x, outputs=2, axis=axis)

    def twice(self, x: str) -> str:
        """Twice as high and wide."""
        scales = self.weight("twice", np.array([1, 1, 2, 2], np.float32))
        how: dict[str, Any] = {"mode": b"linear", "coordinate_transformation_mode": b"half_pixel"}
        return self.node("Resize", x, "", scales, **how)[0]

    def save(self, file: Path, answer: str, name: str, shape: Shape) -> None:
        """Write the file; `answer` becomes the output `name`."""
        self.graph.nodes.append(Node("Sigmoid", [answer], [name], {}, name))
        self.graph.outputs = [Tensor(name, FLOAT, shape)]
        file.write_bytes(self.graph.encoded())


def folded(layer: Any, norm: Any) -> tuple[Any, Any]:
    """Weight and bias of a convolution with its batch norm in them."""
    weight = layer.weight.detach()
    bias = torch.zeros(layer.out_channels) if layer.bias is None else layer.bias.detach()
    if norm is None:
        return weight, bias
    scale = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
    return weight * scale[:, None, None, None], (bias - norm.running_mean) * scale + norm.bias.detach()


def verified(file: Path, answer: Any, x: Any) -> float:
    """How far what a file says of `x` in ONNX Runtime is from `answer`, at most; ModelError when that is too far."""
    run = session(file.read_bytes())
    found = run.run([run.get_outputs()[0].name], {run.get_inputs()[0].name: x.numpy()})[0]
    apart = float(np.abs(found - answer.numpy()).max())
    if not apart <= APART:
        raise ModelError(f"{file}: differs from what was trained by {apart:.2g}; at most {APART:g} is right")
    return apart
