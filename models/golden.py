"""Golden photos: rendered ones, of which each bundle holds what its networks made of them where it was made.

At its start a service looks at them and compares: features, probabilities and the detector's scores. Whatever a CPU, a
build of ONNX Runtime or a memory does wrong shows there before it shows in grades. Where INT8 is off, FP32 runs.

The photos are reduced from those in `serving/examples/photos`, which the project rendered.
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from regrade.models.errors import BundleError
from regrade.models.grader import Grader
from regrade.models.photo_evidence import PhotoEvidence, best_score
from regrade.models.photos.intake import open_photo
from regrade.models.registry.bundle import DETECTOR_PRECISION, ROUTER, Bundle
from regrade.models.types import Comparison, Photo

PHOTOS: Final = Path(__file__).with_name("golden_photos")
FILE: Final = "golden.json"
"""In a bundle: precision → photo → `features` (base64 of float16), `probabilities`, `scores`."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """What networks made of a photo: `features`, float16 (D,), `probabilities` of conditions (none for the router), and
    the best score of each type that the detector found, none where it was not asked."""

    features: NDArray[np.float16]
    probabilities: Mapping[str, float]
    scores: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """As `FILE` holds it."""
        encoded = base64.b64encode(self.features.tobytes()).decode()
        values = {
            name: {k: round(v, 5) for k, v in getattr(self, name).items()} for name in ("probabilities", "scores")
        }
        return {"features": encoded, **values}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Outputs":
        """What `to_json` wrote."""
        features = np.frombuffer(base64.b64decode(data["features"]), dtype=np.float16)
        return cls(features, dict(data["probabilities"]), dict(data["scores"]))


@lru_cache(maxsize=1)
def photos() -> Mapping[str, Photo]:
    """The golden photos by their names, decoded."""
    return {path.name: open_photo(path.read_bytes()) for path in sorted(PHOTOS.glob("*.jpg"))}


def outputs(grader: Grader, names: Sequence[str]) -> dict[str, dict[str, Outputs]]:
    """Photo → bundle → what `grader` makes of it, for the bundles of these categories."""
    found: dict[str, dict[str, Outputs]] = {}
    for photo, shown in photos().items():
        evidence = grader.look(shown)
        found[photo] = {name: _outputs(grader, grader.bundles[name], evidence) for name in names}
    return found


def compare(grader: Grader) -> Comparison:
    """What `grader` makes of the golden photos beside what its bundles say it should; nothing is compared with bundles
    that say nothing. Raises `BundleError` for a file that is not understood."""
    precision = grader.arithmetic.precision
    kept = {name: stored(bundle, precision) for name, bundle in grader.bundles.items()}
    known = tuple(name for name, entry in kept.items() if entry)
    cosine, shift = 1.0, 0.0
    for photo, found in outputs(grader, known).items() if known else ():
        for name, one in found.items():
            if (wanted := kept[name].get(photo)) is not None:
                cosine = min(cosine, _cosine(one.features, wanted.features))
                shift = max(shift, _shift(one, wanted))
    return Comparison(known, round(cosine, 5), round(shift, 5))


def stored(bundle: Bundle, precision: str) -> dict[str, Outputs]:
    """Photo → what `bundle` says of it in this precision; none where it has no golden file."""
    path = bundle.folder / FILE
    if not path.is_file():
        return {}
    try:
        by_precision = json.loads(path.read_text(encoding="utf-8"))
        entries = by_precision.get(precision, {})
        # Bundles of before hold what their detector found in INT8, which is not run any more.
        scores = {photo: entry["scores"] for photo, entry in by_precision.get(DETECTOR_PRECISION, {}).items()}
        return {
            photo: Outputs.from_json({**entry, "scores": scores.get(photo, {})}) for photo, entry in entries.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"{path} is not understood ({error!r}). Restore the bundle or roll back.") from error


def proven(load: Callable[[str], Grader], precision: str) -> Grader:
    """`load(precision)` if its golden photos come out as they should, else `load("fp32")`, which says why."""
    grader = load(precision)
    grader.golden = found = compare(grader)
    if found.passed or grader.arithmetic.precision == "fp32":
        return grader
    exact = load("fp32")
    exact.golden, exact.arithmetic = found, grader.arithmetic.instead(f"golden photos come out wrong, {found}")
    return exact


def _outputs(grader: Grader, bundle: Bundle, evidence: PhotoEvidence) -> Outputs:
    precision = grader.arithmetic.precision
    features = evidence.seen[bundle.backbones[precision]][0][0]
    grade = None if bundle.category == ROUTER else grader.conclude([evidence], bundle.category).grade
    scores = {}
    # A detector that only boxes is not asked about every photo.
    detections = None if bundle.detector is None else evidence.detections.get(bundle.detector.files[DETECTOR_PRECISION])
    if bundle.detector is not None and detections is not None:
        scores = {kind: best_score(detections, [kind]) for kind in bundle.detector.classes}
    return Outputs(features.astype(np.float16), {} if grade is None else dict(grade.probabilities), scores)


def _cosine(found: NDArray[np.float16], wanted: NDArray[np.float16]) -> float:
    if found.shape != wanted.shape:
        return 0.0
    a, b = found.astype(np.float64), wanted.astype(np.float64)
    cosine = float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))
    return cosine if np.isfinite(cosine) else 0.0


def _shift(found: Outputs, wanted: Outputs) -> float:
    """The total variation of the probabilities, or the largest change of a score: whichever is more."""
    moved = [abs(found.probabilities.get(k, 0.0) - p) for k, p in wanted.probabilities.items()]
    scores = [abs(found.scores[kind] - score) for kind, score in wanted.scores.items() if kind in found.scores]
    return max(sum(moved) / 2, max(scores, default=0.0))
