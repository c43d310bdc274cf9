"""The table of stations on the quality page: a row each, the worst first, with small charts of the same measures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from markupsafe import Markup

from regrade.models.types import CONDITIONS
from regrade.serving.base.i18n import text
from regrade.serving.base.money import format_percent
from regrade.serving.http.routes.desk.svg import Mark, spark_line, stacked_bars
from regrade.serving.review.quality.drift import DECISION, LEAST_CHANGE, WATCHED, Alarm, Chart, Mix, grade_mix
from regrade.serving.review.quality.station_days import MEASURES, Day

_MOST: Final = {"confidence": 1.0, "sharpness": 1.0, "brightness": 255.0}
"""What a measure cannot exceed, however wide the band of what is usual."""

RECENT: Final = timedelta(days=7)
"""The days of which the value of now is the mean."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One measure of a station: its mean of now, what is usual, and the chart."""

    now: str
    usual: str
    chart: Markup
    changed: bool


@dataclass(frozen=True, slots=True)
class StationRow:
    """One row. `anchor` is what alarms link to, `items` counts the watched days; a measure of which there are too few
    days has no cell."""

    anchor: str
    station: str
    items: int
    kinds: tuple[str, ...]
    cells: tuple[Cell | None, ...]
    mix: Markup | None


def station_rows(
    days: Mapping[str, Sequence[Day]], charts: Sequence[Chart], alarms: Sequence[Alarm], lang: str
) -> list[StationRow]:
    """All stations, those with alarms first, then by how far their worst measure lies from what is usual."""
    of = {(chart.station, chart.measure): chart for chart in charts}
    kinds = {station: tuple(alarm.kind for alarm in alarms if alarm.station == station) for station in days}

    def badness(station: str) -> tuple[int, float, str]:
        last = [of[station, one].points[-1].cusum / DECISION for one in MEASURES if (station, one) in of]
        return -len(kinds[station]), -round(max(last, default=0.0), 1), station

    return [
        StationRow(
            anchor=f"station-{place}",
            station=station,
            items=sum(day.items for day in days[station] if day.day > days[station][-1].day - WATCHED),
            kinds=kinds[station],
            cells=tuple(_cell(of.get((station, measure)), lang) for measure in MEASURES),
            mix=_mix(station, grade_mix(days[station]), lang),
        )
        for place, station in enumerate(sorted(days, key=badness), 1)
    ]


def _cell(chart: Chart | None, lang: str) -> Cell | None:
    if chart is None:
        return None
    last = chart.points[-1].day
    recent = [point.value for point in chart.points if point.day > last - RECENT]
    ends = (chart.low, min(chart.high, _MOST.get(chart.measure, chart.high)))
    now, low, high = (figure(value, chart.measure) for value in (sum(recent) / len(recent), *ends))
    return Cell(
        now, text("desk.quality_usual", lang, low=low, high=high), _spark(chart, lang), chart.changed is not None
    )


def _spark(chart: Chart, lang: str) -> Markup:
    measure = text(f"desk.quality_measure_{chart.measure}", lang)
    span = {"first": chart.points[0].day.isoformat(), "last": chart.points[-1].day.isoformat()}
    # Never so near that a change which does not matter looks like one.
    room = 2 * LEAST_CHANGE[chart.measure]
    values = [point.value for point in chart.points]
    most = max(*values, chart.high, chart.centre + room)
    limits = min(*values, chart.low, chart.centre - room), min(most, _MOST.get(chart.measure, most))
    drawn = spark_line(
        [Mark(_x(point.day), point.value) for point in chart.points],
        name=text("desk.quality_chart_of", lang, measure=measure, station=chart.station, **span),
        limits=limits,
        usual=(chart.low, min(chart.high, limits[1])),
        watched=_x(chart.baseline_until),
        since=None if chart.changed is None else _x(chart.changed.since),
    )
    return Markup(drawn)


def _mix(station: str, mix: Mix | None, lang: str) -> Markup | None:
    if mix is None:
        return None
    shares = []
    for counts in (mix.before, mix.after):
        of = [
            f"{text(f'condition.{condition}', lang)} {format_percent(round(count / sum(counts), 3))}"
            for condition, count in zip(CONDITIONS, counts, strict=True)
        ]
        shares.append(", ".join(of))
    name = text("desk.quality_mix_of", lang, station=station, before=shares[0], after=shares[1])
    return Markup(stacked_bars((mix.before, mix.after), name=name))


def figure(value: float, measure: str) -> str:
    """A mean of `measure`, as short as is exact enough."""
    if measure == "confidence":
        return f"{100 * value:.0f}%"
    shown = f"{value:.2f}" if measure == "sharpness" else f"{round(value) + 0:d}"
    return shown.replace("-", "\N{MINUS SIGN}")


def _x(day: date) -> float:
    return float(day.toordinal())
