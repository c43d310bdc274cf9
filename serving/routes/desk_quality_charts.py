"""The charts of the quality page, from the numbers that it shows."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from markupsafe import Markup

from regrade.models.types import CONDITIONS
from regrade.serving.i18n import text
from regrade.serving.money import format_percent
from regrade.serving.review.drift import Chart
from regrade.serving.review.quality import ErrorRate, Pair, Subject
from regrade.serving.review.statistics import confusion
from regrade.serving.svg import Mark, heat_map, line_chart

_SUBJECTS: Final[tuple[tuple[Subject, str], ...]] = (
    ("model_blind", "desk.quality_confusion_model"),
    ("reviewers", "desk.quality_confusion_reviewers"),
)


def weekly(rows: Sequence[ErrorRate], lang: str) -> Markup | None:
    """The error rate by week with its interval, and what is promised; None with fewer than two weeks."""
    known = [row for row in rows if row.rate is not None and row.interval is not None]
    if len(known) < 2:
        return None
    marks = [
        Mark(index, row.rate or 0.0, *((row.interval.low, row.interval.high) if row.interval else (None, None)))
        for index, row in enumerate(known)
    ]
    promised = next((row.promised for row in reversed(known) if row.promised is not None), None)
    # Wide intervals of small weeks may leave the chart: what matters lies near the promise.
    top = max(0.05, 1.3 * max(mark.y for mark in marks), 2.5 * (promised or 0.0))
    step = max(1, len(known) // 7)
    labels = [(index, (row.part or "")[5:]) for index, row in enumerate(known)][::step]
    ticks = [(top * share, format_percent(round(top * share, 3))) for share in (0.0, 0.5, 1.0)]
    name = text("desk.quality_weekly", lang)
    return Markup(line_chart(marks, name=name, ticks=ticks, labels=labels, limits=(0.0, top), level=promised))


def confusions(pairs: Sequence[Pair], lang: str) -> list[tuple[str, Markup]]:
    """A title and a heat map for the model against blind reviewers, and for reviewers; only those with pairs."""
    names = [text(f"condition.{condition}", lang) for condition in CONDITIONS]
    found = []
    for subject, key in _SUBJECTS:
        of = [pair.conditions for pair in pairs if pair.subject == subject]
        if of:
            title = text(key, lang)
            found.append((title, Markup(heat_map(confusion(of).tolist(), names, name=title))))
    return found


def station_charts(charts: Sequence[Chart], lang: str) -> dict[str, list[tuple[str, Markup, bool]]]:
    """Station to its small charts: the measure's name, the chart, and whether it has changed."""
    found: dict[str, list[tuple[str, Markup, bool]]] = {}
    for chart in charts:
        measure = text(f"desk.quality_measure_{chart.measure}", lang)
        found.setdefault(chart.station, []).append((measure, _small(chart, measure, lang), chart.changed is not None))
    return found


def _small(chart: Chart, measure: str, lang: str) -> Markup:
    first, last = chart.points[0].day, chart.points[-1].day
    span = {"first": first.isoformat(), "last": last.isoformat()}
    name = text("desk.quality_chart_of", lang, measure=measure, station=chart.station, **span)
    values = [point.value for point in chart.points]
    low, high = min(*values, chart.low), max(*values, chart.high)
    drawn = line_chart(
        [Mark(_x(point.day), point.value) for point in chart.points],
        name=name,
        ticks=[(value, _figure(value, chart.measure)) for value in (low, high)],
        labels=[(_x(first) + 5, first.strftime("%m-%d")), (_x(last) - 5, last.strftime("%m-%d"))],
        limits=(low, high),
        band=(chart.low, chart.high),
        since=None if chart.changed is None else _x(chart.changed.since),
        width=240,
        height=92,
        left=38,
    )
    return Markup(drawn)


def _x(day: date) -> float:
    return float(day.toordinal())


def _figure(value: float, measure: str) -> str:
    return f"{value:.2f}" if measure in ("sharpness", "confidence") else f"{value:.0f}"
