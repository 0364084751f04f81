"""The ONNX operators of bgflow's networks as PyTorch calls: https://onnx.ai/onnx/operators

A network is settled first (`bgflow.models.settle`), so sizes, steps and axes are numbers that are known before it runs,
and nothing looks at a value of the device while it does. An operator or an attribute that is not here is a ValueError
that names the layer.
"""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from bgflow.models.nodes import BFLOAT, Graph, Node, Weight

Values = dict[str, torch.Tensor]
Call = Callable[..., torch.Tensor | tuple[torch.Tensor, ...]]
Make = Callable[[Node, "Known"], tuple[Call, list[str]]]

BY_NAME: dict[str, Make] = {}


class Known:
    """The weights of a graph as a maker of operators reads them."""

    def __init__(self, graph: Graph):
        self.weights = graph.weights
        self.opset = graph.opset

    def numbers(self, node: Node, place: int) -> list[Any] | None:
        """The values of an input that is a weight; None where it is left out or empty."""
        name = node.inputs[place] if place < len(node.inputs) else ""
        if not name:
            return None
        if name not in self.weights:
            raise ValueError(f"{node} computes its input {name!r} while it runs")
        found: list[Any] = self.weights[name].values.reshape(-1).tolist()
        return found or None


class Program:
    """A graph of ONNX as a list of calls; what nobody needs any more is let go after each."""

    def __init__(self, graph: Graph, kind: torch.dtype, place: str):
        known = Known(graph)
        self.outputs = [t.name for t in graph.outputs]
        self.kind = kind
        self.steps: list[tuple[Call, list[str], list[str], list[str]]] = []
        for node in graph.nodes:
            if node.op not in BY_NAME or node.domain:
                raise ValueError(f"there is no {node.domain + '.' if node.domain else ''}{node}")
            call, inputs = BY_NAME[node.op](node, known)
            self.steps.append((call, inputs, node.outputs, []))
        used = {name for _, inputs, _, _ in self.steps for name in inputs}
        self.weights = {n: _tensor(w, kind, place) for n, w in graph.weights.items() if n in used}
        seen = {*self.outputs, *self.weights}
        for _, inputs, _, last in reversed(self.steps):
            last += [name for name in inputs if name not in seen]
            seen.update(inputs)

    def __call__(self, inputs: Mapping[str, torch.Tensor]) -> Values:
        """The outputs by name, for f32 inputs by name."""
        values = {**self.weights, **{name: x.to(self.kind) for name, x in inputs.items()}}
        for call, needed, outputs, last in self.steps:
            found = call(*(values[name] if name else None for name in needed))
            if isinstance(found, torch.Tensor):
                values[outputs[0]] = found
            else:
                values.update(zip(outputs, found, strict=False))
            for name in last:
                values.pop(name, None)
        return {name: values[name] for name in self.outputs}


def _tensor(weight: Weight, kind: torch.dtype, place: str) -> torch.Tensor:
    tensor = torch.from_numpy(np.array(weight.values))
    if weight.element == BFLOAT:
        tensor = tensor.view(torch.bfloat16)
    return tensor.to(place, kind) if tensor.is_floating_point() else tensor.to(place)


def operator(*names: str) -> Callable[[Make], Make]:
    """These ONNX operators are made by this function, which gives a call and the names of what it takes."""

    def wrap(make: Make) -> Make:
        BY_NAME.update(dict.fromkeys(names, make))
        return make

    return wrap


def plain(name: str, call: Call) -> None:
    """An operator without attributes that matter."""
    BY_NAME[name] = lambda node, known: (call, node.inputs)


plain("Add", torch.add)
plain("Sub", torch.sub)
plain("Mul", torch.mul)
plain("Div", torch.div)
plain("MatMul", torch.matmul)
plain("Abs", torch.abs)
plain("Relu", torch.relu)
plain("Sigmoid", torch.sigmoid)
plain("Tanh", torch.tanh)
plain("HardSwish", F.hardswish)
plain("Identity", lambda x: x)
plain("GlobalAveragePool", lambda x: x.mean(tuple(range(2, x.ndim)), keepdim=True))


def _pads(node: Node, rank: int) -> tuple[list[int], list[int]]:
    """What is put before and after each axis of the picture."""
    how = node.attributes.get("auto_pad", b"NOTSET")
    if how not in (b"NOTSET", b"VALID"):
        raise ValueError(f"{node} pads by {how.decode()}")
    pads = node.attributes.get("pads", []) or [0] * 2 * rank
    return pads[:rank], pads[rank:]


