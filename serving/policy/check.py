"""What is legal in a policy but looks wrong: economics that a person should look at twice."""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from regrade.models.category.economics import Economics
from regrade.models.category.rules import Rule
from regrade.models.types import CONDITIONS
from regrade.serving.base.dispositions import ACTIONS
from regrade.serving.policy.rules import Case, applies
from regrade.serving.policy.schema import Terms
from regrade.serving.policy.terms import Policy

Floats = NDArray[np.float64]

FX_DAYS = 90
"""Exchange rates older than this are worth a warning."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to look at. `level` is `warning` or, where it may well be intended, `note`."""

    level: str
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.level}: {self.path}: {self.message}"


def check(policy: Policy, today: datetime.date) -> list[Finding]:
    """All findings, the base's first; a seller's only where they are not the base's too."""
    findings = [*_exchange(policy, today), *_photos(policy), *_terms(policy.base, None)]
    known = {(f.path, f.message) for f in findings}
    for seller, terms in policy.sellers.items():
        own = (f for f in _terms(terms, seller) if (f.path, f.message) not in known)
        findings += [Finding(f.level, f"sellers.{seller}.{f.path}", f.message) for f in own]
    return findings


def _exchange(policy: Policy, today: datetime.date) -> Iterator[Finding]:
    age = (today - policy.fx.date).days
    if age > FX_DAYS and policy.fx.rates:
        yield Finding("warning", "fx.date", f"the exchange rates are {age} days old")
    if age < 0:
        yield Finding("warning", "fx.date", "the exchange rates are dated in the future")
    if policy.fx.rates.get(policy.currency, 1.0) != 1.0:
        yield Finding("warning", f"fx.rates.{policy.currency}", "the policy's own currency is always 1; ignored")


def _photos(policy: Policy) -> Iterator[Finding]:
    named = policy.photos.originals
    for unknown in [] if isinstance(named, bool) else [one for one in named if one not in policy.base.categories]:
        yield Finding("warning", f"photos.originals: {unknown}", "there is no such category; a misspelling?")


def _terms(terms: Terms, seller: str | None) -> Iterator[Finding]:
    if terms.auto_relist_min_probability is None:
        yield Finding("note", "auto_relist_min_probability", "not set: a human must agree to every relisting")
    lists: tuple[tuple[str, Sequence[Rule]], ...] = (
        ("never", terms.never),
        ("require_review", terms.require_review),
    )
    for field, rules in lists:
        for index, rule in enumerate(rules):
            unknown = [c for c in rule.when.category_in or () if c not in terms.categories]
            if unknown:
                path = f"{field}[{index}].when.category_in"
                yield Finding("warning", path, f"no economics are given for {', '.join(unknown)}; a misspelling?")
    for unknown_bin in [name for name in terms.bins.categories if name not in terms.categories]:
        yield Finding("warning", f"bins.categories.{unknown_bin}", "there is no such category; a misspelling?")
    for name, economics in terms.categories.items():
        path = f"categories.{name}"
        cost = terms.review_cost(economics)
        if cost == 0:
            yield Finding("warning", path, "a review costs nothing, so that every doubt goes to a human")
        yield from _rates(economics, path)
        yield from _never_best(terms, name, economics, seller)


def _rates(economics: Economics, path: str) -> Iterator[Finding]:
    for action in ACTIONS:
        rates = {c: economics.rates.of(c).of(action) for c in CONDITIONS}
        for condition, rate in rates.items():
            if rate > 1:
                message = f"{rate:g} recovers more than the item is worth"
                yield Finding("warning", f"{path}.rates.{condition}.{action}", message)
        for better, worse in pairwise(CONDITIONS):
            if rates[worse] > rates[better]:
                message = f"{rates[worse]:g} is more than for {better} ({rates[better]:g}), which is the better state"
                yield Finding("warning", f"{path}.rates.{worse}.{action}", message)


def _never_best(terms: Terms, name: str, economics: Economics, seller: str | None) -> Iterator[Finding]:
    """Actions that are permitted somewhere and yet the best nowhere. Destroying is nobody's aim: left out."""
    values = _values(terms, economics)
    permitted, chosen = _choices(terms, name, economics, seller, values)
    for action in ACTIONS:
        if action in permitted and action not in chosen and action != "destroy":
            level = "note" if action == "return_to_origin" else "warning"
            message = f"never the best, whatever the condition, at any value up to {values[-1]:g}"
            yield Finding(level, f"categories.{name}.{action}", message)


def _values(terms: Terms, economics: Economics) -> list[float]:
    """Item values to try: a twentieth to forty times the default, and either side of the rules' borders."""
    grid = economics.default_value * np.geomspace(0.05, 40, 48)
    borders = [b for r in terms.never for b in (r.when.value_below, r.when.value_above) if b]
    return sorted({float(f"{v:.4g}") for v in [*grid, *(b * f for b in borders for f in (0.99, 1.01))]})


def _choices(
    terms: Terms, name: str, economics: Economics, seller: str | None, values: list[float]
) -> tuple[set[str], set[str]]:
    """The actions permitted, and those that are best, at some value and some posterior on a grid of tenths."""
    posteriors = _simplex(len(CONDITIONS), 10) / 10
    permitted = np.zeros(len(ACTIONS), dtype=bool)
    chosen: set[str] = set()
    for value in values:
        recovery = np.array([[economics.recovery(c, a, value) for a in ACTIONS] for c in CONDITIONS])
        expected: Floats = posteriors @ recovery
        for rule in terms.never:
            anywhere = rule.when.model_copy(update={"condition_in": None})
            if (
                rule.when.sku_in
                or rule.when.defect_in
                or rule.when.identity_is
                or rule.when.pieces_are
                or not applies(anywhere, Case(name, value, {}, seller))
            ):
                continue
            named = [c in (rule.when.condition_in or CONDITIONS) for c in CONDITIONS]
            triggered = posteriors[:, named].sum(axis=1) > rule.when.probability_above
            expected[triggered, ACTIONS.index(rule.action)] = -np.inf
        permitted |= np.isfinite(expected).any(axis=0)
        chosen |= {ACTIONS[i] for i in np.unique(expected.argmax(axis=1))}
    return {a for a, ok in zip(ACTIONS, permitted, strict=True) if ok}, chosen


def _simplex(parts: int, total: int) -> Floats:
    """All ways to share `total` among `parts`, of shape (n, parts); whole numbers, as floats."""
    if parts == 1:
        return np.array([[float(total)]])
    blocks = []
    for first in range(total + 1):
        rest = _simplex(parts - 1, total - first)
        blocks.append(np.hstack([np.full((len(rest), 1), float(first)), rest]))
    return np.vstack(blocks)
