"""Linear heads as ONNX, so that every trained number that serving uses lies in one checked file."""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from regrade.training.data.pictures import LOCAL_TYPES
from regrade.training.export.onnx_files import OPSET
from regrade.training.fit.heads import LinearHead


def head_onnx(classes: LinearHead, peaks: Sequence[int] = ()) -> bytes:
    """One ONNX file for a category's heads.

    Inputs: `features` (n, D) and, with `peaks`, `map` (n, types, h, w), logits by place. Outputs: `class_logits`
    (n, k); and, for the defects in the channels `peaks` of the map, `defect_logits` (n, t), their peaks among the
    features, which end with one peak a channel, and `defect_maps` (n, t, h, w), probabilities by place.
    """
    dimension = classes.weights.shape[1]
    nodes = [helper.make_node("Gemm", ["features", "class_w", "class_b"], ["class_logits"], transB=1)]
    inputs = [_float("features", ["n", dimension])]
    outputs = [_float("class_logits", ["n", len(classes.bias)])]
    weights = [
        numpy_helper.from_array(classes.weights.astype(np.float32), "class_w"),
        numpy_helper.from_array(classes.bias.astype(np.float32), "class_b"),
    ]
    if len(peaks):
        tail = np.array(peaks, dtype=np.int64) - len(LOCAL_TYPES)
        weights += [
            numpy_helper.from_array(np.array(peaks, dtype=np.int64), "channels"),
            numpy_helper.from_array(tail + dimension, "columns"),
        ]
        nodes += [
            helper.make_node("Gather", ["map", "channels"], ["map_logits"], axis=1),
            helper.make_node("Sigmoid", ["map_logits"], ["defect_maps"]),
            helper.make_node("Gather", ["features", "columns"], ["defect_logits"], axis=1),
        ]
        inputs.append(_float("map", ["n", len(LOCAL_TYPES), "h", "w"]))
        outputs += [_float("defect_logits", ["n", len(peaks)]), _float("defect_maps", ["n", len(peaks), "h", "w"])]
    graph = helper.make_graph(nodes, "head", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="regrade")
    model.ir_version = 10
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def with_classes(old: bytes, classes: LinearHead) -> bytes:
    """The ONNX file `old` of a category's heads with other `classes`; what it says of defects stays."""
    model = onnx.load_from_string(old)
    new = {"class_w": classes.weights, "class_b": classes.bias}
    for weights in model.graph.initializer:
        if weights.name in new:
            weights.CopyFrom(numpy_helper.from_array(new[weights.name].astype(np.float32), weights.name))
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def _float(name: str, shape: list[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