def _around(pads: tuple[list[int], list[int]]) -> list[int]:
    """The same in PyTorch's order: the last axis first."""
    return [n for pair in zip(pads[0][::-1], pads[1][::-1], strict=True) for n in pair]


@operator("Conv")
def _conv(node: Node, known: Known) -> tuple[Call, list[str]]:
    a = node.attributes
    rank = len(a.get("kernel_shape", (0, 0)))
    stride, dilation = a.get("strides", [1] * rank), a.get("dilations", [1] * rank)
    call, groups = (F.conv1d, F.conv2d, F.conv3d)[rank - 1], a.get("group", 1)
    if a.get("auto_pad") == b"SAME_UPPER":

        def same(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor | None = None) -> torch.Tensor:
            shapes = zip(x.shape[2:], w.shape[2:], stride, dilation, strict=True)
            total = [max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0) for n, k, s, d in shapes]
            around = _around(([n // 2 for n in total], [n - n // 2 for n in total]))
            return call(F.pad(x, around), w, b, stride, 0, dilation, groups)

        return same, node.inputs
    pads = _pads(node, rank)
    if pads[0] == pads[1]:
        return lambda x, w, b=None: call(x, w, b, stride, pads[0], dilation, groups), node.inputs
    around = _around(pads)
    return lambda x, w, b=None: call(F.pad(x, around), w, b, stride, 0, dilation, groups), node.inputs


@operator("ConvTranspose")
def _conv_transpose(node: Node, known: Known) -> tuple[Call, list[str]]:
    a = node.attributes
    before, after = _pads(node, 2)
    extra = a.get("output_padding", [0, 0])
    if before != after or "output_shape" in a:
        raise ValueError(f"{node} pads unevenly")
    stride, dilation, groups = a.get("strides", [1, 1]), a.get("dilations", [1, 1]), a.get("group", 1)
    return lambda x, w, b=None: F.conv_transpose2d(x, w, b, stride, before, extra, groups, dilation), node.inputs


@operator("MaxPool")
def _max_pool(node: Node, known: Known) -> tuple[Call, list[str]]:
    a = node.attributes
    size, pads = a["kernel_shape"], _pads(node, 2)
    stride, dilation, ceil = a.get("strides", [1, 1]), a.get("dilations", [1, 1]), bool(a.get("ceil_mode", 0))
    if pads[0] == pads[1]:
        return lambda x: F.max_pool2d(x, size, stride, pads[0], dilation, ceil), node.inputs
    around = _around(pads)
    return lambda x: F.max_pool2d(F.pad(x, around, value=-torch.inf), size, stride, 0, dilation, ceil), node.inputs


@operator("AveragePool")
def _average_pool(node: Node, known: Known) -> tuple[Call, list[str]]:
    a = node.attributes
    before, after = _pads(node, 2)
    if before != after:
        raise ValueError(f"{node} pads unevenly")
    size, stride, ceil = a["kernel_shape"], a.get("strides", [1, 1]), bool(a.get("ceil_mode", 0))
    padded = bool(a.get("count_include_pad", 0))
    return lambda x: F.avg_pool2d(x, size, stride, before, ceil, padded), node.inputs


@operator("Clip")
def _clip(node: Node, known: Known) -> tuple[Call, list[str]]:
    if "min" in node.attributes or "max" in node.attributes:  # before opset 11
        low, high = node.attributes.get("min"), node.attributes.get("max")
    else:
        low, high = ((known.numbers(node, n) or [None])[0] for n in (1, 2))
    return lambda x: torch.clamp(x, low, high), node.inputs[:1]


@operator("HardSigmoid")
def _hard_sigmoid(node: Node, known: Known) -> tuple[Call, list[str]]:
    alpha, beta = node.attributes.get("alpha", 0.2), node.attributes.get("beta", 0.5)
    return lambda x: torch.clamp(x * alpha + beta, 0, 1), node.inputs


@operator("Softmax")
def _softmax(node: Node, known: Known) -> tuple[Call, list[str]]:
    if known.opset < 13:
        raise ValueError(f"{node} is of opset {known.opset}, which flattens its axes; 13 or newer is known")
    axis = node.attributes.get("axis", -1)
    return lambda x: torch.softmax(x, axis), node.inputs


@operator("Concat")
def _concat(node: Node, known: Known) -> tuple[Call, list[str]]:
    axis = node.attributes["axis"]
    return lambda *parts: torch.cat(parts, axis), node.inputs


@operator("Split")
def _split(node: Node, known: Known) -> tuple[Call, list[str]]:
    axis, count = node.attributes.get("axis", 0), len(node.outputs)
    sizes = node.attributes.get("split") or known.numbers(node, 1)
    if sizes:
        return lambda x: x.split(sizes, axis), node.inputs[:1]
    return lambda x: x.split(-(-x.shape[axis] // count), axis), node.inputs[:1]


@operator("Slice")
def _slice(node: Node, known: Known) -> tuple[Call, list[str]]:
    starts, ends = known.numbers(node, 1) or [], known.numbers(node, 2) or []
    axes = known.numbers(node, 3) or list(range(len(starts)))
    steps = known.numbers(node, 4) or [1] * len(starts)
    if min(steps) < 1:
        raise ValueError(f"{node} goes backwards")

    def call(x: torch.Tensor) -> torch.Tensor:
        index = [slice(None)] * x.ndim
        for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
            index[axis] = slice(start, end, step)
        return x[tuple(index)]

    return call, node.inputs[:1]


@operator("Reshape")
def _reshape(node: Node, known: Known) -> tuple[Call, list[str]]:
    wanted = known.numbers(node, 1) or []
    return lambda x: x.reshape([x.shape[n] if size == 0 else size for n, size in enumerate(wanted)]), node.inputs[:1]


@operator("Expand")
def _expand(node: Node, known: Known) -> tuple[Call, list[str]]:
    wanted = known.numbers(node, 1) or []
    return lambda x: x.expand(torch.broadcast_shapes(x.shape, tuple(wanted))), node.inputs[:1]


@operator("Transpose")
def _transpose(node: Node, known: Known) -> tuple[Call, list[str]]:
    order = node.attributes.get("perm")
    return lambda x: x.permute(order or tuple(range(x.ndim))[::-1]), node.inputs


@operator("ReduceMean", "ReduceMax")
def _reduce(node: Node, known: Known) -> tuple[Call, list[str]]:
    axes = node.attributes.get("axes") or known.numbers(node, 1)
    keep = bool(node.attributes.get("keepdims", 1))
    take = torch.mean if node.op == "ReduceMean" else torch.amax
    return lambda x: take(x, tuple(axes or range(x.ndim)), keepdim=keep), node.inputs[:1]


@operator("BatchNormalization")
def _batch_normalization(node: Node, known: Known) -> tuple[Call, list[str]]:
    epsilon = node.attributes.get("epsilon", 1e-5)
    return lambda x, scale, shift, mean, var: F.batch_norm(x, mean, var, scale, shift, eps=epsilon), node.inputs


@operator("InstanceNormalization")
def _instance_normalization(node: Node, known: Known) -> tuple[Call, list[str]]:
    epsilon = node.attributes.get("epsilon", 1e-5)
    return lambda x, scale, shift: F.instance_norm(x, weight=scale, bias=shift, eps=epsilon), node.inputs


@operator("Resize")
def _resize(node: Node, known: Known) -> tuple[Call, list[str]]:
    a = node.attributes
    mode, where = a.get("mode", b"nearest"), a.get("coordinate_transformation_mode", b"half_pixel")
    scales, sizes = known.numbers(node, 2), known.numbers(node, 3)
    kind: dict[str, Any]
    if mode == b"linear" and where in (b"half_pixel", b"pytorch_half_pixel"):
        kind = {"mode": "bilinear", "align_corners": False}
    elif mode == b"linear" and where == b"align_corners":
        kind = {"mode": "bilinear", "align_corners": True}
    elif mode == b"nearest" and where == b"asymmetric" and a.get("nearest_mode") == b"floor":
        kind = {"mode": "nearest"}
    else:
        raise ValueError(f"{node} resizes by {mode.decode()}, {where.decode()}")

    def call(x: torch.Tensor) -> torch.Tensor:
        if sizes:
            return F.interpolate(x, size=sizes[2:], **kind)
        assert scales
        size = [int(n * s) for n, s in zip(x.shape[2:], scales[2:], strict=True)]
        return F.interpolate(x, size=size, scale_factor=None, **kind)

    return call, node.inputs[:1]
