"""What is promised of the items that go without a person, at the shares of conditions that the site really gets."""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import String, select
from sqlalchemy import cast as as_type

from regrade.models.category.fields import Condition
from regrade.models.promise.held_out import HeldOut
from regrade.models.promise.prior_shift import estimated_shares, interval_of_shares, unseen
from regrade.serving.policy.promise.promised import Promised, work_out
from regrade.serving.policy.promise.told import Told, told
from regrade.serving.policy.terms import Policy, economics_of
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import inspections

Floats = NDArray[np.float64]
NEWEST: Final = 1000
"""Items of a category, the newest, by which its shares are estimated."""
FEW: Final = 50
"""Items below which no shares are estimated."""


@dataclass(frozen=True, slots=True)
class SiteShares:
    """How the site's items of a category are shared out over its conditions, by what the active bundle said of `items`
    of them: condition → share, and the ends of its 90% interval. `unseen` names conditions that the site has and that
    hardly any look of the table is at: of them the promise cannot speak."""

    items: int
    shares: Mapping[str, tuple[float, float, float]]
    unseen: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CategoryPromise:
    """`told` is the promise in force; `site` how the site's items differ, and `at_site` what would be promised at these
    shares: both None where too few items have come in."""

    told: Told
    site: SiteShares | None
    at_site: Promised | None

    @property
    def rests_on_too_little(self) -> bool:
        """Whether the site's items are of conditions that were hardly looked at, or the promise does not hold there."""
        if self.site is None or self.at_site is None:
            return False
        return bool(self.site.unseen) or (bool(self.told.promised) and self.at_site.threshold is None)


def category_promises(
    policy: Policy, database: Database, since: datetime, category: str | None = None, seller: str | None = None
) -> list[CategoryPromise]:
    """Of every category that grades, or of one; by its name."""
    names = sorted(name for name in policy.held_out if category in (None, name))
    seen = _posteriors(database, policy.held_out, since, names, seller)
    return [_of(policy, name, seller, seen[name]) for name in names]


def _of(policy: Policy, name: str, seller: str | None, posteriors: Floats) -> CategoryPromise:
    table, found = policy.held_out[name], told(policy, name, seller)
    if len(posteriors) < FEW or not len(table) or found.promised is None:
        return CategoryPromise(found, None, None)
    shares = estimated_shares(posteriors, table.shares)
    low, high = interval_of_shares(posteriors, table.shares)
    named = {c: (float(s), float(a), float(b)) for c, s, a, b in zip(table.labels, shares, low, high, strict=True)}
    missing = tuple(table.labels[i] for i in unseen(table.shares, shares, len(np.unique(table.groups))))
    terms = policy.terms(seller)
    economics, _ = economics_of(terms, name)
    here = economics.model_copy(update={"shares": {cast("Condition", c): s for c, (s, _, _) in named.items()}})
    at_site = work_out(terms, here, name, economics.default_value, table, seller)
    return CategoryPromise(found, SiteShares(len(posteriors), named, missing), at_site)


def _posteriors(
    database: Database, tables: Mapping[str, HeldOut], since: datetime, names: list[str], seller: str | None
) -> dict[str, Floats]:
    """What the active bundle of each category said of its newest items, (n, k) in the order of the table's labels."""
    result, found = inspections.c.result, defaultdict[str, Any](list)
    with database.read() as connection:
        for name in names:
            query = (
                select(as_type(result["grade"]["probabilities"], String), result["models"][name].as_string())
                .where(inspections.c.category == name, inspections.c.created_at >= since)
                .where(inspections.c.status != "retake")
                .order_by(inspections.c.created_at.desc())
                .limit(NEWEST)
            )
            if seller is not None:
                query = query.where(inspections.c.seller == seller)
            for written, version in connection.execute(query):
                if written is not None and version == tables[name].version:
                    found[name].append(written)
    return {name: _rows(found[name], tables[name].labels) for name in names}


def _rows(written: list[Any], labels: tuple[str, ...]) -> Floats:
    rows = [json.loads(one) if isinstance(one, str) else one for one in written]
    p = np.array([[float(row.get(label, 0.0)) for label in labels] for row in rows if row], dtype=np.float64)
    p = p.reshape(-1, len(labels))
    total = p.sum(axis=1, keepdims=True)
    shares: Floats = np.divide(p, total, out=np.full_like(p, 1 / len(labels)), where=total > 0)
    return shares
