"""What `regrade data` shows: a table of findings, and bar charts of the counts."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple
from typing import TYPE_CHECKING

from rich.bar import Bar
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from regrade.datasets.category import Category
from regrade.datasets.checks import DatasetFinding
from regrade.datasets.manifest import SPLITS, Record
from regrade.models.types import CONDITIONS

if TYPE_CHECKING:
    from regrade.datasets.hygiene.findings import HygieneTally

UNDECIDED = "undecided"
"""Shown for a record without a condition."""
COLOURS = {"unopened": "green", "opened": "cyan", "used": "yellow", "damaged": "red", UNDECIDED: "white"}
_BAR = 36


def findings_table(findings: Iterable[DatasetFinding]) -> Table:
    """One row a finding."""
    table = Table("", "check", "record", "what is wrong", pad_edge=False, box=None)
    for finding in findings:
        colour = "red" if finding.level == "error" else "yellow"
        table.add_row(
            Text(finding.level, style=f"bold {colour}"),
            finding.check,
            Text(finding.record, overflow="fold"),
            Text(finding.message, overflow="fold"),
        )
    return table


def count_rows(records: Iterable[Record]) -> list[dict[str, str | int]]:
    """Counts by category × condition × split × source, one row each, sorted."""
    order = (*CONDITIONS, UNDECIDED)
    counts = Counter((r.category, r.condition or UNDECIDED, r.split, r.source) for r in records)
    names = ("category", "condition", "split", "source")
    keys = sorted(counts, key=lambda k: (k[0], order.index(k[1]), SPLITS.index(k[2]), k[3]))
    return [{**dict(zip(names, key, strict=True)), "photos": counts[key]} for key in keys]


def summary_charts(records: Sequence[Record], categories: Mapping[str, Category]) -> Iterator[RenderableType]:
    """A heading, then for each category a chart by condition and split, and one by source.

    A category of `categories` shows the conditions that it has, and those of photos that it has not.
    """
    groups = len({r.group for r in records})
    yield Text(f"{len(records)} photos in {groups} groups", style="bold")
    for category in sorted({r.category for r in records}):
        mine = [r for r in records if r.category == category]
        yield Text(f"\n{category}  {len(mine)} photos", style="bold")
        defined = categories[category].condition_names if category in categories else CONDITIONS
        yield _by_condition(mine, [c for c in CONDITIONS if c in defined or any(r.condition == c for r in mine)])
        yield _by_source(mine)


def tally_table(tallies: "Mapping[str, HygieneTally]") -> Table:
    """What `hygiene` counted, a row a category."""
    columns = ("photos", "same file", "copies", "same thing", "across groups", "across splits", "labels?", "outliers")
    table = Table("category", title="pairs of photos; doubtful labels; outliers", box=None, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right")
    for category, tally in tallies.items():
        table.add_row(category, *(str(count) for count in astuple(tally)))
    return table


def _by_condition(records: Sequence[Record], conditions: Sequence[str]) -> Table:
    table = Table("condition", "", pad_edge=False, box=None)
    for name in ("photos", *SPLITS):
        table.add_column(name, justify="right")
    counts = Counter(r.condition or UNDECIDED for r in records)
    cells = Counter((r.condition or UNDECIDED, r.split) for r in records)
    for condition in (*conditions, UNDECIDED):
        if counts[condition] or condition != UNDECIDED:
            bar = Bar(max(counts.values()), 0, counts[condition], width=_BAR, color=COLOURS[condition])
            splits = (str(cells[condition, split]) for split in SPLITS)
            table.add_row(condition, bar, str(counts[condition]), *splits)
    return table


def _by_source(records: Sequence[Record]) -> Table:
    """One stacked bar a source: how its photos are spread over the conditions."""
    table = Table("source", "by condition", pad_edge=False, box=None)
    table.add_column("photos", justify="right")
    counts = Counter(r.source for r in records)
    for source, total in counts.most_common():
        by = Counter(r.condition or UNDECIDED for r in records if r.source == source)
        table.add_row(source, _stacked(by, total, _BAR), str(total))
    return table


def _stacked(counts: Counter[str], total: int, width: int) -> Text:
    bar = Text()
    done = drawn = 0
    for condition in (*CONDITIONS, UNDECIDED):
        done += counts[condition]
        end = round(width * done / total)
        bar.append("█" * (end - drawn), style=COLOURS[condition])
        drawn = end
    return bar
