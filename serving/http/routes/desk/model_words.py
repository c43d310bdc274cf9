"""What the page of models says of a category, in words and charts."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from regrade.models.estimates import Estimate
from regrade.serving.base.i18n import text
from regrade.serving.base.money import format_money, format_percent
from regrade.serving.candidates.broken import Watched
from regrade.serving.candidates.comparison import Claim, Figures, Sided
from regrade.serving.candidates.overview import CategoryState, Comparison
from regrade.serving.http.routes.desk.svg import Label, Mark, line_chart, round_ticks

Write = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class FigureRow:
    """A figure in words: what it is called, the active version's, the candidate's and their difference."""

    name: str
    active: str
    candidate: str
    difference: str


@dataclass(frozen=True, slots=True)
class PartRow:
    """The figures of one station or seller: agreement, loss and coverage as differences."""

    name: str
    items: int
    decided: int
    agreement: str
    loss: str
    coverage: str


@dataclass(frozen=True, slots=True)
class View:
    """A category as the page shows it."""

    state: CategoryState
    phase: str
    since: datetime | None
    rows: Sequence[FigureRow]
    claims: Sequence[tuple[bool, str]]
    watched: Sequence[tuple[bool, str]]
    charts: Sequence[tuple[str, Markup]]
    parts: Sequence[tuple[str, Sequence[PartRow]]]
    curve: Markup | None
    so_far: str
    expected: str


def views(found: Sequence[CategoryState], currency: str, lang: str) -> list[View]:
    """Every category, those with a trial first, else in the order in which they are found."""
    ordered = sorted(found, key=lambda state: state.trial is None)
    return [_view(state, currency, lang) for state in ordered]


def _view(state: CategoryState, currency: str, lang: str) -> View:
    compared, trial = state.comparison, state.trial

    def money(amount: float) -> str:
        return format_money(amount, currency, lang)

    overall = None if compared is None else compared.overall
    return View(
        state=state,
        phase="" if trial is None else text(f"desk.models_phase_{trial.phase}", lang),
        since=None if trial is None else trial.began,
        rows=[] if overall is None else _rows(overall, money, lang),
        claims=[] if compared is None else [(one.shown, _claim(one, money, lang)) for one in compared.claims],
        watched=[(one.broken, _watched(one, money, lang)) for one in state.watched],
        charts=[] if compared is None else _charts(compared, money, lang),
        parts=[] if compared is None else _parts(compared, money, lang),
        curve=_curve(state, lang),
        so_far=_so_far(state, money, lang),
        expected=_expected(state, lang),
    )


def _rows(row: Figures, money: Write, lang: str) -> list[FigureRow]:
    kinds: list[tuple[str, Sided | None, Write]] = [
        ("agreement", row.agreement, format_percent),
        ("loss", row.loss, money),
        ("harm", row.harm, format_percent),
        ("log_loss", row.log_loss, _two),
        ("coverage", row.coverage, format_percent),
    ]
    return [
        FigureRow(
            text(f"desk.models_{name}", lang),
            _spanned(sided.active, write),
            _spanned(sided.candidate, write),
            _spanned(sided.difference, write, sign=True),
        )
        for name, sided, write in kinds
        if sided is not None
    ]


def _spanned(figure: Estimate, write: Write, *, sign: bool = False) -> str:
    if math.isnan(figure.value):
        return "–"
    plus = "+" if sign and figure.value > 0 else ""
    value = f"{plus}{write(_round(figure.value))}"
    if math.isnan(figure.low):
        return value
    return f"{value} ({write(_round(figure.low))} – {write(_round(figure.high))})"


def _round(value: float) -> float:
    return round(value, 3) + 0.0


def _two(value: float) -> str:
    return f"{value:.2f}"


def _claim(claim: Claim, money: Write, lang: str) -> str:
    what = text(f"desk.models_on_{claim.what}", lang)
    margin = money(claim.margin) if claim.what == "money" else format_percent(_round(claim.margin))
    if claim.shown:
        return text("desk.models_shown", lang, what=what, looks=claim.looks, margin=margin)
    if not claim.looks:
        return text("desk.models_no_looks", lang, what=what)
    if claim.more is None:
        return text("desk.models_never", lang, what=what, looks=claim.looks)
    return text("desk.models_more", lang, what=what, looks=claim.looks, more=claim.more)


def _watched(one: Watched, money: Write, lang: str) -> str:
    write = money if one.what == "money" else format_percent
    key = "desk.models_broken" if one.broken else "desk.models_holds"
    told = {"mean": write(_round(one.mean)), "limit": write(_round(one.limit))}
    return text(key, lang, what=text(f"desk.models_on_{one.what}", lang), looks=one.looks, **told)


def _charts(compared: Comparison, money: Write, lang: str) -> list[tuple[str, Markup]]:
    """The candidate by week, with the active version's mean over all weeks as a dashed line."""
    overall, found = compared.overall, []
    kinds: tuple[tuple[str, Write], ...] = (
        ("agreement", format_percent),
        ("loss", money),
        ("coverage", format_percent),
    )
    for name, write in kinds:
        known = [(week.part or "", week, getattr(week, name)) for week in compared.weeks]
        known = [one for one in known if one[2] is not None and not math.isnan(one[2].candidate.value)]
        if overall is None or len(known) < 2:
            continue
        level: Sided = getattr(overall, name)
        marks = [_mark(at, sided.candidate) for at, (_, _, sided) in enumerate(known)]
        top = 1.0 if name != "loss" else max(0.1, 1.1 * max(m.y if m.high is None else m.high for m in marks))
        top = max(top, 1.1 * level.active.value) if name == "loss" else top
        counts = [week.items if name == "coverage" else week.decided for _, week, _ in known]
        step = math.ceil(len(known) / 6)
        labels = [
            Label(at, week[5:], f"n={count}")
            for at, ((week, _, _), count) in enumerate(zip(known, counts, strict=True))
        ]
        title = text(f"desk.models_weekly_{name}", lang)
        drawn = line_chart(
            marks,
            name=title,
            ticks=[(value, write(value)) for value in round_ticks(0.0, top, 4)],
            labels=labels[::step],
            limits=(0.0, top),
            level=level.active.value,
            width=360,
            height=150,
            left=58,
        )
        found.append((title, Markup(drawn)))
    return found


