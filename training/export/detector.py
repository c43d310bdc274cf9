"""The detector as ONNX, from a torch module. It runs in FP32 everywhere (`DETECTOR_PRECISION` says why).

The graph takes the letterboxed photo as the camera gave it and gives finished boxes: scaling to [0, 1] is its first
step, and the one-to-one head of YOLO26 needs no non-maximum suppression after it.
"""

import torch
from torch import Tensor, nn

from regrade.training.export.onnx_files import onnx_of


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
