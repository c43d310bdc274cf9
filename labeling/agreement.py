"""How well two labellers agree: raw agreement, and Cohen's kappa, which takes out what chance would give.

Intervals: percentile bootstrap over whole groups (near-duplicates, same sender), as photos of one group are not
independent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from regrade.datasets.manifest import Record
from regrade.models.estimates import Estimate, Resamples, cohen_kappa, observed_agreement, tables

__all__ = ["Estimate", "LabelAgreement", "agreement", "cohen_kappa", "passes"]


@dataclass(frozen=True, slots=True)
class LabelAgreement:
    """Agreement of two labelling passes on `items` items in `groups` groups."""

    items: int
    groups: int
    raw: Estimate
    """Share of items that got the same label twice, in [0, 1]."""
    kappa: Estimate
    """Cohen's kappa in [-1, 1]: 0 is chance, 1 is full agreement; NaN where only one label was ever given."""


def agreement(
    first: Sequence[str],
    second: Sequence[str],
    groups: Sequence[str],
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> LabelAgreement:
    """Agreement of two labellers over the same items, with 95% intervals.

    `first`, `second` and `groups` have one entry an item. Raises `ValueError` for unequal lengths or none.
    """
    if not len(first) == len(second) == len(groups):
        raise ValueError(f"lengths differ: {len(first)}, {len(second)} labels, {len(groups)} groups")
    if not first:
        raise ValueError("no items to compare")
    places = {label: i for i, label in enumerate(sorted({*first, *second}))}
    one = np.array([places[label] for label in first], dtype=np.intp)
    two = np.array([places[label] for label in second], dtype=np.intp)
    drawn = Resamples.of(groups, resamples=resamples, seed=seed)
    table = tables(one, two, len(places), drawn.weights)
    return LabelAgreement(
        len(first), drawn.groups, drawn.estimate(observed_agreement(table)), drawn.estimate(cohen_kappa(table))
    )


def passes(records: Sequence[Record], damaged_only: bool = False) -> tuple[list[str], list[str], list[str]]:
    """First votes, second votes and groups of the records that were labelled twice or more.

    `damaged_only` reduces each vote to `damaged` or `not damaged`.
    """
    twice = [r for r in records if len(r.votes) >= 2]

    def label(vote: str) -> str:
        return vote if not damaged_only or vote == "damaged" else "not damaged"

    return [label(r.votes[0]) for r in twice], [label(r.votes[1]) for r in twice], [r.group for r in twice]
