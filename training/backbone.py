"""The backbone as ONNX: FP32 from torch, INT8 by static quantisation on real photos."""

import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from torch import nn

OPSET = 18
SCHEMES: Final[Mapping[str, QuantType]] = {"u8s8": QuantType.QUInt8, "s8s8": QuantType.QInt8}
"""Types of activations and weights; weights are always signed and per channel."""


def export_fp32(backbone: nn.Module, side: int, outputs: Sequence[str] = ("features", "map")) -> bytes:
    """`backbone` as an ONNX file with input `pixels`, uint8 (n, side, side, 3), and these outputs."""
    backbone.eval()
    example = torch.zeros(2, side, side, 3, dtype=torch.uint8)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "backbone.onnx"
        torch.onnx.export(
            backbone,
            (example,),
            str(path),
            input_names=["pixels"],
            output_names=list(outputs),
            dynamic_shapes=({0: torch.export.Dim("n", min=1, max=64)},),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        return stripped(onnx.load(str(path)))


def quantize_int8(fp32: bytes, inputs: Sequence[NDArray[np.uint8]], scheme: str = "u8s8") -> bytes:
    """Static QDQ INT8 of `fp32` by one of `SCHEMES`: weights per channel, activations calibrated (min-max) on `inputs`,
    each uint8 (side, side, 3)."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(fp32)
        quantize_static(
            str(source),
            str(target),
            _Reader(inputs),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=SCHEMES[scheme],
            weight_type=QuantType.QInt8,
            # Clip must be among them: only then is a ReLU6 folded into the range of the convolution before it
            # (without it the features' median cosine to FP32 fell from 0.99 to 0.87). The pooling stays in FP32.
            op_types_to_quantize=["Conv", "Clip", "Add"],
        )
        return stripped(onnx.load(str(target)))


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, inputs: Sequence[NDArray[np.uint8]]) -> None:
        self._rows: Iterator[NDArray[np.uint8]] = iter(inputs)

    def get_next(self) -> dict[str, Any] | None:
        row = next(self._rows, None)
        return None if row is None else {"pixels": row[np.newaxis]}


def stripped(model: onnx.ModelProto) -> bytes:
    """Without the exporter's notes, which hold the paths of the machine it ran on."""
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for values in (model.graph.value_info, model.graph.input, model.graph.output, model.graph.initializer):
        for value in values:
            del value.metadata_props[:]
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    for function in model.functions:
        del function.metadata_props[:]
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
