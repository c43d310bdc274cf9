"""From manifest records to what heads are fitted on."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from regrade.datasets.manifest import Record
from regrade.models.errors import DatasetError

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
LEAST_FITTED = 20
"""With fewer photos in train and val there is nothing to choose or calibrate by; 30 in all leave that many."""
MIN_PHOTOS = 50
"""Fewer held-out photos than this cannot support any promise worth making: everything goes to review."""
FITTED_SPLITS = ("train", "val")
"""Networks and heads are fitted, chosen and calibrated on these; `test` is only ever scored."""


def soft_targets(records: Sequence[Record], classes: Sequence[str]) -> Floats:
    """Share of the votes for each class, (n, k); the majority alone where no vote is among `classes`."""
    out = np.zeros((len(records), len(classes)))
    for i, record in enumerate(records):
        for vote in record.votes:
            if vote in classes:
                out[i, classes.index(vote)] += 1.0
        if not out[i].any() and record.condition in classes:
            out[i, classes.index(record.condition)] = 1.0
    totals = out.sum(axis=1, keepdims=True)
    if (totals == 0).any():
        bad = records[int(np.flatnonzero(totals[:, 0] == 0)[0])]
        raise DatasetError(f"photo {bad.id} has no vote among {', '.join(classes)}. Label it or leave it out.")
    out /= totals
    return out


def rows_of(records: Sequence[Record], category: str | None, splits: Sequence[str]) -> Ints:
    """Indices of the records of `category` (any when None) in `splits` that have a condition and show enough for it."""
    return np.array(
        [i for i, r in enumerate(records) if r.gradable and r.split in splits and category in (None, r.category)],
        dtype=np.intp,
    )
