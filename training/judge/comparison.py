"""Predictions of two bundles for the same photos, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regrade.models.errors import RunError
from regrade.models.types import CONDITIONS
from regrade.training.judge.predictions import Predictions

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class PairedPredictions:
    """What two bundles say of the same n labelled photos.

    `ours` and `theirs` are probabilities float64 (n, k) over `labels`, conditions from best to worst; a condition that
    a bundle does not know has probability 0 there. `truth` is intp (n,), `groups` str (n,).
    """

    labels: tuple[str, ...]
    ours: Floats
    theirs: Floats
    truth: Ints
    groups: NDArray[np.str_]

    @classmethod
    def of(cls, ours: Predictions, theirs: Predictions) -> "PairedPredictions":
        """Photos without a majority label are left out. Raises `RunError` where the photos or their labels are not the
        same, or no photo has one."""
        ours, theirs = ours.labelled, theirs.labelled
        place = {name: i for i, name in enumerate(theirs.ids)}
        if sorted(ours.ids) != sorted(theirs.ids):
            raise RunError(f"the two bundles of {ours.category} were not asked about the same photos; predict anew.")
        if not len(ours):
            raise RunError(f"no photo of {ours.category} that is held out has a label. Label some: they are the gate.")
        theirs = theirs.take(np.array([place[name] for name in ours.ids], dtype=np.intp))
        if [ours.labels[t] for t in ours.truth] != [theirs.labels[t] for t in theirs.truth]:
            raise RunError(f"photos of {ours.category} were relabelled between the two predictions; predict anew.")
        labels = tuple(c for c in CONDITIONS if c in ours.labels or c in theirs.labels)
        return cls(
            labels,
            _spread(ours.probabilities, ours.labels, labels),
            _spread(theirs.probabilities, theirs.labels, labels),
            _renamed(ours.truth, ours.labels, labels),
            ours.groups,
        )

    @classmethod
    def joined(cls, pairs: Sequence["PairedPredictions"]) -> "PairedPredictions":
        """The photos of all `pairs` together."""
        labels = tuple(c for c in CONDITIONS if any(c in p.labels for p in pairs))
        return cls(
            labels,
            np.concatenate([_spread(p.ours, p.labels, labels) for p in pairs]),
            np.concatenate([_spread(p.theirs, p.labels, labels) for p in pairs]),
            np.concatenate([_renamed(p.truth, p.labels, labels) for p in pairs]),
            np.concatenate([p.groups for p in pairs]),
        )


def _spread(probabilities: Floats, names: tuple[str, ...], labels: tuple[str, ...]) -> Floats:
    out = np.zeros((len(probabilities), len(labels)))
    out[:, [labels.index(name) for name in names]] = probabilities
    return out


def _renamed(truth: Ints, names: tuple[str, ...], labels: tuple[str, ...]) -> Ints:
    return np.array([labels.index(names[t]) for t in truth], dtype=np.intp)