def _mark(at: float, figure: Estimate) -> Mark:
    none = math.isnan(figure.low)
    return Mark(at, figure.value, None if none else figure.low, None if none else figure.high)


def _parts(compared: Comparison, money: Write, lang: str) -> list[tuple[str, Sequence[PartRow]]]:
    found: list[tuple[str, Sequence[PartRow]]] = []
    for part, rows in (("station", compared.stations), ("seller", compared.sellers)):
        named = [_part_row(row, money) for row in rows if row.part is not None]
        if named:
            found.append((text(f"desk.quality_part_{part}", lang), named))
    return found


def _part_row(row: Figures, money: Write) -> PartRow:
    def told(sided: Sided | None, write: Write) -> str:
        return "–" if sided is None else _spanned(sided.difference, write, sign=True)

    figures = told(row.agreement, format_percent), told(row.loss, money), told(row.coverage, format_percent)
    return PartRow(row.part or "", row.items, row.decided, *figures)


def _so_far(state: CategoryState, money: Write, lang: str) -> str:
    promise = state.promise
    share = format_percent(_round(state.automatic / state.items)) if state.items else "–"
    said = text("desk.models_so_far", lang, decided=state.decided, share=share)
    if promise.loss is None:
        return said
    return f"{said} {text('desk.models_loses', lang, loss=money(promise.loss))}"


def _expected(state: CategoryState, lang: str) -> str:
    promise = state.promise
    if promise.promised is None or not promise.more:
        return text("desk.models_expected_none", lang)
    looks, share = next(iter(sorted(promise.more.items())))
    now, then = format_percent(_round(promise.share)), format_percent(_round(share))
    return text("desk.models_expected", lang, looks=looks, now=now, then=then)


def _curve(state: CategoryState, lang: str) -> Markup | None:
    """The share that is expected to go without a person, over how many looks there are more."""
    promise = state.promise
    if promise.promised is None or not promise.more:
        return None
    points = [(0, promise.share), *sorted(promise.more.items())]
    # Evenly apart: what matters are the first few hundred.
    marks = [Mark(at, share) for at, (_, share) in enumerate(points)]
    labels = [
        Label(at, f"+{looks}" if looks else text("desk.models_now", lang)) for at, (looks, _) in enumerate(points)
    ]
    ticks = [(value, format_percent(value)) for value in (0.0, 0.5, 1.0)]
    name = text("desk.models_curve", lang)
    return Markup(line_chart(marks, name=name, ticks=ticks, labels=labels, limits=(0.0, 1.0), width=360, height=130))
