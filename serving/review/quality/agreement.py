"""How often the model and the reviewers say the same."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from regrade.models.estimates import cohen_kappa
from regrade.serving.review.quality.statistics import confusion


@dataclass(frozen=True, slots=True)
class Agreement:
    """`raw` is the share of equal conditions, `kappa` Cohen's; each is None where it is not defined."""

    items: int
    raw: float | None
    kappa: float | None


def agreement(pairs: Sequence[tuple[str, str]]) -> Agreement:
    """Raw agreement and Cohen's kappa of pairs of conditions (Cohen 1960).

    Kappa is not defined for no pairs, nor where chance alone would make both always agree.
    """
    if not pairs:
        return Agreement(0, None, None)
    table = confusion(pairs).astype(np.float64)
    kappa = float(cohen_kappa(table))
    return Agreement(
        len(pairs), round(float(np.trace(table)) / len(pairs), 4), None if math.isnan(kappa) else round(kappa, 4)
    )
