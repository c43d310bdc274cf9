"""From manifest records to what heads are fitted on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regrade.datasets.manifest import Record
from regrade.models.arch.efficientnet_lite import MAP_CHANNELS
from regrade.models.errors import DatasetError
from regrade.training.features import VIEWS, Extractor
from regrade.training.heads import Extra, Sample

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
FITTED_SPLITS = ("train", "val")
"""Heads are chosen, fitted and calibrated on these by cross-validation over groups; `test` is only ever scored."""


@dataclass(frozen=True, slots=True)
class Features:
    """Features of all records, (n, D) per view: INT8 (what serving runs) in every view, FP32 in the plain one."""

    int8: Mapping[str, NDArray[np.float32]]
    fp32: NDArray[np.float32]

    @classmethod
    def of(cls, records: Sequence[Record], int8: Extractor, fp32: Extractor) -> "Features":
        """Extract (or read from the cache) the features of `records`."""
        return cls({view: int8.extract(records, view) for view in VIEWS}, fp32.extract(records, "plain"))

    def take(self, rows: Ints) -> list[NDArray[np.float32]]:
        """All views of `rows` to fit on, the served one first."""
        return [self.int8[view][rows] for view in VIEWS] + [self.fp32[rows]]


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
    """Indices of the graded records of `category` (any when None) in `splits`."""
    return np.array(
        [
            i
            for i, r in enumerate(records)
            if r.condition is not None and r.split in splits and category in (None, r.category)
        ],
        dtype=np.intp,
    )


def groups_of(records: Sequence[Record], rows: Ints) -> NDArray[np.str_]:
    """Group ids of `rows`."""
    return np.array([records[i].group for i in rows])


def condition_sample(
    records: Sequence[Record],
    features: Features,
    rows: Ints,
    classes: Sequence[str],
    balance: float,
    extra: Extra | None = None,
) -> Sample:
    """What the condition head of one category is fitted on."""
    chosen = [records[i] for i in rows]
    labels = np.array([classes.index(r.condition or "") for r in chosen], dtype=np.intp)
    return Sample(features.take(rows), soft_targets(chosen, classes), labels, groups_of(records, rows), balance, extra)


def category_sample(
    records: Sequence[Record], features: Features, rows: Ints, classes: Sequence[str], balance: float
) -> Sample:
    """What the router is fitted on: the manifest's category of each photo."""
    labels = np.array([classes.index(records[i].category) for i in rows], dtype=np.intp)
    # Categories are far apart; one view is enough to tell them.
    views = [features.int8["plain"][rows], features.fp32[rows]]
    return Sample(views, np.eye(len(classes))[labels], labels, groups_of(records, rows), balance)


def defect_sample(records: Sequence[Record], features: Features, rows: Ints, kind: str) -> Sample:
    """What the head of one defect type is fitted on: absent or present among the codes that labellers wrote down."""
    labels = np.array([kind in records[i].defect_codes for i in rows], dtype=np.intp)
    # Only the features that are a mean over the map can be traced back to places on it.
    views = [view[:, :MAP_CHANNELS] for view in features.take(rows)]
    return Sample(views, np.eye(2)[labels], labels, groups_of(records, rows), 0.5)
