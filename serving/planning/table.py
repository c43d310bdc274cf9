"""A capacity plan in words, for a terminal."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from regrade.serving.planning.document import PeakOut, PlanOut

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

Rows = Iterable[tuple[str, str]]


def print_plan(console: "Console", told: PlanOut) -> None:
    """Print the verdict, the table, what to beware of and what was assumed."""
    style = "bold green" if told.suffices else "bold red"
    console.print(verdict(told), style=style, highlight=False)
    console.print(_table(told))
    for line in told.warnings:
        console.print(f"Beware: {line}", style="yellow", highlight=False, markup=False)
    for line in told.assumptions:
        console.print(f"Assumed: {line}", style="dim", highlight=False, markup=False)


def verdict(told: PlanOut) -> str:
    """The answer in a sentence or two."""
    need, here = told.need, told.this_machine
    if told.suffices:
        return f"This machine suffices, with {here.headroom:.2f} times what the peak hour needs."
    cores = told.measured.cores
    if need.cores is None:
        return (
            f"No number of cores answers 99 of 100 items within {told.targets.p99_ms:g} ms: even items that meet no "
            f"other, with a core for every photo, take up to {need.fastest_p99_ms:.0f} ms. Send smaller photos, or "
            "raise --p99-ms."
        )
    one = f"one machine with {need.cores} such cores"
    if need.replicas is None:
        return (
            f"No number of machines with {cores} cores answers 99 of 100 items within {told.targets.p99_ms:g} ms. "
            f"It takes {one}."
        )
    # The larger machine first: it spreads the photos of one item over more cores, so it needs fewer in all.
    return f"This machine alone does not suffice. It takes {one}, or {need.replicas} like this ({cores} cores each)."


def _table(told: PlanOut) -> "Table":
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table(box=SIMPLE, show_header=False, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for group in (_asked_rows(told), _peak_rows(told), _lost_rows(told), _storage_rows(told), _measured_rows(told)):
        for name, words in group:
            table.add_row(name, words)
        table.add_section()
    return table


def _asked_rows(told: PlanOut) -> Rows:
    load, need = told.load, told.need
    yield (
        "Load",
        f"{load.items_per_day:,.0f} items a day × {load.photos} photos of {load.megapixels:g} megapixels "
        f"in {load.hours:g} h",
    )
    yield (
        "Peak hour",
        f"{load.peak:g} × the average: {load.peak_items_per_s:.2f} items/s, {load.peak_photos_per_s:.1f} photos/s",
    )
    cores = "no number of cores suffices" if need.cores is None else _count(need.cores, "core")
    yield "One machine needs", cores
    replicas = "no number of them suffices" if need.replicas is None else _count(need.replicas, "replica")
    yield f"Of {told.measured.cores} cores each", replicas


def _peak_rows(told: PlanOut) -> Rows:
    yield from _point_rows(told, told.this_machine, "This machine alone")
    if told.planned is not None and not told.suffices:
        yield from _point_rows(told, told.planned, _count(told.planned.replicas, "replica"))


def _point_rows(told: PlanOut, point: PeakOut, name: str) -> Rows:
    targets = told.targets
    yield name, f"cores busy in the peak hour: {point.utilisation:.0%} (at most {targets.utilisation:.0%})"
    if point.p50_ms is None or point.p99_ms is None:
        yield "", "the queue grows for the whole hour"
    else:
        yield (
            "",
            f"half of the items within {point.p50_ms:.0f} ms, 99 of 100 within {point.p99_ms:.0f} ms "
            f"(at most {targets.p99_ms:.0f})",
        )
    carried = f"carries {point.most_items_per_day:,.0f} items a day of this kind: {point.headroom:.2f} × the load"
    yield "", carried if point.most_items_per_day else "carries no load of this kind within the targets"


def _lost_rows(told: PlanOut) -> Rows:
    name, lost, spare = "If a machine fails", told.one_replica_lost, told.need.replicas_with_one_spare
    if told.suffices:
        yield name, "nothing is graded until it is back; stations must keep what they could not send"
    elif lost is None:
        return
    elif lost.backlog_items:
        catch_up = (
            "not worked off that day" if lost.catch_up_hours is None else f"{lost.catch_up_hours:.1f} h to catch up"
        )
        yield (
            name,
            f"{lost.backlog_items:,.0f} items behind after the peak hour, {catch_up}; they are refused meanwhile",
        )
    else:
        p99 = "" if lost.p99_ms is None else f", 99 of 100 items within {lost.p99_ms:.0f} ms"
        yield name, f"cores busy {lost.utilisation:.0%} in the peak hour{p99}"
    if spare is not None:
        yield "With one to spare", f"{_count(spare, 'replica')} stay within the targets when one fails"


def _storage_rows(told: PlanOut) -> Rows:
    storage = told.storage
    yield (
        "Disk",
        f"{storage.gb_per_day:,.1f} GB a day ({storage.photo_mb:.2f} MB a photo); {storage.free_gb:,.0f} GB free here",
    )
    yield (
        "Network in",
        f"{storage.network_in_peak_mbit_s:,.0f} Mbit/s in the peak hour, "
        f"{storage.network_in_average_mbit_s:,.0f} on average",
    )


def _measured_rows(told: PlanOut) -> Rows:
    found = told.measured
    yield "Measured", f"{found.date} on {_count(found.cores, 'core')}, {found.cpu}"
    yield (
        "A photo",
        f"{found.photo_core_ms:.1f} ms of one core; decoding and networks {found.look_ms_p50:.1f} ms (95% within "
        f"{found.look_ms_p95:.1f} ms), HTTP, hashing, disk and database {found.other_share:.0%}",
    )
    yield "An item alone", f"{found.item_alone_ms:.0f} ms, of which {found.item_wait_ms:.0f} ms wait for no core"
    yield "All cores busy", f"{found.photos_per_s:.1f} photos/s through HTTP"
    if found.memory_mb is not None:
        yield "Memory", f"{found.memory_mb:.0f} MB"


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
