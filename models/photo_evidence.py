"""What was seen on the photos of an item, and the defects that can be told from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regrade.models.networks.detector import Detection
from regrade.models.networks.localize import strongest_region
from regrade.models.networks.runtime import Model, as_float
from regrade.models.registry.bundle import Bundle
from regrade.models.types import Defect, Examination, Quality

Seen = tuple[NDArray[np.float32], NDArray[np.float32]]
"""What a backbone saw on n photos or parts: features, float32 (n, D), and maps, float32 (n, C, h, w)."""


def see(backbone: Model, pixels: NDArray[np.uint8]) -> Seen:
    """What `backbone` sees on `pixels`, uint8 (n, side, side, 3)."""
    features, feature_map = backbone.run({"pixels": pixels}, ("features", "map"))
    return features, feature_map


@dataclass(frozen=True, slots=True)
class PhotoEvidence:
    """What was seen on one photo. `seen` maps a backbone's SHA-256 to what it saw on the whole photo (n = 1); `parts`
    the same, with a share, to what it saw on parts of that share of its sides; `detections` a detector's SHA-256 to
    what it found. All are empty where the photo failed the gate, the latter two where nobody asked. `timings_ms` has
    those of the steps `gate`, `classify` and `detect` that were done."""

    photo: int
    width: int
    height: int
    quality: Quality
    seen: Mapping[str, Seen]
    timings_ms: Mapping[str, float]
    detections: Mapping[str, tuple[Detection, ...]] = field(default_factory=dict)
    parts: Mapping[tuple[str, float], Seen] = field(default_factory=dict)


def best_score(detections: Sequence[Detection], types: Sequence[str]) -> float:
    """The highest score in [0, 1] of a detection of one of `types`, 0 where there is none."""
    return max((d.score for d in detections if d.type in types), default=0.0)


def stacked(evidence: Sequence[PhotoEvidence], backbone: str) -> Seen:
    """What the backbone of that SHA-256 saw on n photos: features, float32 (n, D), and maps, float32 (n, C, h, w)."""
    features = np.concatenate([e.seen[backbone][0] for e in evidence])
    return features, np.concatenate([e.seen[backbone][1] for e in evidence])


def mapped(evidence: Sequence[PhotoEvidence], bundle: Bundle, out: Mapping[str, NDArray[Any]]) -> list[Defect]:
    """Defects whose boxes are read off the backbone's maps: at most one of each type a photo. `out` is what the head
    made of the evidence: `defect_logits` (n, types) and `defect_maps` (n, types, h, w)."""
    scores = 1.0 / (1.0 + np.exp(-as_float(out["defect_logits"])))
    maps = as_float(out["defect_maps"])
    found: list[Defect] = []
    for i, seen in enumerate(evidence):
        for k, kind in enumerate(bundle.defects):
            threshold = _threshold(bundle, kind.name, "map")
            if threshold is None or scores[i, k] < threshold:
                continue
            box = strongest_region(maps[i, k], seen.width, seen.height)
            if box is not None:
                found.append(Defect(seen.photo, kind.name, float(scores[i, k]), box, kind.severity))
    return found


def detected(evidence: Sequence[PhotoEvidence], bundle: Bundle, detector: str) -> list[Defect]:
    """Defects whose boxes are those of the detector of that SHA-256."""
    severities = {d.name: d.severity for d in bundle.defects}
    thresholds = {name: _threshold(bundle, name, "detector") for name in severities}
    found: list[Defect] = []
    for seen in evidence:
        for d in seen.detections.get(detector, ()):
            threshold = thresholds.get(d.type)
            if threshold is not None and d.score >= threshold:
                found.append(Defect(seen.photo, d.type, d.score, d.box, severities[d.type]))
    return found


def examination(
    evidence: Sequence[PhotoEvidence], bundle: Bundle, backbone: str, detector: str | None, *, maps: bool
) -> Examination:
    """What was looked for, and what the grade rests on, where the head of `bundle` reads the maps of `backbone` (with
    `maps`) and what a `detector` has found on those photos that it was asked for."""
    types = tuple(_proven(bundle, maps=maps, detector=detector in one.detections) for one in evidence)
    heard = bundle.calibration.detector is not None and any(detector in one.detections for one in evidence)
    closer = any(seen_by == backbone for one in evidence for seen_by, _ in one.parts)
    basis = (("photo", True), ("damage_map", maps), ("parts", closer), ("detector", heard))
    return Examination(types, tuple(name for name, counts in basis if counts))


def _proven(bundle: Bundle, *, maps: bool, detector: bool) -> tuple[str, ...]:
    sources = [name for name, runs in (("map", maps), ("detector", detector)) if runs]
    return tuple(d.name for d in bundle.defects if any(_threshold(bundle, d.name, one) is not None for one in sources))


def _threshold(bundle: Bundle, kind: str, source: str) -> float | None:
    """The score from which `source` may report `kind`; None where it may not."""
    calibration = bundle.calibration
    if calibration.box_sources.get(kind, "map") != source:
        return None
    return calibration.defect_thresholds.get(kind)
