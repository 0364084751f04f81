"""Enlargements of a single channel as two matrix products, which OpenVINO computes several times as fast.

Linear interpolation is R x C: each row of R says which two rows of the map a row of the result lies between, and how
near to each; C says the same of columns. OpenVINO's own operator works on 16 channels at a time, of which a map of one
leaves 15 idle: of U²-Netp's time in int8 the five side maps that are enlarged to 320x320 took 6 %.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Values = np.ndarray[Any, np.dtype[np.float32]]
LINEAR = ("linear", "linear_onnx")
CENTRED = ("half_pixel", "pytorch_half_pixel")


def by_products(model: Any) -> Any:
    """The model with every such enlargement replaced by products, under the same name; changed in place."""
    from openvino import opset13

    for node in model.get_ordered_ops():
        if node.get_type_name() != "Interpolate" or not _fits(node):
            continue
        given = node.input_value(0)
        (small, narrow), (tall, wide) = list(given.shape)[2:], list(node.output(0).shape)[2:]
        rows, columns = opset13.constant(weights(small, tall)), opset13.constant(weights(narrow, wide).T.copy())
        made = opset13.matmul(opset13.matmul(rows, given, False, False), columns, False, False)
        made.set_friendly_name(node.get_friendly_name())  # by which ranges are kept
        for reader in list(node.output(0).get_target_inputs()):
            reader.replace_source_output(made.output(0))
    model.validate_nodes_and_infer_types()
    return model


def weights(small: int, large: int) -> Values:
    """How much each of `small` samples counts in each of `large`, f32[large,small]; the centre of n is at n + 0.5."""
    at = np.clip((np.arange(large) + 0.5) * small / large - 0.5, 0, small - 1)
    near: Values = np.maximum(1 - np.abs(at[:, None] - np.arange(small)), 0).astype(np.float32)
    return near


def _fits(node: Any) -> bool:
    how = node.get_attributes()
    if how["mode"] not in LINEAR or how["coordinate_transformation_mode"] not in CENTRED:
        return False
    if how["shape_calculation_mode"] != "sizes" or any(how["pads_begin"]) or any(how["pads_end"]):
        return False
    before, after = list(node.input_value(0).shape), list(node.output(0).shape)
    return len(before) == 4 and before[1] == 1 and before[:2] == after[:2] and all(map(int.__le__, before, after))
