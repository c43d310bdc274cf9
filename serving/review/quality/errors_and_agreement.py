"""How well reviewers agree with each other and with the model, and how often automatic grades are wrong."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, cast

from regrade.serving.review.quality.decision_rows import week_of
from regrade.serving.review.quality.statistics import (
    AgreementInterval,
    Interval,
    agreement_interval,
    clopper_pearson,
    effective_size,
)
from regrade.serving.review.types import AutoGraded, DecisionRow
from regrade.serving.storage.adjudication import Votes, settled

Subject = Literal["reviewers", "model_blind", "model_seen"]
"""Whose agreement: two reviewers', or the model's with a reviewer who did not, or did, know its opinion."""

SUBJECTS: Final[tuple[Subject, ...]] = ("reviewers", "model_blind", "model_seen")
PARTS: Final = ("category", "seller", "station", "week", "people")
"""By what agreement is broken down. `people` is the pair of reviewers, or the one who was compared with the model."""


@dataclass(frozen=True, slots=True)
class OpinionPair:
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
    others. Of `sampled`, `looked_at` are decided; of these `wrong` turned out not to be as the model graded them, and
    `pending` wait for a tie-break: they count neither as wrong nor as right, see `error_rates`. `rate`, `interval` and
    the `expected_wrong` of the covered items are None before the first look. `promised` is the α of the bundles,
    averaged over the items; None where they promise nothing. `alarm`: the whole interval lies above it, however the
    open ties end; `warning`: only the estimate does; `unproven`: the estimate does not, but the interval reaches above
    it; `kept`: all of it lies below.
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
    verdict: Literal["alarm", "warning", "unproven", "kept", "unknown"]


def iso_week(moment: datetime) -> str:
    """The ISO week of `moment`, such as `2026-W48`."""
    return week_of(moment.date())


def pairs_of(looks: Iterable[DecisionRow]) -> list[OpinionPair]:
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


def agreement_by(pairs: Sequence[OpinionPair], part: str) -> list[tuple[str | None, AgreementInterval]]:
    """The agreement of each value of `part` (of `PARTS`); by name, but people with the most pairs first."""
    groups: defaultdict[str | None, list[tuple[str, str]]] = defaultdict(list)
    for pair in pairs:
        groups[getattr(pair, part)].append(pair.conditions)
    order = sorted(groups, key=lambda value: (-len(groups[value]) if part == "people" else 0, value or ""))
    return [(value, agreement_interval(groups[value])) for value in order]


def error_rates(
    looks: Iterable[DecisionRow],
    counts: Iterable[AutoGraded],
    part: Literal["all", "category", "seller", "week"] = "all",
) -> list[ErrorRate]:
    """The error of automatic grades, over all (one row) or by part, in the order of the parts' names.

    Every sampled item stands for 1 / `sample_share` items (Horvitz and Thompson 1952); dividing by the sum of these
    weights (Hájek 1971) takes those that were drawn but not yet looked at to be like the others. The interval is
    Clopper and Pearson's for the effective sample size of Kish (1965), (Σw)² / Σw², as Korn and Graubard (1998)
    propose for small shares of weighted samples; with equal weights it is the exact one. Weeks are those in which the
    items came in.

    What an open tie will turn out to be is not known, and leaving it out would leave out disagreements alone. So the
    interval reaches from its low end were all open ties right to its high end were all of them wrong (the bounds of
    Manski 2003, ch. 1). The estimate takes them to turn out as the ties of the same kind that are broken (the sample
    differed from the model, or only its second look did), by Laplace's rule of succession: (wrong + 1) / (broken + 2).
    """
    of_look, of_count = _parts(part)
    votes: defaultdict[str | None, list[dict[str, DecisionRow]]] = defaultdict(list)
    # Most looks are at items that the model was unsure of, of which none could be drawn.
    for one in _by_inspection(look for look in looks if look.sample_share).values():
        if (sample := one.get("sample")) is not None and sample.model_condition is not None:
            votes[of_look(sample)].append(one)
    cells: defaultdict[str | None, list[AutoGraded]] = defaultdict(list)
    for count in counts:
        cells[of_count(count)].append(count)
    names = sorted(votes.keys() | cells.keys(), key=lambda name: name or "")
    return [_error_rate(name, votes[name], cells[name]) for name in names]


def _error_rate(part: str | None, votes: Sequence[Mapping[str, DecisionRow]], cells: Sequence[AutoGraded]) -> ErrorRate:
    covered = sum(cell.drawable for cell in cells)
    outcomes = [_outcome(one) for one in votes]
    rate = interval = promised = None
    if outcomes:
        total = sum(one.weight for one in outcomes)
        effective = effective_size(one.weight for one in outcomes)
        broken = {kind: _share_wrong(outcomes, kind) for kind in ("sample", "second")}
        known, open_, likely = 0.0, 0.0, 0.0
        for one in outcomes:
            known += one.weight * bool(one.wrong)
            open_ += one.weight * (one.wrong is None)
            likely += one.weight * broken[one.tie or "sample"] * (one.wrong is None)
        rate = (known + likely) / total
        least, most = known / total, (known + open_) / total
        low, high = (clopper_pearson(share * effective, effective) for share in (least, most))
        interval = Interval(low.low, high.high)
    promises = [(one.weight, one.alpha) for one in outcomes if one.alpha is not None]
    if promises:
        promised = sum(weight * alpha for weight, alpha in promises) / sum(weight for weight, _ in promises)
    return ErrorRate(
        part=part,
        items=sum(cell.items for cell in cells),
        covered=covered,
        sampled=sum(cell.sampled for cell in cells),
        looked_at=len(outcomes),
        wrong=sum(bool(one.wrong) for one in outcomes),
        pending=sum(one.wrong is None for one in outcomes),
        rate=rate,
        interval=interval,
        expected_wrong=None if rate is None else rate * covered,
        promised=promised,
        verdict=_verdict(rate, interval, promised),
    )


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one sampled item, which stands for `weight` items. `wrong` is None while its tie is open; `tie`
    is whose look has made one: None where nobody differed."""

    weight: float
    wrong: bool | None
    tie: Literal["sample", "second"] | None
    alpha: float | None


