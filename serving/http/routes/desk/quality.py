"""`/desk/quality`: how reviewers and model agree, how often automatic grades are wrong, and which station drifts."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Request, Response

from regrade.models.types import CONDITIONS
from regrade.serving.access.audit import record
from regrade.serving.access.sessions import Session
from regrade.serving.base.errors import FieldFault, InvalidFieldsError, NotFoundError
from regrade.serving.base.i18n import Message, name_of, text
from regrade.serving.candidates.rules import Returned
from regrade.serving.http.routes.common import RuntimeDep
from regrade.serving.http.routes.desk.access import DeskLanguageDep, at_desk, at_page
from regrade.serving.http.routes.desk.quality_charts import (
    confusions,
    error_lines,
    error_top,
    part_name,
    weekly_errors,
    weekly_kappa,
)
from regrade.serving.http.routes.desk.quality_files import (
    agreement_rows,
    alarm_rows,
    as_csv,
    error_rows,
    influence_rows,
    piece_rows,
    promise_rows,
)
from regrade.serving.http.routes.desk.quality_files import station_rows as station_file
from regrade.serving.http.routes.desk.quality_stations import station_rows
from regrade.serving.http.routes.desk.templates import DESK, desk_page
from regrade.serving.review.quality.drift import KEPT, Alarm, Chart, alarms, charts
from regrade.serving.review.quality.errors_and_agreement import (
    PARTS,
    SUBJECTS,
    ErrorRate,
    OpinionPair,
    agreement_by,
    error_rates,
    pairs_of,
)
from regrade.serving.review.quality.influence import INFLUENCE_PARTS, influence
from regrade.serving.review.quality.missing_pieces import MissingPieces, missing_pieces
from regrade.serving.review.quality.promises import CategoryPromise, category_promises
from regrade.serving.review.quality.station_days import MEASURES, Day, station_days
from regrade.serving.review.quality.statistics import AgreementInterval, agreement_interval
from regrade.serving.review.types import AutoGraded, DecisionRow
from regrade.serving.runtime import Runtime

router = APIRouter(prefix=f"{DESK}/quality", include_in_schema=False)

PageDep = Annotated[Session, Depends(at_page("reviewer", "engineer"))]
FileDep = Annotated[Session, Depends(at_desk("reviewer", "engineer"))]

ERROR_PARTS: Final[tuple[Literal["all", "category", "seller", "week"], ...]] = ("all", "category", "seller", "week")
TABLES: Final = ("errors", "promises", "agreement", "inspectors", "pieces", "stations", "alarms")
DEFAULT_SPAN: Final = timedelta(weeks=26)
SHOWN: Final = 12
"""Stations that are shown at once; the others, which are the steadier ones, are folded away."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address of the page asks for; None is any. `by` and `subject` choose the table of agreement."""

    category: str | None
    seller: str | None
    since: datetime
    by: str
    subject: str


@dataclass(frozen=True, slots=True)
class Report:
    """All that the page shows, for what was asked. `withheld` items are left out of `pairs` and `looks`; see
    `Desk.withheld`."""

    errors: dict[str, list[ErrorRate]]
    promises: list[CategoryPromise]
    returned: list[Returned]
    pairs: list[OpinionPair]
    looks: list[DecisionRow]
    withheld: int
    pieces: list[MissingPieces]
    days: dict[str, list[Day]]
    charts: list[Chart]
    alarms: list[Alarm]
    categories: list[str]
    sellers: list[str]

    def agreement(self, asked: Asked) -> list[tuple[str | None, AgreementInterval]]:
        """The rows of the table of agreement."""
        return agreement_by(self.of(asked.subject), asked.by)

    def of(self, subject: str) -> list[OpinionPair]:
        """The pairs of one subject."""
        return [pair for pair in self.pairs if pair.subject == subject]


@dataclass(frozen=True, slots=True)
class Broken:
    """A category whose automatic grades are wrong more often than promised, in words."""

    verdict: str
    category: str | None
    words: str


