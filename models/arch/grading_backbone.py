"""The shared backbone of all bundles, in torch: EfficientNet-Lite0 with a head that says where which defect lies.

Serving never imports this: it runs the exported graph.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from regrade.models.arch.efficientnet_lite import MAP_CHANNELS, PIXEL_MEAN, PIXEL_STD, lite0

STAGE_4, STAGE_5 = 112, 192
FROZEN_STAGES: Final = 5
"""Stages 0 to 4 keep their ImageNet weights: edges and textures are the same everywhere, and their output can be
computed once for all epochs. A backbone may keep fewer of them (`frozen`)."""
_TAPPED_STAGE: Final = 4
"""The stage whose output, at a sixteenth of the input, is among the features and beneath the maps of defects."""
_WIDTH: Final = 64
_SHARPNESS: Final = 4.0


class GradingBackbone(nn.Module):
    """Features for the condition heads, and a map of defects.

    Input: uint8 (n, h, w, 3), RGB, h = w = a multiple of 32. Outputs: `features`, float32 (n, D), the means over the
    last map (1280), stage 4 (112) and stage 5 (192) and the peak of each defect's map; `defect_maps`, float32
    (n, types, h/16, w/16), logits that the defect is there. The first `frozen` stages, 1 to 5 of them, are not trained.
    """

    def __init__(self, types: Sequence[str], weights: Path | None = None, frozen: int = FROZEN_STAGES) -> None:
        super().__init__()
        if not 1 <= frozen <= FROZEN_STAGES:
            raise ValueError(f"frozen: {frozen} is not legal; give 1 to {FROZEN_STAGES}")
        self.types, self.frozen = tuple(types), frozen
        self.net: Any = lite0(weights)
        self.fine = nn.Conv2d(STAGE_4, _WIDTH, 1)
        self.coarse = nn.Conv2d(MAP_CHANNELS, _WIDTH, 1)
        self.mix = nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1)
        self.local = nn.Conv2d(_WIDTH, len(types), 1)
        nn.init.normal_(self.local.weight, std=0.01)
        # Defects are rare: start from one cell in a hundred, so that the first steps are not spent on saying so.
        assert self.local.bias is not None
        nn.init.constant_(self.local.bias, -4.6)

    @property
    def width(self) -> int:
        """D, the number of features."""
        return MAP_CHANNELS + STAGE_4 + STAGE_5 + len(self.types)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        return self.upper(self.trunk(pixels))

    def trunk(self, pixels: Tensor) -> Tensor:
        """The frozen stages: uint8 (n, h, w, 3) → (n, 112, h/16, w/16) where five are frozen, 40 channels at an eighth
        where three are."""
        x = (pixels.permute(0, 3, 1, 2).float() - PIXEL_MEAN) / PIXEL_STD
        x = self.net.bn1(self.net.conv_stem(x))
        for stage in self.net.blocks[: self.frozen]:
            x = stage(x)
        out: Tensor = x
        return out

    def upper(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What is trained: the output of `trunk` → `features`, `defect_maps`."""
        for stage in self.net.blocks[self.frozen : _TAPPED_STAGE + 1]:
            x = stage(x)
        stage_5 = self.net.blocks[5](x)
        last = self.net.bn2(self.net.conv_head(self.net.blocks[6](stage_5)))
        coarse = nn.functional.interpolate(self.coarse(last), scale_factor=2.0, mode="nearest")
        mixed = nn.functional.relu6(self.mix(nn.functional.relu6(self.fine(x) + coarse)))
        maps = self.local(mixed)
        means = [last.mean(dim=(2, 3)), x.mean(dim=(2, 3)), stage_5.mean(dim=(2, 3))]
        return torch.cat([*means, peaks(maps)], dim=1), maps


def peaks(maps: Tensor) -> Tensor:
    """A smooth maximum over places, (n, types, h, w) → (n, types): as strong as the strongest place, a little more
    where there are several."""
    flat = maps.flatten(2) * _SHARPNESS
    return torch.logsumexp(flat, dim=2) / _SHARPNESS


def trained_parameters(net: GradingBackbone) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Parameters of the upper ImageNet stages, and those that start from nothing."""
    old = [*net.net.blocks[net.frozen :].parameters(), *net.net.conv_head.parameters(), *net.net.bn2.parameters()]
    new = [p for part in (net.fine, net.coarse, net.mix, net.local) for p in part.parameters()]
    return old, new
