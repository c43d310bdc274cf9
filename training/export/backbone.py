"""The backbone as ONNX: FP32 from torch, INT8 by static quantisation on real photos."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
from torch import nn

from regrade.training.export.exact_int8 import refit
from regrade.training.export.onnx_files import PixelReader, onnx_of, stripped

REFITTED_ON: Final = 32
"""Photos of those given on which weights are chosen; all serve to find the ranges of activations."""


def export_fp32(backbone: nn.Module, side: int, outputs: Sequence[str] = ("features", "map")) -> bytes:
    """`backbone` as an ONNX file with input `pixels`, uint8 (n, side, side, 3), and these outputs."""
    example = torch.zeros(2, side, side, 3, dtype=torch.uint8)
    return onnx_of(backbone, example, outputs, ({0: torch.export.Dim("n", min=1, max=64)},))


def quantize_int8(fp32: bytes, inputs: Sequence[NDArray[np.uint8]]) -> bytes:
    """Static QDQ INT8 of `fp32`: unsigned activations calibrated (min-max) on `inputs`, each uint8 (side, side, 3), and
    signed weights per channel, chosen so that no sum saturates on any CPU (`exact_int8`)."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(fp32)
        quantize_static(
            str(source),
            str(target),
            PixelReader(inputs),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            # Clip must be among them: only then is a ReLU6 folded into the range of the convolution before it
            # (without it the features' median cosine to FP32 fell from 0.99 to 0.87). The pooling stays in FP32.
            op_types_to_quantize=["Conv", "Clip", "Add"],
        )
        rounded = onnx.load(str(target))
    refit(onnx.load_from_string(fp32), rounded, inputs[:: max(1, len(inputs) // REFITTED_ON)][:REFITTED_ON])
    return stripped(rounded)