@router.get("")
async def quality(request: Request, session: PageDep, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """Alarms first, then errors, agreement and stations; filters stand in the address."""
    query, fault, status = request.query_params, None, 200
    try:
        asked = _asked(query)
    except InvalidFieldsError as error:
        asked, fault, status = _asked({}), error.to(lang), 422
    values = await runtime.call(_values, await _report(runtime, asked, session), asked, lang)
    return desk_page(request, "quality.html", lang, session, status=status, fault=fault, asked=asked, **values)


@router.get("/{table}.csv")
async def download(
    table: str, request: Request, session: FileDep, runtime: RuntimeDep, lang: DeskLanguageDep
) -> Response:
    """One table of the page as CSV (RFC 4180, UTF-8): `errors`, `promises`, `agreement`,
    `inspectors`, `pieces`, `stations` or `alarms`."""
    if table not in TABLES:
        raise NotFoundError(Message("problem.no_table", {"table": table}))
    asked = _asked(request.query_params)
    report = await _report(runtime, asked, session)
    rows = {
        "errors": lambda: error_rows(report.errors),
        "promises": lambda: promise_rows(report.promises),
        "agreement": lambda: agreement_rows(report.pairs),
        "inspectors": lambda: influence_rows(report.looks),
        "pieces": lambda: piece_rows(report.pieces),
        "stations": lambda: station_file(report.charts),
        "alarms": lambda: alarm_rows([(one.verdict, one.words) for one in _broken(report, lang)], report.alarms, lang),
    }
    written = await runtime.call(lambda: as_csv(rows[table]()))
    await runtime.call(_note, runtime, session, table)
    headers = {"Content-Disposition": f'attachment; filename="{table}.csv"', "Cache-Control": "no-store"}
    return Response(written, media_type="text/csv; charset=utf-8", headers=headers)


def _asked(query: Any) -> Asked:
    given = (query.get("since") or "").strip()
    since = datetime.now(UTC) - DEFAULT_SPAN
    if given:
        try:
            since = datetime.strptime(given, "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            fault = FieldFault("since", Message("desk.quality_since_wrong", {"given": given[:40]}))
            raise InvalidFieldsError("invalid-query", "query", [fault]) from None
    by, subject = query.get("by"), query.get("subject")
    return Asked(
        category=query.get("category") or None,
        seller=query.get("seller") or None,
        since=since,
        by=by if by in PARTS else PARTS[0],
        subject=subject if subject in SUBJECTS else SUBJECTS[0],
    )


async def _report(runtime: Runtime, asked: Asked, session: Session) -> Report:
    # Apart, as neither needs the other: databases work on several questions at once, and each takes its time.
    judged, watched = await asyncio.gather(
        runtime.call(_judged, runtime, asked, session),
        runtime.call(_watched, runtime, asked),
    )
    return Report(**judged, **watched)


def _judged(runtime: Runtime, asked: Asked, session: Session) -> dict[str, Any]:
    """The part of the report that decisions are needed for."""
    every, counts = runtime.desk.looks(since=asked.since), runtime.desk.auto_graded_counts(since=asked.since)
    rows: list[DecisionRow | AutoGraded] = [*every, *counts]

    def fits(row: DecisionRow | AutoGraded) -> bool:
        return asked.category in (None, row.category) and asked.seller in (None, row.seller)

    looks, fitting = [row for row in every if fits(row)], [row for row in counts if fits(row)]
    # Errors are of the items that came in since then: those of looks at older ones are not counted among them.
    recent = [look for look in looks if look.created_at >= asked.since]
    withheld = runtime.desk.withheld(session.key)
    shown = [look for look in looks if look.inspection_id not in withheld]
    return {
        "errors": {part: error_rates(recent, fitting, part) for part in ERROR_PARTS},
        "returned": [one for one in runtime.candidates.returned(asked.since) if asked.category in (None, one.category)],
        "pairs": pairs_of(shown),
        "looks": shown,
        "promises": category_promises(
            runtime.in_force.policy, runtime.database, asked.since, asked.category, asked.seller
        ),
        "withheld": len({look.inspection_id for look in looks} & withheld),
        "categories": sorted({row.category for row in rows if row.category}),
        "sellers": sorted({row.seller for row in rows if row.seller}),
    }


def _watched(runtime: Runtime, asked: Asked) -> dict[str, Any]:
    """The part of the report that tells of stations, and of what came in incomplete."""
    # Whatever is asked for, a station is compared with the same weeks before.
    begin = datetime.now(UTC) - KEPT
    days = station_days(runtime.database, begin, category=asked.category, seller=asked.seller)
    drawn = {station: charts(station, of) for station, of in days.items()}
    return {
        "pieces": missing_pieces(runtime.database, asked.since, category=asked.category, seller=asked.seller),
        "days": days,
        "charts": [chart for found in drawn.values() for chart in found],
        "alarms": [alarm for station, of in days.items() for alarm in alarms(station, of, drawn[station])],
    }


def _values(report: Report, asked: Asked, lang: str) -> dict[str, Any]:
    """What the page is made of. It computes for some tenths of a second, and so runs on a thread."""
    stations = station_rows(report.days, report.charts, report.alarms, lang)
    anchors = {row.station: row.anchor for row in stations}
    overall = report.errors["all"]
    tops = {"category": error_top([*overall, *report.errors["category"]]), "seller": error_top(report.errors["seller"])}
    by_category = error_lines("category", report.errors["category"], tops["category"], lang)
    return {
        "report": report,
        "broken": _broken(report, lang),
        "alarms": [(alarm, alarm.message.to(lang), anchors.get(alarm.station)) for alarm in report.alarms],
        "overall": overall[0] if overall else None,
        "reviewers": agreement_interval([pair.conditions for pair in report.of("reviewers")]),
        "error_lines": [*error_lines("all", overall, tops["category"], lang), *by_category],
        "seller_lines": error_lines("seller", report.errors["seller"], tops["seller"], lang),
        "weekly_errors": weekly_errors(report.errors["week"], lang),
        "agreement": [(part_name(asked.by, part, lang), row) for part, row in report.agreement(asked)],
        "influence": {by: influence(report.looks, by) for by in INFLUENCE_PARTS},
        "weekly_kappa": weekly_kappa(report.of(asked.subject), lang),
        "confusions": confusions(report.pairs, lang),
        "pieces": (report.pieces[:SHOWN], report.pieces[SHOWN:]),
        "stations": (stations[:SHOWN], stations[SHOWN:]),
        "changed": sum(bool(row.kinds) for row in stations),
        "measures": MEASURES,
        "conditions": CONDITIONS,
        "parts": PARTS,
        "subjects": SUBJECTS,
        "kept": {
            "category": asked.category or "",
            "seller": asked.seller or "",
            "since": asked.since.date().isoformat(),
        },
    }


def _broken(report: Report, lang: str) -> list[Broken]:
    """The categories whose automatic grades are wrong more often than promised, and adapted versions that a rule took
    back for it; alarms first."""
    found: list[Broken] = []
    for row in report.errors["category"]:
        if row.verdict in ("alarm", "warning") and row.interval is not None:
            numbers = {"rate": row.rate, "low": row.interval.low, "high": row.interval.high, "promised": row.promised}
            part = name_of("category", row.part or "other", lang)
            shown: dict[str, float] = {name: round(value or 0.0, 3) for name, value in numbers.items()}
            key = "desk.quality_error_alarm" if row.verdict == "alarm" else "desk.quality_error_warning"
            found.append(Broken(row.verdict, row.part, text(key, lang, part=part, **shown)))
    for one in report.returned:
        told = {"category": name_of("category", one.category, lang), "version": one.version, "why": one.why}
        if one.to is None:
            words = text("desk.models_not_returned", lang, **told)
        else:
            words = text("desk.models_returned", lang, to=one.to, day=one.at.date().isoformat(), **told)
        found.append(Broken("alarm", one.category, words))
    return sorted(found, key=lambda one: one.verdict != "alarm")


def _note(runtime: Runtime, session: Session, table: str) -> None:
    with runtime.database.write() as connection:
        record(connection, datetime.now(UTC), session.key, "export", detail={"table": table})
