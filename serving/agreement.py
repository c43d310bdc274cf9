"""How often the model and the reviewers say the same."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from regrade.models.types import CONDITIONS


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
    place = {condition: index for index, condition in enumerate(CONDITIONS)}
    table = np.zeros((len(place), len(place)))
    for first, second in pairs:
        table[place[first], place[second]] += 1
    share = table / table.sum()
    observed = float(np.trace(share))
    chance = float(share.sum(axis=1) @ share.sum(axis=0))
    kappa = None if chance > 1 - 1e-12 else round((observed - chance) / (1 - chance), 4)
    return Agreement(len(pairs), round(observed, 4), kappa)
