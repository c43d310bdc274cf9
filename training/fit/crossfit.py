"""Cross-fitting: every photo that heads and calibration are judged on is seen through a backbone that never saw it.

The photos of train + val are dealt into folds, group by group or source by source. For each fold a backbone is
fine-tuned on the pictures of the other folds; it then gives the features of all photos, those of the fold as it would
those of a stranger.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from regrade.datasets.manifest import Record
from regrade.models.arch.grading_backbone import GradingBackbone
from regrade.models.errors import DatasetError
from regrade.training.fit.finetune import Pictures
from regrade.training.fit.heads import Basis

FOLDS: Final = 3
_BATCH = 64
Ints = NDArray[np.intp]


def deal(records: Sequence[Record], seed: int, folds: int = FOLDS, *, by: str = "group") -> Ints:
    """The fold of each record, (n,): 0 to folds − 1, and −1 for those of the test split. Categories and conditions are
    spread evenly as far as what stays together allows: groups or, by "source", all photos of a source.

    Raises `DatasetError` where there are fewer sources than folds.
    """
    rows = np.array([i for i, r in enumerate(records) if r.split != "test"], dtype=np.intp)
    kinds = np.array([f"{records[i].category}/{records[i].condition}" for i in rows])
    groups = np.array([getattr(records[i], by) for i in rows])
    if by == "source" and len(set(groups)) < folds:
        raise DatasetError(f"--folds source needs photos of {folds} sources or more; there are {len(set(groups))}.")
    out = np.full(len(records), -1, dtype=np.intp)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # What is rarer than folds cannot be in each of them, and need not be.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        for number, (_, held) in enumerate(splitter.split(rows, _codes(kinds), _codes(groups))):
            out[rows[held]] = number
    return out


def _codes(values: NDArray[np.str_]) -> Ints:
    return np.unique(values, return_inverse=True)[1].astype(np.intp)


@dataclass(frozen=True, slots=True)
class BackboneFeatures:
    """What one backbone saw: features of all photos, (n, D), of all pictures, (m, D), and the defect maps of all
    photos, logits, (n, types, h, w). `bases` keeps by category what heads are fitted in: it takes seconds to find, and
    is the same for each head that is fitted on what this backbone saw."""

    photos: NDArray[np.float32]
    pictures: NDArray[np.float32]
    maps: NDArray[np.float16]
    bases: dict[str, Basis] = field(default_factory=dict, init=False, repr=False, compare=False)


def see(backbone: GradingBackbone, plain: torch.Tensor, pictures: Pictures, device: torch.device) -> BackboneFeatures:
    """Run the upper stages over `plain`, the trunk of each photo as serving would see it, and over the pictures."""
    features, maps = _run(backbone, plain, device)
    return BackboneFeatures(features, _run(backbone, pictures.trunk, device)[0], maps)


def _run(
    backbone: GradingBackbone, trunk: torch.Tensor, device: torch.device
) -> tuple[NDArray[np.float32], NDArray[np.float16]]:
    backbone.eval().to(device)
    features, maps = [], []
    with torch.inference_mode():
        for start in range(0, len(trunk), _BATCH):
            f, m = backbone.upper(trunk[start : start + _BATCH].float().to(device))
            features.append(f.cpu().numpy().astype(np.float32))
            maps.append(m.cpu().numpy().astype(np.float16))
    return np.concatenate(features), np.concatenate(maps)
