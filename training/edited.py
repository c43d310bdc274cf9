"""Edited copies of real photos as further training material: synthetic damage, and harmless edits beside it.

Photos of cracked electronics hardly exist with a free licence, and stained garments and torn cartons are few. A head
that only ever saw edits as damage would learn to find editing, so harmless edits keep their photo's own label.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from regrade.datasets.manifest import Record
from regrade.datasets.synthesis import VERSION, synthesize, synthesize_harmless
from regrade.models.intake import open_photo
from regrade.models.preprocess import model_input
from regrade.training.features import Extractor, seeded
from regrade.training.heads import Extra
from regrade.training.samples import soft_targets

DAMAGED_VIEWS = (f"damaged-1-r{VERSION}", f"damaged-2-r{VERSION}")
HARMLESS_VIEW = f"harmless-r{VERSION}"
SHARES = {"electronics": 0.6, "apparel": 0.25}
"""Weight of all damaged edits of a category, and of all harmless ones, as a share of the weight of one class.

Electronics have 9 real damaged photos, with faint cracks: the weight is what it takes for a plain crack web to be
called damaged, and costs some AUROC on those 9. A category that is not here is fitted on real photos alone: synthetic
tears cost packaging, which has real ones, a point or two of macro-F1 at every weight that was tried.
"""


def edited_view(record: Record, view: str, side: int) -> NDArray[np.uint8] | None:
    """One edit of a photo as model input, uint8 (side, side, 3); None where there is no place for it."""
    rgb = open_photo(record.file.read_bytes()).rgb
    box = record.largest_item
    if box is not None:  # of the full-size photo; `rgb` may be smaller
        scale = rgb.shape[1] / record.width
        box = (box[0] * scale, box[1] * scale, box[2] * scale, box[3] * scale)
    rng = seeded(record, view)
    if view == HARMLESS_VIEW:
        return model_input(synthesize_harmless(rgb, record.category, box, rng), side)
    made = synthesize(rgb, record.category, box, rng)
    return None if made is None else model_input(made.rgb, side)


def edited_photos(
    records: Sequence[Record], extractor: Extractor, category: str, classes: Sequence[str]
) -> Extra | None:
    """Edits of every undamaged graded photo of `category`; None for a category that is not fitted on any."""
    if category not in SHARES:
        return None
    sources = [r for r in records if r.category == category and r.condition not in (None, classes[-1])]
    groups = np.array([r.group for r in sources])
    damaged = np.tile(np.eye(len(classes))[-1], (len(sources), 1))
    class_weight = len(sources) / len(classes)
    features, targets, sides, weights = [], [], [], []
    for view in (*DAMAGED_VIEWS, HARMLESS_VIEW):
        rows = extractor.extract(sources, view, edited_view)
        made = ~np.isnan(rows[:, 0])
        harmless = view == HARMLESS_VIEW
        share = SHARES[category] / (1 if harmless else len(DAMAGED_VIEWS))
        features.append(rows[made])
        targets.append((soft_targets(sources, classes) if harmless else damaged)[made])
        sides.append(groups[made])
        weights.append(np.full(int(made.sum()), share * class_weight / max(1, int(made.sum()))))
    return Extra(np.concatenate(features), np.concatenate(targets), np.concatenate(sides), np.concatenate(weights))
