"""How well two labellers agree: raw agreement, and Cohen's kappa, which takes out what chance would give.

Source: J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement
20(1), 1960, pp. 37-46. Intervals: percentile bootstrap over whole groups (near-duplicates, same sender), as
photos of one group are not independent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regrade.datasets.manifest import Record

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95% bootstrap interval. NaN where it is not defined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of two labelling passes on `items` items in `groups` groups."""

    items: int
    groups: int
    raw: Estimate
    """Share of items that got the same label twice, in [0, 1]."""
    kappa: Estimate
    """Cohen's kappa in [-1, 1]: 0 is chance, 1 is full agreement; NaN where only one label was ever given."""


def cohen_kappa(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cohen's kappa of confusion tables of shape (..., k, k), first labeller by second; shape (...).

    NaN for an empty table and where chance alone gives full agreement (a single label in use).
    """
    total = table.sum(axis=(-2, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        observed = np.trace(table, axis1=-2, axis2=-1) / total
        expected = (table.sum(axis=-1) * table.sum(axis=-2)).sum(axis=-1) / total**2
        kappa: NDArray[np.float64] = np.where(expected < 1, (observed - expected) / (1 - expected), np.nan)
    return kappa


def agreement(
    first: Sequence[str],
    second: Sequence[str],
    groups: Sequence[str],
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> Agreement:
    """Agreement of two labellers over the same items, with 95% intervals.

    `first`, `second` and `groups` have one entry an item. Raises `ValueError` for unequal lengths or none.
    """
    if not len(first) == len(second) == len(groups):
        raise ValueError(f"lengths differ: {len(first)}, {len(second)} labels, {len(groups)} groups")
    if not first:
        raise ValueError("no items to compare")
    tables = _tables_by_group(first, second, groups)
    rng = np.random.default_rng(seed)
    # Drawing n groups with replacement is drawing how often each is taken.
    counts = rng.multinomial(len(tables), np.full(len(tables), 1 / len(tables)), size=resamples)
    resampled = np.tensordot(counts.astype(np.float64), tables, axes=1)
    whole = tables.sum(axis=0)
    return Agreement(
        len(first),
        len(tables),
        _estimate(_raw(whole), _raw(resampled)),
        _estimate(cohen_kappa(whole), cohen_kappa(resampled)),
    )


def passes(records: Sequence[Record], damaged_only: bool = False) -> tuple[list[str], list[str], list[str]]:
    """First votes, second votes and groups of the records that were labelled twice or more.

    `damaged_only` reduces each vote to `damaged` or `not damaged`.
    """
    twice = [r for r in records if len(r.votes) >= 2]

    def label(vote: str) -> str:
        return vote if not damaged_only or vote == "damaged" else "not damaged"

    return [label(r.votes[0]) for r in twice], [label(r.votes[1]) for r in twice], [r.group for r in twice]


def _tables_by_group(first: Sequence[str], second: Sequence[str], groups: Sequence[str]) -> NDArray[np.float64]:
    """Confusion tables of shape (groups, k, k)."""
    labels = {label: i for i, label in enumerate(sorted({*first, *second}))}
    places = {group: i for i, group in enumerate(dict.fromkeys(groups))}
    tables = np.zeros((len(places), len(labels), len(labels)))
    for a, b, group in zip(first, second, groups, strict=True):
        tables[places[group], labels[a], labels[b]] += 1
    return tables


def _raw(table: NDArray[np.float64]) -> NDArray[np.float64]:
    share: NDArray[np.float64] = np.trace(table, axis1=-2, axis2=-1) / table.sum(axis=(-2, -1))
    return share


def _estimate(value: NDArray[np.float64], resampled: NDArray[np.float64]) -> Estimate:
    tail = (1 - CONFIDENCE) / 2
    defined = resampled[~np.isnan(resampled)]
    if np.isnan(value) or not defined.size:
        return Estimate(float(value), float("nan"), float("nan"))
    low, high = np.quantile(defined, [tail, 1 - tail])
    return Estimate(float(value), float(low), float(high))
