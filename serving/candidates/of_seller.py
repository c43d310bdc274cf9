"""What is promised of a seller's items, and what blind looks found of those that went without a person.

Figures are of what may be seen alone (`regrade.serving.storage.scope`), so of the seller's own items; and there are
none below `FEW`: of a few items a mean is one item's fate.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select

from regrade.serving.candidates.broken import opinions_of
from regrade.serving.candidates.comparison import losses
from regrade.serving.candidates.pairs import settled_of
from regrade.serving.policy.promise.promised import limits_of, promised
from regrade.serving.policy.terms import Policy, economics_of
from regrade.serving.review.quality.decision_rows import AUTOMATIC
from regrade.serving.review.quality.promises import FEW, NEWEST
from regrade.serving.review.quality.statistics import Interval, clopper_pearson, effective_size
from regrade.serving.review.types import DecisionRow
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import inspections

Floats = NDArray[np.float64]
RESAMPLES: Final = 1000

InForce = Literal["money", "condition", "review"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean of looks, and its 95% interval."""

    mean: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class OfSeller:
    """One category. What is promised of items that go without a person, with `confidence`: they lose `loss_limit` of
    `currency` on average at the most, for an item of `value`, and at most the share `harm_limit` is sold as better than
    it is (None: nothing is promised of it). Both are None where nothing is promised in money.

    `in_force` says what holds now: `money`, what is promised is proven; `condition`, it is not, and what the bundle
    promises of the condition holds; `review`, it is not, and a person sees every item.

    Of the seller's own items since a moment `automatic` of `items` went without a person, the `share`; blind `looks` at
    those found the share that was `wrong`, the share sold as `better` than it is, and the mean `loss`. All four are
    None where there are fewer than `FEW` to reckon them by.
    """

    category: str
    currency: str
    value: float
    loss_limit: float | None
    harm_limit: float | None
    confidence: float
    in_force: InForce
    items: int
    automatic: int
    looks: int
    share: Figure | None = None
    wrong: Figure | None = None
    better: Figure | None = None
    loss: Figure | None = None


def of_seller(
    policy: Policy, database: Database, seller: str, since: datetime, looks: Sequence[DecisionRow]
) -> list[OfSeller]:
    """Of each category of the policy's bundles, by name. `looks` are those since that moment, read as `seller` sees
    them. Blocks on the database."""
    with database.read() as connection:
        query = (
            select(inspections.c.category, func.count(), func.count().filter(AUTOMATIC))
            .where(inspections.c.created_at >= since, inspections.c.status != "retake", inspections.c.seller == seller)
            .group_by(inspections.c.category)
        )
        counts = {category: (items, alone) for category, items, alone in connection.execute(query)}
    return [
        _of(policy, database, seller, category, counts.get(category, (0, 0)), looks)
        for category in sorted({*policy.held_out, *filter(None, counts)})
    ]


def _of(
    policy: Policy,
    database: Database,
    seller: str,
    category: str,
    counts: tuple[int, int],
    looks: Sequence[DecisionRow],
) -> OfSeller:
    terms, (items, alone) = policy.terms(seller), counts
    economics, own = economics_of(terms, category)
    found = promised(policy, category, seller)
    limits = limits_of(terms, economics, economics.default_value) if found is not None else None
    in_force: InForce = "condition"
    if found is not None and found.threshold is not None:
        in_force = "money"
    elif found is not None and terms.promise.where_unproven == "review":
        in_force = "review"
    mine = {one.inspection_id: one for one in looks if _counts(one, seller, category)}
    truths = {name: one for name, one in settled_of(looks).items() if name in mine}
    ids = sorted(truths, key=lambda name: (truths[name].at, name))[-NEWEST:]
    figures: dict[str, Any] = {}
    if items >= FEW:
        figures["share"] = Figure(alone / items, clopper_pearson(alone, items))
    if len(ids) >= FEW:
        rows = [mine[name] for name in ids]
        weights = np.array([1 / (row.sample_share or 1.0) for row in rows])
        wrong = [truths[name].condition != row.model_condition for name, row in zip(ids, rows, strict=True)]
        figures["wrong"] = _share(np.array(wrong, dtype=np.float64), weights)
        if own and found is not None:
            told = opinions_of(database, ids)
            loss, harm, _ = losses(policy, category, [(seller, told[name], truths[name].condition) for name in ids])
            figures |= {"better": _share(harm, weights), "loss": _mean(loss, weights)}
    return OfSeller(
        category,
        policy.currency,
        economics.default_value,
        None if limits is None else limits.loss,
        None if limits is None else limits.harm,
        1 - terms.promise.delta,
        in_force,
        items,
        alone,
        len(ids),
        **figures,
    )


def _counts(look: DecisionRow, seller: str, category: str) -> bool:
    """Whether it is one at an item that went without a person, drawn by lot."""
    drawn = look.kind == "sample" and bool(look.sample_share)
    return drawn and (look.seller, look.category) == (seller, category)


def _share(values: Floats, weights: Floats) -> Figure:
    """A share, with the exact interval for the effective number of looks (Kish 1965; Korn and Graubard 1998)."""
    mean = float(weights @ values / weights.sum())
    effective = effective_size(weights)
    return Figure(mean, clopper_pearson(mean * effective, effective))


def _mean(values: Floats, weights: Floats) -> Figure:
    """A mean, with the percentile interval of a bootstrap over looks."""
    drawn = np.random.default_rng(0).integers(0, len(values), (RESAMPLES, len(values)))
    means = (weights * values)[drawn].sum(axis=1) / weights[drawn].sum(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return Figure(float(weights @ values / weights.sum()), Interval(float(low), float(high)))
