"""Writes the network by which the service finds out whether INT8 sums saturate on its CPU.

    python -m regrade.training.export.saturation_probe

Every weight is the largest there is, and so is every activation that it is run on: a pair of products is 64,770, about
twice what 16 bits hold. The layers are those of the shipped networks: a pointwise, a dense and a depthwise convolution,
and a matrix product. The convolutions are scaled so that the true sum is 200 of 255; a saturated one is about 101.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper

from regrade.models.networks.arithmetic import EXPECTED, PROBE

CHANNELS: Final = 32
LARGEST: Final = 255 * 127


def build() -> bytes:
    """The network: inputs `x`, uint8 (1, 32, 4, 4), and `rows`, uint8 (4, 32); outputs as in `EXPECTED`."""
    initializers: list[onnx.TensorProto] = []

    def constant(name: str, value: ArrayLike) -> str:
        initializers.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def convolution(name: str, side: int, inputs: int, group: int = 1) -> onnx.NodeProto:
        terms = inputs * side * side
        given = ["x", constant(f"{name}_x_scale", np.float32(1)), constant(f"{name}_x_zero", np.uint8(0))]
        weights = np.full((CHANNELS, inputs, side, side), 127, np.int8)
        given += [constant(f"{name}_w", weights), constant(f"{name}_w_scale", np.float32(1))]
        given += [constant(f"{name}_w_zero", np.int8(0))]
        given += [constant(f"{name}_y_scale", np.float32(LARGEST * terms / EXPECTED[name]))]
        given += [constant(f"{name}_y_zero", np.uint8(0))]
        return helper.make_node("QLinearConv", given, [name], group=group)

    nodes = [
        convolution("pointwise", 1, CHANNELS),
        convolution("dense", 3, CHANNELS),
        convolution("depthwise", 3, 1, CHANNELS),
        helper.make_node(
            "MatMulInteger", ["rows", constant("matmul_w", np.full((CHANNELS, 16), 127, np.int8))], ["matmul"]
        ),
    ]
    inputs = [_value("x", TensorProto.UINT8, (1, CHANNELS, 4, 4)), _value("rows", TensorProto.UINT8, (4, CHANNELS))]
    outputs = [
        _value("pointwise", TensorProto.UINT8, (1, CHANNELS, 4, 4)),
        _value("dense", TensorProto.UINT8, (1, CHANNELS, 2, 2)),
        _value("depthwise", TensorProto.UINT8, (1, CHANNELS, 2, 2)),
        _value("matmul", TensorProto.INT32, (4, 16)),
    ]
    graph = helper.make_graph(nodes, "saturation_probe", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _value(name: str, kind: int, shape: Sequence[int]) -> Any:
    return helper.make_tensor_value_info(name, kind, list(shape))


if __name__ == "__main__":
    PROBE.write_bytes(build())
