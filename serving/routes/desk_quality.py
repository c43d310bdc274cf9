"""`/desk/quality`: how reviewers and model agree, how often automatic grades are wrong, and which station drifts."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Request, Response

from regrade.serving.errors import FieldFault, InvalidFieldsError, NotFoundError
from regrade.serving.i18n import Message, catalogue, text
from regrade.serving.review.audit import record
from regrade.serving.review.drift import KEPT, Alarm, Chart, alarms, charts
from regrade.serving.review.drift_data import station_days
from regrade.serving.review.quality import PARTS, SUBJECTS, ErrorRate, Pair, agreement_by, error_rates, pairs_of
from regrade.serving.review.statistics import AgreementInterval
from regrade.serving.review.types import AutoGraded, Look
from regrade.serving.routes.common import RuntimeDep
from regrade.serving.routes.desk_access import DeskLanguageDep, at_desk, at_page
from regrade.serving.routes.desk_pages import DESK, desk_page
from regrade.serving.routes.desk_quality_charts import confusions, station_charts, weekly
from regrade.serving.runtime import Runtime
from regrade.serving.sessions import Session

router = APIRouter(prefix=f"{DESK}/quality", include_in_schema=False)

PageDep = Annotated[Session, Depends(at_page("reviewer", "engineer"))]
FileDep = Annotated[Session, Depends(at_desk("reviewer", "engineer"))]

ERROR_PARTS: Final[tuple[Literal["all", "category", "seller", "week"], ...]] = ("all", "category", "seller", "week")
DEFAULT_SPAN: Final = timedelta(weeks=26)


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
    """All that the page shows, for what was asked."""

    errors: dict[str, list[ErrorRate]]
    pairs: list[Pair]
    charts: list[Chart]
    alarms: list[Alarm]
    categories: list[str]
    sellers: list[str]

    def agreement(self, asked: Asked) -> list[tuple[str | None, AgreementInterval]]:
        """The rows of the table of agreement."""
        return agreement_by([pair for pair in self.pairs if pair.subject == asked.subject], asked.by)


@router.get("")
async def quality(request: Request, session: PageDep, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """Alarms first, then errors, agreement and stations; filters stand in the address."""
    query, fault, status = request.query_params, None, 200
    try:
        asked = _asked(query)
    except InvalidFieldsError as error:
        asked, fault, status = _asked({}), error.to(lang), 422
    report = await runtime.call(_report, runtime, asked)
    return desk_page(
        request,
        "quality.html",
        lang,
        session,
        status=status,
        fault=fault,
        asked=asked,
        report=report,
        agreement=report.agreement(asked),
        promises=_broken_promises(report, lang),
        alarms=[(alarm, alarm.message.to(lang)) for alarm in report.alarms],
        weekly=weekly(report.errors["week"], lang),
        confusions=confusions(report.pairs, lang),
        stations=station_charts(report.charts, lang),
        parts=PARTS,
        subjects=SUBJECTS,
        kept={"category": asked.category or "", "seller": asked.seller or "", "since": asked.since.date().isoformat()},
    )


@router.get("/{table}.csv")
async def download(
    table: str, request: Request, session: FileDep, runtime: RuntimeDep, lang: DeskLanguageDep
) -> Response:
    """One table of the page as CSV (RFC 4180, UTF-8): `errors`, `agreement`, `stations` or `alarms`."""
    if table not in ("errors", "agreement", "stations", "alarms"):
        raise NotFoundError(Message("problem.no_table", {"table": table}))
    asked = _asked(request.query_params)
    report = await runtime.call(_report, runtime, asked)
    rows = list(_rows(table, report, asked, lang))
    await runtime.call(_note, runtime, session, table)
    out = io.StringIO()
    csv.writer(out).writerows([_harmless(cell) for cell in row] for row in rows)
    headers = {"Content-Disposition": f'attachment; filename="{table}.csv"', "Cache-Control": "no-store"}
    # Spreadsheets take a file for UTF-8 by its byte order mark alone.
    return Response("\ufeff" + out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


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


def _report(runtime: Runtime, asked: Asked) -> Report:
    every, counts = runtime.desk.looks(since=asked.since), runtime.desk.auto_graded_counts(since=asked.since)
    rows: list[Look | AutoGraded] = [*every, *counts]
    categories = sorted({row.category for row in rows if row.category})
    sellers = sorted({row.seller for row in rows if row.seller})

    def fits(row: Look | AutoGraded) -> bool:
        return asked.category in (None, row.category) and asked.seller in (None, row.seller)

    looks, counts = [row for row in every if fits(row)], [row for row in counts if fits(row)]
    # Errors are of the items that came in since then: those of looks at older ones are not counted among them.
    recent = [look for look in looks if look.created_at >= asked.since]
    # Whatever is asked for, a station is compared with the same weeks before.
    begin = datetime.now(UTC) - KEPT
    days = station_days(runtime.database, begin, category=asked.category, seller=asked.seller)
    return Report(
        errors={part: error_rates(recent, counts, part) for part in ERROR_PARTS},
        pairs=pairs_of(looks),
        charts=[chart for station, of in days.items() for chart in charts(station, of)],
        alarms=[alarm for station, of in days.items() for alarm in alarms(station, of)],
        categories=categories,
        sellers=sellers,
    )


def _broken_promises(report: Report, lang: str) -> list[tuple[str, str]]:
    """Verdict and words, of each category whose automatic grades are wrong more often than promised; alarms first."""
    found = []
    for row in report.errors["category"]:
        if row.verdict in ("alarm", "warning") and row.interval is not None:
            numbers = {"rate": row.rate, "low": row.interval.low, "high": row.interval.high, "promised": row.promised}
            part = catalogue(lang).get(f"category.{row.part or 'other'}", row.part or "other")
            shown: dict[str, float] = {name: round(value or 0.0, 3) for name, value in numbers.items()}
            key = "desk.quality_error_alarm" if row.verdict == "alarm" else "desk.quality_error_warning"
            found.append((row.verdict, text(key, lang, part=part, **shown)))
    return sorted(found, key=lambda one: one[0] != "alarm")


def _rows(table: str, report: Report, asked: Asked, lang: str) -> Iterable[Sequence[object]]:
    """The header and the rows of a file; numbers are not rounded, and what is not known is empty."""
    if table == "errors":
        counted = ("items", "covered", "sampled", "looked_at", "wrong", "pending")
        yield "by", "part", *counted, "rate", "low", "high", "expected_wrong", "promised", "verdict"
        for by, rows in report.errors.items():
            for row in rows:
                low, high = (row.interval.low, row.interval.high) if row.interval else (None, None)
                counts = row.items, row.covered, row.sampled, row.looked_at, row.wrong, row.pending
                yield by, row.part, *counts, row.rate, low, high, row.expected_wrong, row.promised, row.verdict
    elif table == "agreement":
        yield "between", "by", "part", "items", "raw", "raw_low", "raw_high", "kappa", "kappa_low", "kappa_high"
        for subject in SUBJECTS:
            for by in PARTS:
                pairs = [pair for pair in report.pairs if pair.subject == subject]
                for part, one in agreement_by(pairs, by):
                    raw, kappa = one.raw_interval, one.kappa_interval
                    ends = (raw and raw.low, raw and raw.high, one.kappa, kappa and kappa.low, kappa and kappa.high)
                    yield subject, by, part, one.items, one.raw, *ends
    elif table == "stations":
        yield "station", "measure", "day", "value", "usual", "usual_low", "usual_high", "cusum", "changed"
        for chart in report.charts:
            for point in chart.points:
                changed = chart.changed is not None and point.day >= chart.changed.since
                usual = chart.centre, chart.low, chart.high
                yield chart.station, chart.measure, point.day, point.value, *usual, point.cusum, int(changed)
    else:
        yield "kind", "station", "since", "message"
        for verdict, words in _broken_promises(report, lang):
            yield f"error_{verdict}", None, None, words
        for alarm in report.alarms:
            yield alarm.kind, alarm.station, alarm.since, alarm.message.to(lang)


def _harmless(cell: object) -> object:
    """A text that a spreadsheet would take for a formula is quoted: whoever names a seller or station is not asked."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def _note(runtime: Runtime, session: Session, table: str) -> None:
    with runtime.database.write() as connection:
        record(connection, datetime.now(UTC), session.key, "export", detail={"table": table})
