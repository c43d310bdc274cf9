"""The shipped networks in torch, eager FP32: the project's own modules with the weights of the FP32 ONNX files.

Batch normalisation is folded into the convolutions, as it is in the files and as one does before serving. Before
anything is served, the outputs are checked against those of ONNX Runtime.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from grading import Floats, OrtNetworks
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from regrade.models.arch.grading_backbone import GradingBackbone
from regrade.models.registry.bundle import Bundle

TOLERANCE: Final = 1e-3


class TorchNetworks:
    """Backbone and detector of `bundle`. Raises ValueError where they do not agree with ONNX Runtime."""

    def __init__(self, bundle: Bundle) -> None:
        torch.set_num_threads(1)
        detector = bundle.detector_path("fp32")
        assert detector is not None
        assert bundle.detector is not None
        # Channels last is faster for the detector (51 against 60 ms on one AVX-512 core), slower for the backbone.
        self._backbone = backbone_of(bundle.backbone_path("fp32"))
        self._detector = detector_of(detector, len(bundle.detector.classes)).to(memory_format=torch.channels_last)
        self._check(bundle)

    @torch.inference_mode()
    def backbone(self, pixels: NDArray[np.uint8]) -> tuple[Floats, Floats]:
        features, places = self._backbone(torch.tensor(pixels))
        return features.numpy(), places.numpy()

    @torch.inference_mode()
    def detector(self, pixels: NDArray[np.uint8]) -> Floats:
        boxes: Tensor = self._detector(torch.tensor(pixels).permute(0, 3, 1, 2).float() * (1.0 / 255.0))
        return boxes.numpy()

    def _check(self, bundle: Bundle) -> None:
        """The largest difference to ONNX Runtime on a drawn picture, relative to the value where that is over 1."""
        assert bundle.detector is not None
        reference = OrtNetworks(bundle, "fp32")
        for side, name in ((bundle.input_side, "backbone"), (bundle.detector.side, "detector")):
            rows, columns = np.mgrid[0:side, 0:side].astype(np.float64) / side
            waves = [np.sin(9 * rows + k) * np.cos(7 * columns * (k + 1)) for k in range(3)]
            pixels = (127 + 100 * np.stack(waves, axis=2)).astype(np.uint8)[np.newaxis]
            pixels[:, side // 4 : side // 2, side // 4 : side * 3 // 4] = (176, 132, 86)
            ours, theirs = getattr(self, name)(pixels), getattr(reference, name)(pixels)
            if name == "detector":  # rows of nearly equal score may come in either order
                ours, theirs = (_sorted(ours),), (_sorted(theirs),)
            for a, b in zip(ours, theirs, strict=True):
                worst = float(np.max(np.abs(a - b) / np.maximum(1.0, np.abs(b))))
                if not worst <= TOLERANCE:
                    raise ValueError(f"the {name} in torch differs from ONNX Runtime by {worst:.2g}")


def _sorted(boxes: Floats) -> Floats:
    """The surest boxes, those above the noise, by place."""
    sure = boxes[0][boxes[0][:, 4] >= 0.01]
    order: NDArray[np.intp] = np.lexsort(np.round(sure, 1).T)
    return np.asarray(sure[order])


def weights_of(path: Path) -> dict[str, Tensor]:
    """The initializers of an ONNX file by name."""
    graph = onnx.load(str(path)).graph
    return {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in graph.initializer}


def take(net: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Give every convolution of `net` its tensors out of `weights`; KeyError if one is not there."""
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d):
            bias = weights.get(f"{name}.bias", weights.get(f"{name}.weight_bias"))
            if bias is None:
                raise KeyError(f"no bias of {name} in the file")
            module.weight = nn.Parameter(weights[f"{name}.weight"], requires_grad=False)
            module.bias = nn.Parameter(bias, requires_grad=False)
            module.out_channels = len(bias)


def backbone_of(path: Path) -> nn.Module:
    """`GradingBackbone` with the weights of an exported file. Raises KeyError if one of them is not in it."""
    types = len(weights_of(path)["local.bias"])
    net = GradingBackbone([str(n) for n in range(types)]).eval()
    for name, module in list(net.named_modules()):
        if type(module).__name__ == "BatchNormAct2d":  # folded into the convolution before it
            net.set_submodule(name, module.act)
    take(net, weights_of(path))
    return net


def detector_of(path: Path, classes: int) -> nn.Module:
    """YOLO26n as its makers build it, fused, with the weights of an exported file: (1, 3, s, s) → (1, 300, 6)."""
    os.environ.setdefault("YOLO_OFFLINE", "1")
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    os.environ.setdefault("YOLO_VERBOSE", "false")
    os.environ.setdefault("YOLO_CONFIG_DIR", tempfile.mkdtemp(prefix="peer-ultralytics-"))
    from PIL import Image
    from ultralytics.nn.tasks import DetectionModel
    from ultralytics.utils import patches

    Image.open = patches._image_open  # it puts a reader of its own in Pillow's place
    # Fine-tuning kept the width of the class branch for COCO's 80 classes; its last layers have the file's own number.
    build: Any = DetectionModel
    made = build("yolo26n.yaml", ch=3, nc=80, verbose=False).eval()
    head = made.model[-1]
    head.end2end = True
    made = made.fuse(verbose=False)
    head = made.model[-1]
    head.export, head.dynamic, head.max_det = True, False, 300
    head.nc, head.no = classes, classes + 4 * head.reg_max
    take(made, {name.removeprefix("net."): tensor for name, tensor in weights_of(path).items()})
    module: nn.Module = made
    return module