def _outcome(votes: Mapping[str, DecisionRow]) -> _Outcome:
    sample, second = votes["sample"], votes.get("second")
    final = settled(sample.model_condition, cast("Votes", votes))
    tie: Literal["sample", "second"] | None = None
    if sample.condition != sample.model_condition:
        tie = "sample"
    elif second is not None and second.condition != sample.condition:
        tie = "second"
    wrong = None if final is None else final != sample.model_condition
    return _Outcome(1 / (sample.sample_share or 1.0), wrong, tie, sample.alpha)


def _share_wrong(outcomes: Iterable[_Outcome], tie: str) -> float:
    broken = [one.wrong for one in outcomes if one.tie == tie and one.wrong is not None]
    return (sum(broken) + 1) / (len(broken) + 2)


def _verdict(
    rate: float | None, interval: Interval | None, promised: float | None
) -> Literal["alarm", "warning", "unproven", "kept", "unknown"]:
    if rate is None or interval is None or promised is None:
        return "unknown"
    if interval.low > promised:
        return "alarm"
    if interval.high <= promised:
        return "kept"
    return "warning" if rate > promised else "unproven"


def _by_inspection(looks: Iterable[DecisionRow]) -> dict[str, dict[str, DecisionRow]]:
    """Inspection to its looks by kind."""
    found: defaultdict[str, dict[str, DecisionRow]] = defaultdict(dict)
    for look in looks:
        found[look.inspection_id][look.kind] = look
    return found


def _pair(subject: Subject, conditions: tuple[str, str], look: DecisionRow, people: str) -> OpinionPair:
    week = iso_week(look.decided_at)
    return OpinionPair(subject, conditions, look.category, look.seller, look.station, week, people)


def _parts(part: str) -> tuple[Callable[[DecisionRow], str | None], Callable[[AutoGraded], str | None]]:
    if part == "all":
        return (lambda _: None), (lambda _: None)
    if part == "week":
        return (lambda look: iso_week(look.created_at)), (lambda count: count.week)
    return (lambda look: getattr(look, part)), (lambda count: getattr(count, part))
