"""The table of a bundle that promises rest on, from photos that it was not fitted on."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from regrade.datasets.manifest import Record
from regrade.models.promise.held_out import HeldOut, held_out
from regrade.models.types import Defect
from regrade.training.data.targets import soft_targets


def held_out_table(
    version: str,
    labels: tuple[str, ...],
    probabilities: NDArray[np.float64],
    records: Sequence[Record],
    origin: str,
    defects: Sequence[Sequence[Defect]] | None = None,
) -> HeldOut:
    """The posteriors (n, k) of `records`, each given by what had not seen its group, beside their votes. A photo whose
    votes were not kept counts as its label says. `origin` says how the photos were kept apart.
    """
    kinds = None if defects is None else [frozenset(one.type for one in found) for found in defects]
    sources = ", ".join(sorted({r.source for r in records}))
    return held_out(
        version,
        labels,
        probabilities,
        soft_targets(records, labels),
        [f"{r.source}/{r.group}" for r in records],
        kinds,
        origin=f"photos of {sources}, {origin}",
    )
