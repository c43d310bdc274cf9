"""The fifteen lines that an engineer writes first: ImageNet's Lite0, its last stages and a new linear layer fine-tuned.

The stages before stay as they are, so their output is computed once; a photo is mirrored or not, at random.
"""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from regrade.training.fit.finetune import as_imagenet_left_it

EPOCHS: Final = 8
BATCH: Final = 16
RATE_OLD, RATE_NEW = 2e-4, 2e-3
_LAST: Final = 1280
"""Features of the last map, those that a classifier of ImageNet stands on."""


def fine_tuned(
    fitted: torch.Tensor, truth: NDArray[np.intp], asked: torch.Tensor, classes: int, seed: int
) -> NDArray[np.float64]:
    """Probabilities (m, classes) of the photos `asked`, from those `fitted` on; both as the first five stages leave
    them, float16 (n, 112, h, w), `truth` (n,)."""
    torch.manual_seed(seed)
    net, head = as_imagenet_left_it(), torch.nn.Linear(_LAST, classes)
    old = [*net.net.blocks[5:].parameters(), *net.net.conv_head.parameters()]
    optimizer = torch.optim.AdamW([{"params": old, "lr": RATE_OLD}, {"params": head.parameters(), "lr": RATE_NEW}])
    weights = torch.from_numpy(len(truth) / (classes * np.bincount(truth, minlength=classes).clip(1))).float()
    for _ in range(EPOCHS):
        for batch in torch.split(torch.randperm(len(truth)), BATCH):
            x = fitted[batch].float()
            features = net.upper(x.flip(3) if torch.rand(()) < 0.5 else x)[0][:, :_LAST]
            loss = torch.nn.functional.cross_entropy(head(features), torch.from_numpy(truth)[batch], weights)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    with torch.inference_mode():
        logits = torch.cat([head(net.upper(part.float())[0][:, :_LAST]) for part in torch.split(asked, BATCH)])
    return np.asarray(torch.softmax(logits.double(), dim=1).numpy())
