"""Does the surest damage box land on the damage? Measured on the photos that have drawn boxes.

A photo without a drawn box may be damaged all the same, so nothing is counted against boxes on those.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regrade.datasets.estimates import Estimate, Resamples
from regrade.datasets.manifest import Record
from regrade.models.types import Box, Defect
from regrade.training.predictions import Predictions


@dataclass(frozen=True, slots=True)
class BoxFigures:
    """Boxes on the `n` photos with drawn defects. `hit_rate` is the share whose surest reported box has its centre
    inside a drawn one, whatever the types; `chance` the mean share of the photo that drawn boxes cover, which is what
    a random point would hit. `reported` is the share of the photos with any box; `hit_rate_reported` is the hit rate
    on those alone. `by_type` has both rates for photos with a drawn defect of that type.
    """

    n: int
    reported: Estimate
    hit_rate: Estimate
    hit_rate_reported: Estimate
    chance: Estimate
    by_type: dict[str, tuple[Estimate, Estimate]]


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
        chance=drawn.ratio(chance),
        by_type={
            kind: (drawn.ratio(hits & has, has), drawn.ratio(chance * has, has))
            for kind in kinds
            for has in [_has(found.records, kind)]
        },
    )


def is_hit(reported: Sequence[Defect], record: Record) -> bool:
    """Whether the centre of the surest reported box lies inside a drawn one; no box reported is no hit."""
    if not reported:
        return False
    top = max(reported, key=lambda d: d.score).box
    x, y = (top[0] + top[2]) / 2, (top[1] + top[3]) / 2
    return any(b.box[0] <= x <= b.box[2] and b.box[1] <= y <= b.box[3] for b in record.defects)


def covered_share(record: Record, boxes: Iterable[Box]) -> float:
    """Share of the photo's area that `boxes` cover together, 0 to 1."""
    mask = np.zeros((record.height, record.width), dtype=bool)
    for x1, y1, x2, y2 in boxes:
        mask[max(0, int(y1)) : int(np.ceil(y2)), max(0, int(x1)) : int(np.ceil(x2))] = True
    return float(mask.mean())


def _has(records: Sequence[Record], kind: str) -> NDArray[np.bool_]:
    return np.array([any(d.type == kind for d in r.defects) for r in records])
