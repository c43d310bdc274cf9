"""How well reviewers agree with each other and with the model, and how often automatic grades are wrong."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, cast

from regrade.serving.adjudication import Votes, settled
from regrade.serving.review.statistics import AgreementInterval, Interval, agreement_interval, clopper_pearson
from regrade.serving.review.types import AutoGraded, Look

Subject = Literal["reviewers", "model_blind", "model_seen"]
"""Whose agreement: two reviewers', or the model's with a reviewer who did not, or did, know its opinion."""

SUBJECTS: Final[tuple[Subject, ...]] = ("reviewers", "model_blind", "model_seen")
PARTS: Final = ("category", "seller", "station", "week", "people")
"""By what agreement is broken down. `people` is the pair of reviewers, or the one who was compared with the model."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two opinions of one inspection. For reviewers, the first and the second look; the tie-break was only asked where
    those two differ, so that it would make agreement look worse than it is. `week` is such as `2026-W48`."""

    subject: Subject
    conditions: tuple[str, str]
    category: str | None
    seller: str | None
    station: str | None
    week: str
    people: str


@dataclass(frozen=True, slots=True)
class ErrorRate:
    """How often automatic grades of one part were wrong, as the blind sample says.

    `items` went without a human; `covered` of them could have been drawn for the sample, which says nothing of the
    others. Of `sampled`, `looked_at` are decided and `wrong` differ from the model, `pending` of these still without a
    tie-break. `rate`, `interval` and the `expected_wrong` of the covered items are None before the first look.
    `promised` is the α of the bundles, averaged over the items; None where they promise nothing. `alarm`: the whole
    interval lies above it; `warning`: only the estimate does.
    """

    part: str | None
    items: int
    covered: int
    sampled: int
    looked_at: int
    wrong: int
    pending: int
    rate: float | None
    interval: Interval | None
    expected_wrong: float | None
    promised: float | None
    verdict: Literal["alarm", "warning", "kept", "unknown"]


def iso_week(moment: datetime) -> str:
    """The ISO week of `moment`, such as `2026-W48`."""
    year, week, _ = moment.isocalendar()
    return f"{year}-W{week:02}"


def pairs_of(looks: Iterable[Look]) -> list[Pair]:
    """All pairs of opinions in `looks`, at most one a subject and inspection."""
    found = []
    for votes in _by_inspection(looks).values():
        first = votes.get("unsure") or votes.get("sample")
        second = votes.get("second")
        if first is None:
            continue
        if first.model_condition is not None:
            subject: Subject = "model_blind" if first.blind else "model_seen"
            found.append(_pair(subject, (first.model_condition, first.condition), first, first.reviewer))
        if second is not None:
            # In one order whoever came first, so that both marginals belong to one person each.
            one, two = sorted((first, second), key=lambda look: (look.reviewer, look.key_id))
            people = f"{one.reviewer} – {two.reviewer}"
            found.append(_pair("reviewers", (one.condition, two.condition), first, people))
    return found


def agreement_by(pairs: Sequence[Pair], part: str) -> list[tuple[str | None, AgreementInterval]]:
    """The agreement of each value of `part` (of `PARTS`); by name, but people with the most pairs first."""
    groups: defaultdict[str | None, list[tuple[str, str]]] = defaultdict(list)
    for pair in pairs:
        groups[getattr(pair, part)].append(pair.conditions)
    order = sorted(groups, key=lambda value: (-len(groups[value]) if part == "people" else 0, value or ""))
    return [(value, agreement_interval(groups[value])) for value in order]


def error_rates(
    looks: Iterable[Look], counts: Iterable[AutoGraded], part: Literal["all", "category", "seller", "week"] = "all"
) -> list[ErrorRate]:
    """The error of automatic grades, over all (one row) or by part, in the order of the parts' names.

    Every sampled item stands for 1 / `sample_share` items (Horvitz and Thompson 1952); dividing by the sum of these
    weights (Hájek 1971) takes those that were drawn but not yet looked at to be like the others. The interval is
    Clopper and Pearson's for the effective sample size of Kish (1965), (Σw)² / Σw², as Korn and Graubard (1998)
    propose for small shares of weighted samples; with equal weights it is the exact one. Weeks are those in which the
    items came in.
    """
    of_look, of_count = _parts(part)
    votes: defaultdict[str | None, list[dict[str, Look]]] = defaultdict(list)
    for one in _by_inspection(looks).values():
        if (sample := one.get("sample")) is not None and sample.sample_share and sample.model_condition is not None:
            votes[of_look(sample)].append(one)
    cells: defaultdict[str | None, list[AutoGraded]] = defaultdict(list)
    for count in counts:
        cells[of_count(count)].append(count)
    names = sorted(votes.keys() | cells.keys(), key=lambda name: name or "")
    return [_error_rate(name, votes[name], cells[name]) for name in names]


def _error_rate(part: str | None, votes: Sequence[Mapping[str, Look]], cells: Sequence[AutoGraded]) -> ErrorRate:
    covered = sum(cell.drawable for cell in cells)
    weights, wrong, pending, promises = [], [], 0, []
    for one in votes:
        sample = one["sample"]
        final = settled(sample.model_condition, cast("Votes", one))
        # Until the tie is broken the sample's own word stands, as it does on the bench.
        differs = (final or sample.condition) != sample.model_condition
        pending += final is None and differs
        weights.append(1 / (sample.sample_share or 1.0))
        wrong.append(differs)
        if sample.alpha is not None:
            promises.append((weights[-1], sample.alpha))
    rate = interval = promised = None
    if weights:
        total = sum(weights)
        rate = sum(weight for weight, differs in zip(weights, wrong, strict=True) if differs) / total
        effective = total**2 / sum(weight**2 for weight in weights)
        interval = clopper_pearson(rate * effective, effective)
    if promises:
        promised = sum(weight * alpha for weight, alpha in promises) / sum(weight for weight, _ in promises)
    return ErrorRate(
        part=part,
        items=sum(cell.items for cell in cells),
        covered=covered,
        sampled=sum(cell.sampled for cell in cells),
        looked_at=len(weights),
        wrong=sum(wrong),
        pending=pending,
        rate=rate,
        interval=interval,
        expected_wrong=None if rate is None else rate * covered,
        promised=promised,
        verdict=_verdict(rate, interval, promised),
    )


def _verdict(
    rate: float | None, interval: Interval | None, promised: float | None
) -> Literal["alarm", "warning", "kept", "unknown"]:
    if rate is None or interval is None or promised is None:
        return "unknown"
    if interval.low > promised:
        return "alarm"
    return "warning" if rate > promised else "kept"


def _by_inspection(looks: Iterable[Look]) -> dict[str, dict[str, Look]]:
    """Inspection to its looks by kind."""
    found: defaultdict[str, dict[str, Look]] = defaultdict(dict)
    for look in looks:
        found[look.inspection_id][look.kind] = look
    return found


def _pair(subject: Subject, conditions: tuple[str, str], look: Look, people: str) -> Pair:
    week = iso_week(look.decided_at)
    return Pair(subject, conditions, look.category, look.seller, look.station, week, people)


def _parts(part: str) -> tuple[Callable[[Look], str | None], Callable[[AutoGraded], str | None]]:
    if part == "all":
        return (lambda _: None), (lambda _: None)
    if part == "week":
        return (lambda look: iso_week(look.created_at)), (lambda count: count.week)
    return (lambda look: getattr(look, part)), (lambda count: getattr(count, part))
