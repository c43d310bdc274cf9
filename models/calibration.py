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
class PartsEvidence:
    """How parts of a photo count beside the whole: four, of `share` of each side, at its corners (`photos.parts`).

    They are looked at where the whole photo's probability of `damaged` lies from `low` to `high`: what it is sure of,
    they would not change. The odds of `damaged` are pooled over whole and parts as `fusion.fuse_parts` does, with
    `sharpness` r > 0. `offset` is by how much the log-odds of an undamaged photo's parts exceed those of the whole: a
    head that was fitted on whole photos finds parts strange. Fitted on photos that nothing was fitted on.
    """

    share: float
    low: float
    high: float
    sharpness: float
    offset: float = 0.0

    def __post_init__(self) -> None:
        if not 0.25 <= self.share < 1.0 or not 0.0 <= self.low <= self.high <= 1.0 or not self.sharpness > 0:
            raise ValueError("parts need a share of 0.25 to 1, low ≤ high in [0, 1] and a positive sharpness")

    def wanted(self, damaged: float) -> bool:
        """Whether parts are looked at where the whole photo is damaged with this probability."""
        return self.low <= damaged <= self.high


@dataclass(frozen=True, slots=True)
class Calibration:
    """Per-bundle constants, all fitted on predictions for photos that the head was not fitted on.

    `temperature` divides the logits (Guo et al. 2017). `fusion_sharpness` is r of `fusion.fuse`.
    `conformal_quantile` is the largest non-conformity 1 − p that the prediction set admits, at
    `conformal_alpha` (split conformal, Vovk et al.; LAC of Sadinle et al. 2019). `defect_thresholds` maps a
    defect type to the least score that is reported; `box_sources` to where its boxes come from, `detector` or `map`
    (the default). `detector` is None where the detector has no say in the condition. It is asked about a photo
    that is damaged with a probability of `detector_from` or more; of others it is taken to have found nothing. `parts`
    is None where photos are looked at as a whole only.
    """

    temperature: float
    fusion_sharpness: float
    conformal_alpha: float
    conformal_quantile: float
    selective: Selective
    defect_thresholds: Mapping[str, float] = field(default_factory=dict)
    box_sources: Mapping[str, str] = field(default_factory=dict)
    detector: DetectorEvidence | None = None
    detector_from: float = 0.0
    parts: PartsEvidence | None = None

    @property
    def needs_detector(self) -> bool:
        """Whether a detector can change anything: it has a say in the condition, or boxes something."""
        boxed = (self.box_sources.get(kind) == "detector" for kind in self.defect_thresholds)
        return self.detector is not None or any(boxed)

    def asks_detector(self, damaged: float) -> bool:
        """Whether the detector is run on a photo that is damaged with this probability."""
        return self.needs_detector and damaged >= self.detector_from

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
        # What an older release would not understand is written only where it is used.
        unused = {name for name, value in (("parts", None), ("detector_from", 0.0)) if getattr(self, name) == value}
        return {name: value for name, value in asdict(self).items() if name not in unused}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Calibration":
        """Read what `to_json` wrote; raises KeyError, TypeError or ValueError for anything else."""
        fields = dict(data)
        evidence = fields.pop("detector", None)
        if evidence is not None:
            evidence = DetectorEvidence(evidence["weight"], evidence["offset"], tuple(evidence["types"]))
        selective = Selective(**fields.pop("selective"))
        parts = fields.pop("parts", None)
        parts = None if parts is None else PartsEvidence(**parts)
        calibration = cls(**fields, selective=selective, detector=evidence, parts=parts)
        if not calibration.temperature > 0 or not calibration.fusion_sharpness > 0:
            raise ValueError("temperature and fusion_sharpness must be positive")
        return calibration


def softmax(logits: Floats) -> Floats:
    """Row-wise softmax of (n, k), stable for large logits."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    out: Floats = shifted / shifted.sum(axis=-1, keepdims=True)
    return out
