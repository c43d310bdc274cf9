"""Whether the blind sample of what a bundle let go shows that a promise about it does not hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import String, cast, select

from regrade.models.promise.betting import above
from regrade.serving.candidates.comparison import losses
from regrade.serving.candidates.pairs import Opinion, settled_of, stored_opinion
from regrade.serving.policy.promise.promised import limits_of, promised
from regrade.serving.policy.terms import Policy, economics_of
from regrade.serving.review.types import DecisionRow
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import inspections

Floats = NDArray[np.float64]
BATCH = 500


@dataclass(frozen=True, slots=True)
class Watched:
    """One promise beside what `looks` blind looks found: its `limit`, the `mean` that they found, and the capital of
    the bet that it does not hold, of the `needed` that it takes. `broken` once it ever was there."""

    what: Literal["money", "harm", "condition"]
    looks: int
    limit: float
    mean: float
    capital: float
    needed: float
    broken: bool


def watched(
    policy: Policy, database: Database, category: str, version: str, looks: Sequence[DecisionRow]
) -> tuple[Watched, ...]:
    """What is promised of items of `category` that go without a person by `version`, and what blind looks found.

    In force is the promise in money where one is proven, else the bundle's own on the condition. Each limit is watched
    at an equal part of δ, so that all together are called broken wrongly with a chance of at most δ, however often it
    is asked. Looks count by the share that their items were drawn with.
    """
    mine = {
        look.inspection_id: look
        for look in looks
        if look.kind == "sample" and look.sample_share and look.versions.get(category) == version
    }
    truths = {name: one for name, one in settled_of(looks).items() if name in mine}
    ids = sorted(truths, key=lambda name: (truths[name].at, name))
    rows = [mine[name] for name in ids]
    shares = [policy.terms(seller).quality_control.sample_share for seller in (None, *policy.sellers)]
    rarest = min([share for share in shares if share > 0], default=1.0)
    weights = np.array([min(1.0, rarest / (row.sample_share or 1.0)) for row in rows])
    found = promised(policy, category, None)
    if found is not None and found.threshold is not None:
        economics, _ = economics_of(policy.base, category)
        limits = limits_of(policy.base, economics, economics.default_value)
        opinions = opinions_of(database, ids)
        told = [(row.seller, opinions[name], truths[name].condition) for name, row in zip(ids, rows, strict=True)]
        loss, harm, _ = losses(policy, category, told)
        needed = (1 if limits.harm is None else 2) / limits.delta
        kinds = [_watched("money", loss, limits.loss, weights, needed)]
        if limits.harm is not None:
            kinds.append(_watched("harm", harm, limits.harm, weights, needed))
        return tuple(kinds)
    promises = {row.alpha for row in rows if row.alpha}
    if not promises:
        return ()
    wrong = np.array(
        [float(truths[name].condition != row.model_condition) for name, row in zip(ids, rows, strict=True)]
    )
    return (_watched("condition", wrong, max(promises), weights, 1 / policy.base.promise.delta),)


def _watched(
    what: Literal["money", "harm", "condition"], values: Floats, limit: float, weights: Floats, needed: float
) -> Watched:
    if not limit > 0:
        return Watched(what, len(values), limit, float(values.mean()) if len(values) else 0.0, 1.0, needed, False)
    path = above(values, limit, weights)
    if not len(path):
        return Watched(what, 0, limit, 0.0, 1.0, needed, False)
    mean = float(weights @ values / weights.sum())
    capital = float(np.exp(min(path[-1], 700.0)))
    return Watched(what, len(path), limit, mean, capital, needed, bool(path.max() >= np.log(needed)))


def opinions_of(database: Database, ids: Sequence[str]) -> Mapping[str, Opinion]:
    """What was said of the inspections `ids`."""
    result, found = inspections.c.result, dict[str, Opinion]()
    with database.read() as connection:
        for start in range(0, len(ids), BATCH):
            query = select(
                inspections.c.id,
                cast(result["grade"]["probabilities"], String).label("probabilities"),
                cast(result["defects"], String).label("defects"),
            ).where(inspections.c.id.in_(ids[start : start + BATCH]))
            for row in connection.execute(query):
                found[row.id] = stored_opinion(row.probabilities, row.defects, alone=True)
    return found
