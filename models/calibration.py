"""What a bundle knows about how far its own numbers can be trusted, and how serving applies it.

Fitting is in `regrade.training.calibrate.calibration`; here is only the arithmetic that runs on every item.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Selective:
    """The selective guarantee: of the items whose confidence reaches `threshold`, at most `alpha` are graded
    wrong, with confidence 1 − `delta`, as measured on `n` held-out photos of which `coverage` pass.

    `threshold` is None where no threshold could be proven; `note` says why.
    """

    alpha: float
    delta: float
    threshold: float | None
    n: int
    coverage: float
    note: str


@dataclass(frozen=True, slots=True)
class DetectorEvidence:
    """How much the detector's word counts: the log-odds of `damaged` move by weight × (s − offset), with s the logit of
    the best score among `types` on the photo. Fitted on photos that the detector was not trained on."""

    weight: float
    offset: float
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Per-bundle constants, all fitted on predictions for photos that the head was not fitted on.

    `temperature` divides the logits (Guo et al. 2017). `fusion_sharpness` is r of `fusion.fuse`.
    `conformal_quantile` is the largest non-conformity 1 − p that the prediction set admits, at
    `conformal_alpha` (split conformal, Vovk et al.; LAC of Sadinle et al. 2019). `defect_thresholds` maps a
    defect type to the least score that is reported; `box_sources` to where its boxes come from, `detector` or `map`
    (the default). `detector` is None where the detector has no say in the condition.
    """

    temperature: float
    fusion_sharpness: float
    conformal_alpha: float
    conformal_quantile: float
    selective: Selective
    defect_thresholds: Mapping[str, float] = field(default_factory=dict)
    box_sources: Mapping[str, str] = field(default_factory=dict)
    detector: DetectorEvidence | None = None

    def probabilities(self, logits: Floats) -> Floats:
        """Calibrated probabilities of photos: logits (n, k) → (n, k), rows sum to 1."""
        return softmax(np.asarray(logits, dtype=np.float64) / self.temperature)

    def prediction_set(self, probabilities: Floats) -> NDArray[np.intp]:
        """Indices of the classes in the conformal set, most probable first; never empty."""
        order = np.argsort(-probabilities, kind="stable")
        admitted = order[1.0 - probabilities[order] <= self.conformal_quantile]
        return admitted if admitted.size else order[:1]

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back to an equal one."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Calibration":
        """Read what `to_json` wrote; raises KeyError, TypeError or ValueError for anything else."""
        fields = dict(data)
        evidence = fields.pop("detector", None)
        if evidence is not None:
            evidence = DetectorEvidence(evidence["weight"], evidence["offset"], tuple(evidence["types"]))
        selective = Selective(**fields.pop("selective"))
        calibration = cls(**fields, selective=selective, detector=evidence)
        if not calibration.temperature > 0 or not calibration.fusion_sharpness > 0:
            raise ValueError("temperature and fusion_sharpness must be positive")
        return calibration


def softmax(logits: Floats) -> Floats:
    """Row-wise softmax of (n, k), stable for large logits."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    out: Floats = shifted / shifted.sum(axis=-1, keepdims=True)
    return out
