"""Linear heads as ONNX, so that every trained number that serving uses lies in one checked file."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from regrade.models.arch.efficientnet_lite import MAP_CHANNELS
from regrade.training.backbone import OPSET
from regrade.training.heads import LinearHead


def head_onnx(classes: LinearHead, defects: LinearHead | None) -> bytes:
    """One ONNX file for a category's heads.

    Inputs: `features` (n, D) and, with `defects`, `map` (n, C, h, w). Outputs: `class_logits` (n, k) and, with
    `defects`, `defect_maps` (n, t, h, w) and their means over the map, `defect_logits` (n, t).
    """
    dimension = classes.weights.shape[1]
    nodes = [helper.make_node("Gemm", ["features", "class_w", "class_b"], ["class_logits"], transB=1)]
    inputs = [_float("features", ["n", dimension])]
    outputs = [_float("class_logits", ["n", len(classes.bias)])]
    constants = {"class_w": classes.weights, "class_b": classes.bias}
    if defects is not None:
        kinds = len(defects.bias)
        constants["defect_w"] = defects.weights.reshape(kinds, MAP_CHANNELS, 1, 1)
        constants["defect_b"] = defects.bias
        nodes += [
            helper.make_node("Conv", ["map", "defect_w", "defect_b"], ["defect_maps"]),
            helper.make_node("GlobalAveragePool", ["defect_maps"], ["defect_means"]),
            helper.make_node("Flatten", ["defect_means"], ["defect_logits"]),
        ]
        inputs.append(_float("map", ["n", MAP_CHANNELS, "h", "w"]))
        outputs += [_float("defect_logits", ["n", kinds]), _float("defect_maps", ["n", kinds, "h", "w"])]
    weights = [numpy_helper.from_array(a.astype(np.float32), name) for name, a in constants.items()]
    graph = helper.make_graph(nodes, "head", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="regrade")
    model.ir_version = 10
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _float(name: str, shape: list[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
