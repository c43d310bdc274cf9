"""The charts of errors and agreement on the quality page, from the numbers that it shows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from regrade.models.types import CONDITIONS
from regrade.serving.base.i18n import name_of, text
from regrade.serving.base.money import format_percent
from regrade.serving.http.routes.desk.svg import Label, Mark, heat_map, line_chart, range_bar, round_ticks
from regrade.serving.review.quality.errors_and_agreement import ErrorRate, OpinionPair, Subject, agreement_by
from regrade.serving.review.quality.statistics import confusion

_CONFUSIONS: Final[tuple[tuple[Subject, str], ...]] = (("model_blind", "model"), ("reviewers", "reviewers"))
_MOST_LABELS: Final = 13


@dataclass(frozen=True, slots=True)
class ErrorLine:
    """A line of the table of errors: whose it is, the numbers, and the rate with its interval as a drawing."""

    name: str
    row: ErrorRate
    bar: Markup | None


def part_name(by: str, part: str | None, lang: str) -> str:
    """What a row of a table is called; `by` is what the table is divided by."""
    if by == "all":
        return text("desk.quality_part_all", lang)
    if part is None:
        return "–"
    return name_of("category", part, lang) if by == "category" else part


def error_lines(by: str, rows: Sequence[ErrorRate], top: float, lang: str) -> list[ErrorLine]:
    """`rows`, the worst first, with bars from 0 to `top`."""
    order = {"alarm": 0, "warning": 1, "unproven": 2, "kept": 3, "unknown": 4}
    worst = sorted(rows, key=lambda row: (order[row.verdict], -(row.rate or 0.0)))
    return [ErrorLine(name := part_name(by, row.part, lang), row, _bar(name, row, top, lang)) for row in worst]


def error_top(rows: Sequence[ErrorRate]) -> float:
    """Where the bars of `rows` end: beyond their intervals, and in any case beyond what is promised."""
    highs = [row.interval.high for row in rows if row.interval is not None]
    promised = [row.promised for row in rows if row.promised is not None]
    return min(1.0, math.ceil(max([0.1, *highs, *(2 * share for share in promised)]) * 20) / 20)


def weekly_errors(rows: Sequence[ErrorRate], lang: str) -> Markup | None:
    """The error rate by week with its interval, and what is promised; None with fewer than two weeks."""
    known = [row for row in rows if row.rate is not None and row.interval is not None]
    if len(known) < 2:
        return None
    marks = [
        Mark(index, row.rate or 0.0, *((row.interval.low, row.interval.high) if row.interval else (None, None)))
        for index, row in enumerate(known)
    ]
    promised = next((row.promised for row in reversed(known) if row.promised is not None), None)
    # Few looks make wide intervals; where they leave the chart, what matters would else be pressed to its floor.
    highs = sorted(mark.high or 0.0 for mark in marks)
    top = max(1.15 * max(mark.y for mark in marks), 2 * (promised or 0.0), highs[len(highs) // 2], 0.05)
    ticks = [(value, format_percent(value)) for value in round_ticks(0.0, top)]
    labels = _weeks([(row.part or "", row.looked_at) for row in known])
    name = text("desk.quality_weekly", lang)
    return Markup(line_chart(marks, name=name, ticks=ticks, labels=labels, limits=(0.0, top), level=promised))


def weekly_kappa(pairs: Sequence[OpinionPair], lang: str) -> Markup | None:
    """Kappa by week with its interval; None with fewer than two weeks in which it is defined."""
    known = [(week or "", row) for week, row in agreement_by(pairs, "week") if row.kappa is not None]
    if len(known) < 2:
        return None
    marks = [
        Mark(
            index, row.kappa or 0.0, *((row.kappa_interval.low, row.kappa_interval.high) if row.kappa_interval else ())
        )
        for index, (_, row) in enumerate(known)
    ]
    lowest = min(mark.y if mark.low is None else mark.low for mark in marks)
    bottom = max(-1.0, math.floor(min(lowest, 0.5) * 5) / 5)
    ticks = [(value, f"{value:.1f}") for value in round_ticks(bottom, 1.0)]
    labels = _weeks([(week, row.items) for week, row in known])
    name = text("desk.quality_kappa_weekly", lang)
    return Markup(line_chart(marks, name=name, ticks=ticks, labels=labels, limits=(bottom, 1.0)))


def confusions(pairs: Sequence[OpinionPair], lang: str) -> dict[Subject, tuple[str, Markup]]:
    """A title and a heat map for the model against blind reviewers, and for reviewers; only those with pairs."""
    names = [text(f"condition.{condition}", lang) for condition in CONDITIONS]
    found: dict[Subject, tuple[str, Markup]] = {}
    for subject, key in _CONFUSIONS:
        of = [pair.conditions for pair in pairs if pair.subject == subject]
        if of:
            title = text(f"desk.quality_confusion_{key}", lang)
            sides = (text(f"desk.quality_rows_{key}", lang), text(f"desk.quality_columns_{key}", lang))
            found[subject] = (title, Markup(heat_map(confusion(of).tolist(), names, name=title, sides=sides)))
    return found


def _bar(name: str, row: ErrorRate, top: float, lang: str) -> Markup | None:
    if row.rate is None or row.interval is None:
        return None
    numbers = {"rate": round(row.rate, 3), "low": round(row.interval.low, 3), "high": round(row.interval.high, 3)}
    called = text("desk.quality_bar_of", lang, part=name, **numbers)
    low, high = row.interval.low, row.interval.high
    bad = row.verdict == "alarm"
    return Markup(range_bar(row.rate, low, high, name=called, limits=(0.0, top), level=row.promised, bad=bad))


def _weeks(weeks: Sequence[tuple[str, int]]) -> list[Label]:
    """Labels of ISO weeks such as `2026-W48`, and how many looks each has; not more than there is room for."""
    step = math.ceil(len(weeks) / _MOST_LABELS)
    return [Label(index, week[5:], f"n={count}") for index, (week, count) in enumerate(weeks)][::step]
