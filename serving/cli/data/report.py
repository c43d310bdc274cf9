"""`regrade report`: what came of the inspections, as figures, as charts and as files of rows."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regrade.serving.http.routes.results.sections import Section


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command(name="report")(report)


def report(
    since: Annotated[str | None, typer.Option(help="Came in from this day (UTC) or moment on.")] = None,
    until: Annotated[str | None, typer.Option(help="To the end of this day (UTC), or before this moment.")] = None,
    updated_since: Annotated[str | None, typer.Option(help="Changed from this day or moment on.")] = None,
    updated_until: Annotated[str | None, typer.Option(help="Changed to the end of this day, or before.")] = None,
    rma: Annotated[str | None, typer.Option(help="Only this RMA.")] = None,
    sku: Annotated[str | None, typer.Option(help="Only this SKU; ~none: items without one.")] = None,
    seller: Annotated[str | None, typer.Option("--seller", "-s", help="Only this seller's; ~none likewise.")] = None,
    station: Annotated[str | None, typer.Option(help="Only this station's; ~none likewise.")] = None,
    person: Annotated[str | None, typer.Option(help="Only what the holder of the key of this id decided last.")] = None,
    category: Annotated[str | None, typer.Option(help="Only what was graded as this category.")] = None,
    condition: Annotated[str | None, typer.Option(help="Only where this condition stands.")] = None,
    disposition: Annotated[str | None, typer.Option(help="Only where this action stands.")] = None,
    status: Annotated[str | None, typer.Option(help="graded, needs_review, reviewed or retake.")] = None,
    by: Annotated[str | None, typer.Option(help="automatic: went without a person; person: somebody decided.")] = None,
    columns: Annotated[
        str | None, typer.Option(help="Columns of the files, with commas between; all if left out.")
    ] = None,
    target: Annotated[
        float, typer.Option(min=0.01, max=8760, help="Age in hours that nothing in the queue should be beyond.")
    ] = 24.0,
    csv: Annotated[Path | None, typer.Option(help="Write all rows to this CSV file.")] = None,
    parquet: Annotated[Path | None, typer.Option(help="Write all rows to this Parquet file.")] = None,
    html: Annotated[
        Path | None, typer.Option("--html", "--out", help="Write figures with charts to this file.")
    ] = None,
    lang: Annotated[str, typer.Option(help="Language of the report: en or zh-CN.")] = "en",
    data_dir: Annotated[Path | None, typer.Option(help="The service's data directory.")] = None,
) -> None:
    """Print figures of the inspections that fit: the queue, the desk's load, automatic share, pace, recovery.

    The service may run meanwhile, and nothing is written to the store. With --csv and --parquet the rows themselves
    are written, a few at a time. Exits with 2 where something cannot be read or written.
    """
    from datetime import UTC, datetime

    from regrade.models.errors import RegradeError
    from regrade.serving.base.errors import InvalidFieldsError
    from regrade.serving.base.i18n import LANGUAGES, Language
    from regrade.serving.base.settings import load_settings
    from regrade.serving.cli.bundles import categories_here
    from regrade.serving.http.routes.results.report import report_page
    from regrade.serving.http.routes.results.sections import sections
    from regrade.serving.installation.data_dir import open_to_read
    from regrade.serving.installation.simulated import is_simulated
    from regrade.serving.results.address import asked_of, columns_in
    from regrade.serving.results.figures import figures
    from regrade.serving.results.files import as_csv, as_parquet
    from regrade.serving.results.rows import COLUMNS, every
    from regrade.serving.rubric.in_force import names

    given = {
        name: value
        for name, value in (
            *(("since", since), ("until", until), ("updated_since", updated_since), ("updated_until", updated_until)),
            *(("rma", rma), ("sku", sku), ("seller", seller), ("station", station), ("person", person)),
            *(("category", category), ("condition", condition), ("disposition", disposition)),
            *(("status", status), ("by", by)),
        )
        if value is not None
    }
    if lang not in LANGUAGES:
        raise RegradeError(f"There are no texts in {lang!r}. Legal values: {', '.join(LANGUAGES)}.")
    try:
        asked = asked_of(given)
        wanted = columns_in({"columns": columns}) if columns else tuple(COLUMNS)
    except InvalidFieldsError as error:
        raise RegradeError(error.to("en")) from error
    outputs = [path.absolute() for path in (csv, parquet, html) if path is not None]
    if len(set(outputs)) < len(outputs):
        raise RegradeError("Each file needs a name of its own: two options name the same.")
    settings = load_settings(data_dir=data_dir)
    words = Language(lang, names(categories_here(settings.data_dir), lang))
    database, now = open_to_read(settings), datetime.now(UTC)
    try:
        found = figures(database, asked, None, now=now, target=target)
        shown = sections(found, words)
        for path, write in ((csv, as_csv), (parquet, as_parquet)):
            if path is not None:
                _write(path, write(wanted, _watched(every(database, asked, None, wanted), found.items)))
        if html is not None:
            page = report_page(shown, given, found.items, now, words, simulated=is_simulated(database))
            _write(html, iter([page.encode()]))
    finally:
        database.close()
    _print(shown)


def _print(shown: "Sequence[Section]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from regrade.models.errors import RegradeError

    console = Console()
    try:
        for one in shown:
            console.print(Text(one.title, style="bold"))
            console.print(Text(one.hint, style="dim"))
            table = Table()
            for place, name in enumerate(one.head):
                table.add_column(Text(name), justify="right" if place else "left")
            for row in one.rows:
                # As texts: names of sellers and stations are no markup.
                table.add_row(*(Text(cell) for cell in row))
            console.print(table)
    except OSError as error:  # but for a pipe that is closed, at which the console ends the command
        raise RegradeError(f"The figures cannot be printed: {error.strerror}.") from error


def _write(path: Path, parts: Iterator[bytes]) -> None:
    """Write `path`, whole or not at all; what is there and no file, such as a pipe, is written into."""
    from regrade.models.errors import RegradeError

    try:
        path = path.resolve()  # what a link leads to, not the link
        if path.exists() and not path.is_file():
            with path.open("wb") as out:
                out.writelines(parts)
            return
    except OSError as error:
        raise RegradeError(f"Cannot write {path}: {error.strerror}.") from error
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as out:
            for data in parts:
                out.write(data)
        part.replace(path)
    except OSError as error:
        raise RegradeError(f"Cannot write {path}: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)


def _watched(chunks: "Iterator[list[Sequence[object]]]", total: int) -> "Iterator[list[Sequence[object]]]":
    """`chunks`, with a bar on standard error while they are read."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Writing", total=total)
        for chunk in chunks:
            yield chunk
            progress.advance(task, len(chunk[0]))
