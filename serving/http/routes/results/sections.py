"""Figures of results as sections to be shown: each a title, charts and the table of what they show."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from regrade.serving.base.i18n import name_of, text
from regrade.serving.base.money import format_money, format_percent
from regrade.serving.http.routes.desk.svg import Label, Mark, bars, line_chart, round_ticks
from regrade.serving.results.figures import AGES, Figures, Pace, Queue, Recovery, Share
from regrade.serving.results.forecast import SHIFT, Forecast

DRAWN: Final = 20
"""Bars of a chart at most; the table has all."""
NARROW: Final = 300
"""Width of a chart on a telephone, in pixels: one that is shrunk would have letters that nobody can read."""
_LABEL: Final = 37
"""Pixels that a week takes below a chart."""


@dataclass(frozen=True, slots=True)
class Section:
    """One section. `charts` are captions and drawings; the first cell of each row is what the row is about. `key`
    names it in files."""

    key: str
    title: str
    hint: str
    charts: tuple[tuple[str, Markup], ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def sections(figures: Figures, lang: str) -> list[Section]:
    """All sections, in the order in which they are shown."""
    return [
        _queue(figures.queue, lang),
        _forecast(figures.forecast, lang),
        _automatic(figures, lang),
        _pace("stations", figures.stations, lang),
        _pace("people", figures.people, lang),
        _recovery("sellers", figures.recovery_sellers, lang),
        _recovery("weeks", figures.recovery_weeks, lang),
    ]


def _queue(queue: Queue, lang: str) -> Section:
    edges = [0, *AGES]
    names = [text("results.age_between", lang, low=low, high=high) for low, high in zip(edges, AGES, strict=False)]
    names.append(text("results.age_beyond", lang, low=AGES[-1]))
    counted = list(zip(names, queue.ages, strict=True))
    late = _share(queue.late / queue.waiting if queue.waiting else None)
    told: dict[str, str | float] = {"late": queue.late, "share": late, "target": f"{queue.target:g}"}
    hint = text("results.queue_hint", lang, waiting=queue.waiting, oldest=f"{queue.oldest:.1f}", **told)
    chart = _bars([(name, count, f"{count:,}") for name, count in counted], text("results.queue", lang))
    rows = tuple((name, f"{count:,}") for name, count in counted)
    return _section("queue", hint, [("", chart)], ("results.age", "results.waiting"), rows, lang)


def _forecast(found: Forecast, lang: str) -> Section:
    shown = (
        ("results.forecast_items", _number(found.a_day, 1)),
        ("results.forecast_share", _share(found.share)),
        ("results.forecast_looks", _number(found.looks, 3)),
        ("results.forecast_seconds", _number(found.seconds, 1)),
        ("results.forecast_hours", _number(found.hours, 1)),
        ("results.forecast_most", _number(found.hours_at_most, 1)),
        ("results.forecast_people", _number(found.people, 2)),
    )
    rows = tuple((text(key, lang), value) for key, value in shown)
    hint = text("results.forecast_hint" if found.hours is not None else "results.forecast_none", lang)
    drawn = [
        (text(key, lang), hours, f"{hours:.1f}")
        for key, hours in (("results.forecast_hours", found.hours), ("results.forecast_most", found.hours_at_most))
        if hours is not None
    ]
    chart = _bars(drawn, text("results.forecast", lang), level=SHIFT, left=230) if drawn else None
    caption = text("results.forecast_level", lang, hours=f"{SHIFT:g}")
    charts = [(caption, chart)] if chart else []
    return _section("forecast", hint, charts, ("results.figure", "results.value"), rows, lang)


def _automatic(figures: Figures, lang: str) -> Section:
    def row(name: str, one: Share) -> tuple[str, ...]:
        return name, f"{one.graded:,}", f"{one.automatic:,}", _share(one.share)

    weeks = figures.automatic_weeks
    categories = [(_category(one.name, lang), one) for one in figures.automatic_categories]
    title = text("results.automatic", lang)
    charts = []
    known = [(one.name, one.share) for one in weeks if one.share is not None]
    if len(known) > 1:
        drawn = _weekly(known, title, (0.0, 1.0), format_percent)
        charts.append((text("results.by_week", lang), drawn))
    if categories:
        by = _bars([(name, one.share or 0.0, _share(one.share)) for name, one in categories[:DRAWN]], title)
        charts.append((text("results.by_category", lang), by))
    every = [row(text("results.all", lang), figures.automatic)]
    rows = [*every, *(row(name, one) for name, one in categories), *(row(one.name, one) for one in weeks)]
    head = ("results.part", "results.graded", "results.went_alone", "results.share")
    return _section("automatic", text("results.automatic_hint", lang), charts, head, rows, lang)


def _pace(key: str, found: Sequence[Pace], lang: str) -> Section:
    timed = key == "people"
    fastest = sorted(found, key=lambda one: -one.an_hour)[:DRAWN]
    drawn = _bars([(one.name, one.an_hour, f"{one.an_hour:.1f}") for one in fastest], text(f"results.{key}", lang))
    rows = [
        (
            one.name,
            f"{one.done:,}",
            f"{one.hours:,}",
            f"{one.an_hour:.1f}",
            *([_number(one.seconds, 1)] if timed else []),
        )
        for one in found
    ]
    head = (f"results.{key}_name", f"results.{key}_done", "results.hours", "results.an_hour")
    more = ("results.seconds",) if timed else ()
    hint = text(f"results.{key}_hint", lang)
    return _section(key, hint, [("", drawn)] if found else [], (*head, *more), rows, lang)


def _recovery(key: str, found: Sequence[Recovery], lang: str) -> Section:
    title = text(f"results.{key}", lang)
    charts = []
    shares = [(one.name, one.decided / one.policy) for one in found if one.policy > 0]
    if key == "weeks" and len(shares) > 1:
        values = [share for _, share in shares]
        low, high = min(0.9, *values), max(1.05, *values)
        drawn = _weekly(shares, title, (low, high), lambda value: f"{100 * value:.0f}%", level=1.0)
        charts.append((text("results.recovered_share", lang), drawn))
    elif key == "sellers" and found:
        most = [(one.name or "–", max(0.0, one.lost), format_money(one.lost, one.currency, lang)) for one in found]
        charts.append((text("results.lost", lang), _bars(most[:DRAWN], title)))
    rows = [
        (
            one.name or "–",
            f"{one.items:,}",
            format_money(one.decided, one.currency, lang),
            format_money(one.policy, one.currency, lang),
            format_money(one.lost, one.currency, lang),
            f"{one.overridden:,}",
        )
        for one in found
    ]
    head = (f"results.{key}_name", "results.items", "results.decided", "results.policy", "results.lost")
    return _section(key, text("results.recovery_hint", lang), charts, (*head, "results.overridden"), rows, lang)


def _bars(rows: Sequence[tuple[str, float, str]], name: str, *, level: float | None = None, left: int = 150) -> str:
    wide = bars(rows, name=name, level=level, left=left)
    return _either(wide, bars(rows, name=name, level=level, width=NARROW, above=True))


def _weekly(
    values: Sequence[tuple[str, float]],
    name: str,
    limits: tuple[float, float],
    written: Callable[[float], str],
    *,
    level: float | None = None,
) -> str:
    marks = [Mark(float(place), value) for place, (_, value) in enumerate(values)]
    ticks = [(tick, written(tick)) for tick in round_ticks(*limits)]

    def drawn(width: int) -> str:
        step = -(-len(values) * _LABEL // (width - 88))
        labels = [Label(float(at), week[5:], week[:4]) for at, (week, _) in enumerate(values) if at % step == 0]
        return line_chart(marks, name=name, ticks=ticks, labels=labels, limits=limits, level=level, width=width)

    return _either(drawn(560), drawn(NARROW))


def _either(wide: str, narrow: str) -> str:
    """The style shows the one that fits the screen."""
    return f'<div class="wide">{wide}</div><div class="narrow">{narrow}</div>'


def _section(
    key: str,
    hint: str,
    charts: Sequence[tuple[str, str]],
    head: Sequence[str],
    rows: Sequence[tuple[str, ...]],
    lang: str,
) -> Section:
    # Drawn by us: texts within are escaped.
    drawn = tuple((caption, Markup(chart)) for caption, chart in charts)
    return Section(key, text(f"results.{key}", lang), hint, drawn, tuple(text(one, lang) for one in head), tuple(rows))


def _category(name: str, lang: str) -> str:
    return name_of("category", name, lang) if name else "–"


def _share(share: float | None) -> str:
    return "–" if share is None else format_percent(share)


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"
