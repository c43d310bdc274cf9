"""Do boxes land on the damage? Hit rates on the photos that have drawn boxes, and average precision.

A photo without a drawn box may be damaged all the same: a box on it counts as wrong only where labellers named no such
defect.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from regrade.datasets.manifest import Record
from regrade.models.estimates import Estimate, Resamples
from regrade.models.networks.detector import Detection
from regrade.models.types import DEFECT_TYPES, Box, Defect
from regrade.training.calibrate.box_sources import centre_inside
from regrade.training.judge.predictions import Predictions
from regrade.training.metrics.average_precision import average_precision, match

ANY: Final = "any damage"
"""All types as one, in the table of average precisions."""
NOT_DAMAGE: Final = frozenset({"open"})
"""Codes that describe a state: an open flap is a condition, not a defect."""


@dataclass(frozen=True, slots=True)
class BoxFigures:
    """Boxes on the `n` photos with drawn defects. `hit_rate` is the share whose surest reported box has its centre
    inside a drawn one, whatever the types; `chance` the mean share of the photo that drawn boxes cover, which is what
    a random point would hit. `reported` is the share of the photos with any box; `hit_rate_reported` is the hit rate
    on those alone. `detected` is the hit rate of the detector's surest damage box, reported or not; None without a
    detector. `by_type` has hit rate and chance for photos with a drawn defect of that type.

    `ap50` is the average precision at an overlap of 0.5, by type and of `ANY`; of the detector's boxes, or of those
    reported where there is no detector. Photos on which labellers named the type, yet drew none, are left out of it.
    """

    n: int
    reported: Estimate
    hit_rate: Estimate
    hit_rate_reported: Estimate
    detected: Estimate | None
    chance: Estimate
    by_type: dict[str, tuple[Estimate, Estimate]]
    ap50: dict[str, Estimate]


def box_figures(predictions: Predictions, *, resamples: int, seed: int) -> BoxFigures | None:
    """The figures over the photos of `predictions` that have drawn boxes; None where none has."""
    drawn_on = np.array([i for i, r in enumerate(predictions.records) if r.defects], dtype=np.intp)
    if not len(drawn_on):
        return None
    found = predictions.take(drawn_on)
    drawn = Resamples.of(found.groups, resamples=resamples, seed=seed)
    reported = np.array([bool(defects) for defects in found.defects])
    hits = np.array([is_hit(d, r) for d, r in zip(found.defects, found.records, strict=True)])
    chance = np.array([covered_share(r, [d.box for d in r.defects]) for r in found.records])
    kinds = sorted({d.type for r in found.records for d in r.defects})
    return BoxFigures(
        n=len(found),
        reported=drawn.ratio(reported),
        hit_rate=drawn.ratio(hits),
        hit_rate_reported=drawn.ratio(hits, reported),
        detected=None if found.detections is None else drawn.ratio(_detected_hits(found)),
        chance=drawn.ratio(chance),
        by_type={
            kind: (drawn.ratio(hits & has, has), drawn.ratio(chance * has, has))
            for kind in kinds
            for has in [_has(found.records, kind)]
        },
        ap50={kind: _ap50(predictions, kind, resamples, seed) for kind in (ANY, *kinds)},
    )


def _detected_hits(found: Predictions) -> NDArray[np.bool_]:
    damage = [[d for d in of_photo if _is_damage(d.type)] for of_photo in found.detections or ()]
    return np.array([is_hit(d, r) for d, r in zip(damage, found.records, strict=True)])


def _is_damage(kind: str) -> bool:
    return kind in DEFECT_TYPES and kind not in NOT_DAMAGE


def _ap50(predictions: Predictions, kind: str, resamples: int, seed: int) -> Estimate:
    def wanted(name: str) -> bool:
        return _is_damage(name) if kind == ANY else name == kind

    def known(record: Record) -> bool:
        drawn = any(wanted(d.type) for d in record.defects)
        return drawn or (record.condition is not None and not any(wanted(code) for code in record.defect_codes))

    chosen = predictions.take(np.flatnonzero([known(r) for r in predictions.records]))
    boxes: Sequence[Sequence[Defect | Detection]] = chosen.defects if chosen.detections is None else chosen.detections
    matches = match(
        [[(d.score, d.box) for d in of_photo if wanted(d.type)] for of_photo in boxes],
        [[d.box for d in r.defects if wanted(d.type)] for r in chosen.records],
    )
    drawn = Resamples.of(chosen.groups, resamples=resamples, seed=seed)
    return drawn.estimate(average_precision(matches, drawn.weights))


def is_hit(reported: Sequence[Defect | Detection], record: Record) -> bool:
    """Whether the centre of the surest box lies inside a drawn one; no box is no hit."""
    if not reported:
        return False
    top = max(reported, key=lambda d: d.score)
    return centre_inside(top.box, (d.box for d in record.defects))


def covered_share(record: Record, boxes: Iterable[Box]) -> float:
    """Share of the photo's area that `boxes` cover together, 0 to 1."""
    mask = np.zeros((record.height, record.width), dtype=bool)
    for x1, y1, x2, y2 in boxes:
        mask[max(0, int(y1)) : int(np.ceil(y2)), max(0, int(x1)) : int(np.ceil(x2))] = True
    return float(mask.mean())


def _has(records: Sequence[Record], kind: str) -> NDArray[np.bool_]:
    return np.array([any(d.type == kind for d in r.defects) for r in records])
