"""How fast the processor multiplies: a large matrix product through OpenVINO; and how much a network multiplies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bgflow.engines.openvino import TYPES, core
from bgflow.errors import DeviceError
from bgflow.models.ends import read
from bgflow.models.layout import Layout

SIDE = 2048  # of the square matrices: 16 MiB each in fp32, and so long a product that its start does not count
PIXELS = {"Convolution", "GroupConvolution"}  # their weights are applied at each pixel of the output
Host = np.ndarray[Any, Any]


def operations(side: int) -> int:
    """Of one product: a multiplication and an addition count as two."""
    return 2 * side**3


def product(precision: str, side: int = SIDE) -> Callable[[], Any]:
    """Multiplies a matrix by a constant one; raises ImportError without OpenVINO, DeviceError without the precision."""
    import openvino
    from openvino import opset13

    runtime = core()
    if precision.upper() not in runtime.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise DeviceError(f"openvino does not compute in {precision} on this cpu")
    x = opset13.parameter([side, side], np.float32)
    weights = opset13.constant(np.random.default_rng(0).uniform(-1, 1, (side, side)).astype(np.float32))
    factors = [x, weights]
    if precision == "int8":
        factors = [_bytes(x, 0, 1, 256), _bytes(weights, -1, 1, 255)]
    found = opset13.matmul(*factors, False, True)
    model = openvino.Model([opset13.reduce_max(found, opset13.constant(np.array([0, 1], np.int64)))], [x])
    options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": TYPES[precision], "ENABLE_CPU_PINNING": False}
    request = runtime.compile_model(model, "CPU", options).create_infer_request()
    request.set_input_tensor(openvino.Tensor(np.full((side, side), 0.5, np.float32)))
    return lambda: request.infer(share_outputs=True)


def network_operations(layout: Layout, path: Any, height: int, width: int) -> int:
    """Of one picture: those of its convolutions."""
    shape = layout.shape(height, width)
    model = core().read_model(read(path, shape, layout.ends(height, width)).data)
    model.reshape({0: list(shape)})
    total = 0
    for node in model.get_ops():
        if node.get_type_name() in PIXELS:
            weights = list(node.input_value(1).get_shape())
            channels = 2 if node.get_type_name() == "GroupConvolution" else 1
            total += 2 * int(np.prod(node.output(0).get_shape())) * int(np.prod(weights[channels:]))
    return total


def _bytes(node: Any, low: float, high: float, levels: int) -> Any:
    from openvino import opset13

    ends = [opset13.constant(np.float32(end)) for end in (low, high, low, high)]
    return opset13.fake_quantize(node, *ends, levels)
