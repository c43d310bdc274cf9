"""The tables of the quality page as files: CSV that a spreadsheet opens and takes for nothing but data."""

from collections.abc import Iterable, Mapping, Sequence

from regrade.serving.base.sheets import MARK, csv_lines
from regrade.serving.review.quality.drift import Alarm, Chart
from regrade.serving.review.quality.errors_and_agreement import PARTS, SUBJECTS, ErrorRate, OpinionPair, agreement_by
from regrade.serving.review.quality.influence import INFLUENCE_PARTS, influence
from regrade.serving.review.quality.missing_pieces import MissingPieces
from regrade.serving.review.quality.promises import CategoryPromise
from regrade.serving.review.types import DecisionRow


def as_csv(rows: Iterable[Sequence[object]]) -> str:
    """`rows` as RFC 4180 has them, after a byte order mark, by which alone spreadsheets take a file for UTF-8."""
    return MARK + csv_lines(rows).decode()


def error_rows(errors: Mapping[str, Sequence[ErrorRate]]) -> Iterable[Sequence[object]]:
    """Header and rows; in this and the others, numbers are not rounded, and what is not known is empty."""
    counted = ("items", "covered", "sampled", "looked_at", "wrong", "pending")
    yield "by", "part", *counted, "rate", "low", "high", "expected_wrong", "promised", "verdict"
    for by, rows in errors.items():
        for row in rows:
            low, high = (row.interval.low, row.interval.high) if row.interval else (None, None)
            counts = row.items, row.covered, row.sampled, row.looked_at, row.wrong, row.pending
            yield by, row.part, *counts, row.rate, low, high, row.expected_wrong, row.promised, row.verdict


def promise_rows(promises: Sequence[CategoryPromise]) -> Iterable[Sequence[object]]:
    """Header and a row for each category: what is promised, found and proven, and what would be as the site has it."""
    figures = ("loss_limit", "loss", "loss_bound", "harm_limit", "harm", "harm_bound", "share")
    yield (
        *("category", "value", "currency", "promised", "version", "looks", "groups", "passed", "delta"),
        *(*figures, "site_items", "site_shares", "site_promised", "site_share"),
    )
    for one in promises:
        t, site = one.told, one.site
        shares = "" if site is None else " ".join(f"{c}={of[0]:.4f}" for c, of in site.shares.items())
        here = (None, None) if one.at_site is None else (one.at_site.threshold is not None, one.at_site.share)
        known = (t.category, t.value, t.currency, t.promised, t.version, t.looks, t.groups, t.passed, t.delta)
        yield *known, *(getattr(t, name) for name in figures), site and site.items, shares, *here


def agreement_rows(pairs: Sequence[OpinionPair]) -> Iterable[Sequence[object]]:
    """Agreement of every subject, by every part."""
    yield "between", "by", "part", "items", "raw", "raw_low", "raw_high", "kappa", "kappa_low", "kappa_high"
    for subject in SUBJECTS:
        of = [pair for pair in pairs if pair.subject == subject]
        for by in PARTS:
            for part, one in agreement_by(of, by):
                raw, kappa = one.raw_interval, one.kappa_interval
                ends = (raw and raw.low, raw and raw.high, one.kappa, kappa and kappa.low, kappa and kappa.high)
                yield subject, by, part, one.items, one.raw, *ends


def influence_rows(looks: Sequence[DecisionRow]) -> Iterable[Sequence[object]]:
    """How far the model's word moves the benches, by every part."""
    yield "by", "part", "first", "first_agreed", "after", "after_agreed", "moved", "low", "high", "verdict"
    for by in INFLUENCE_PARTS:
        for one in influence(looks, by):
            ends = (one.interval and one.interval.low, one.interval and one.interval.high)
            yield by, one.part, one.first, one.first_agreed, one.after, one.after_agreed, one.moved, *ends, one.verdict


def piece_rows(rows: Sequence[MissingPieces]) -> Iterable[Sequence[object]]:
    """What is missing, a row a SKU."""
    yield "sku", "items", "counted", "incomplete", "most_often_missing", "times"
    for one in rows:
        yield one.sku, one.items, one.counted, one.incomplete, one.most, one.times


def station_rows(charts: Sequence[Chart]) -> Iterable[Sequence[object]]:
    """A row for each day and measure of each station."""
    yield "station", "measure", "day", "value", "usual", "usual_low", "usual_high", "cusum", "changed"
    for chart in charts:
        for point in chart.points:
            changed = chart.changed is not None and point.day >= chart.changed.since
            usual = chart.centre, chart.low, chart.high
            yield chart.station, chart.measure, point.day, point.value, *usual, point.cusum, int(changed)


def alarm_rows(broken: Iterable[tuple[str, str]], alarms: Iterable[Alarm], lang: str) -> Iterable[Sequence[object]]:
    """What stands at the top of the page; `broken` are verdict and words of promises that are not kept."""
    yield "kind", "station", "since", "message"
    for verdict, words in broken:
        yield f"error_{verdict}", None, None, words
    for alarm in alarms:
        yield alarm.kind, alarm.station, alarm.since, alarm.message.to(lang)
