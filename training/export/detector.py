"""The detector as ONNX: FP32 from a torch module, INT8 by static quantisation on real photos.

The graph takes the letterboxed photo as the camera gave it and gives finished boxes: scaling to [0, 1] is its first
step, and the one-to-one head of YOLO26 needs no non-maximum suppression after it.
"""

import re
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import Tensor, nn

from regrade.datasets.manifest import Record
from regrade.models.networks.detector import letterbox
from regrade.models.photos.intake import open_photo
from regrade.training.export.exact_int8 import refit
from regrade.training.export.onnx_files import PixelReader, onnx_of, stripped

KEPT_BLOCKS: Final = 3
"""The first blocks, which stay in FP32 as the head does: the fewer the pixels, the less eight bits there cost. Mean
error of a sure box's score, on COCO weights and 50 bench photos: 0.13 with the first block kept, 0.06 with three."""
QUANTIZED: Final = ("Conv", "Mul", "Sigmoid", "Add", "Concat", "MaxPool", "Resize", "Split")
"""With convolutions alone, every activation function between two of them would go to floats and back."""


REFITTED_ON: Final = 24
"""Photos of those given on which weights are chosen; all serve to find the ranges of activations."""


class PixelsIn(nn.Module):
    """`net` with the photo as input: uint8 (1, side, side, 3), RGB → what `net` gives for float (1, 3, side, side)
    in [0, 1]."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, pixels: Tensor) -> Tensor:
        boxes: Tensor = self.net(pixels.permute(0, 3, 1, 2).float() * (1.0 / 255.0))
        return boxes


def export_detector(module: nn.Module, side: int) -> bytes:
    """`module`, from `detector.module_of`, as an ONNX file with input `pixels`, uint8 (1, side, side, 3), and output
    `boxes`, float32 (1, 300, 6), in pixels of the square."""
    example = torch.zeros(1, side, side, 3, dtype=torch.uint8)
    return onnx_of(PixelsIn(module), example, ["boxes"])


def quantize_detector(fp32: bytes, inputs: Sequence[NDArray[np.uint8]]) -> bytes:
    """Static QDQ INT8 of `fp32`: unsigned activations calibrated on `inputs`, each uint8 (side, side, 3), and signed
    weights per channel, chosen so that no sum saturates on any CPU (`exact_int8`). Raises ValueError without inputs.

    An activation spans the mean of the photos' own ranges: the widest would leave too few of the 256 steps to the rest
    (mean error of a score 0.08 in place of 0.13). The first `KEPT_BLOCKS` blocks and the head stay in FP32.
    """
    if not len(inputs):
        raise ValueError("no photo to calibrate on")
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source, plain, target = (Path(folder) / f"{name}.onnx" for name in ("fp32", "plain", "int8"))
        source.write_bytes(fp32)
        quant_pre_process(str(source), str(plain), skip_symbolic_shape=True)
        quantize_static(
            str(plain),
            str(target),
            PixelReader(inputs),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            op_types_to_quantize=list(QUANTIZED),
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            nodes_to_exclude=sorted(kept_in_float(onnx.load(str(plain)))),
            extra_options={"CalibMovingAverage": True},
        )
        exact, rounded = onnx.load(str(plain)), onnx.load(str(target))
    refit(exact, rounded, inputs[:: max(1, len(inputs) // REFITTED_ON)][:REFITTED_ON])
    return stripped(rounded)


def detector_inputs(records: Sequence[Record], side: int) -> list[NDArray[np.uint8]]:
    """The photos as serving shows them to the detector, each uint8 (side, side, 3)."""
    return [letterbox(open_photo(r.file.read_bytes()).rgb, side)[0] for r in records]


def kept_in_float(model: onnx.ModelProto) -> set[str]:
    """Names of the nodes of the first `KEPT_BLOCKS` blocks, with what comes before, and of the head with what comes
    after."""
    blocks = _blocks(model)
    last = max(blocks.values())
    return {name for name, block in blocks.items() if block < KEPT_BLOCKS or block == last}


def _blocks(model: onnx.ModelProto) -> dict[str, int]:
    """The block that each node belongs to: that of its weights, else the latest of those that its inputs come from."""
    made_by = {output: node.name for node in model.graph.node for output in node.output}
    blocks: dict[str, int] = {}
    for node in model.graph.node:
        own = [int(found[1]) for i in node.input if (found := re.match(r"net\.model\.(\d+)\.", i))]
        before = [blocks[made_by[i]] for i in node.input if i in made_by]
        blocks[node.name] = own[0] if own else max(before, default=0)
    return blocks
