"""`regrade catalogue`: tell the service what is expected to come back."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from regrade.serving.catalogue.entries import RmaEntry, SkuEntry
    from regrade.serving.catalogue.store import Catalogue

app = typer.Typer(help="Import and look up what is expected to come back.", no_args_is_help=True)
DataDir = Annotated[Path | None, typer.Option(help="The service's data directory.")]


def register(root: typer.Typer) -> None:
    """Add `regrade catalogue` to the command line."""
    root.add_typer(app, name="catalogue")


@app.command("import")
def import_command(
    what: Annotated[Literal["skus", "rmas"], typer.Argument(help="What the file holds.")],
    file: Annotated[Path, typer.Argument(help="CSV, or JSON as of POST /v1/catalogue/….")],
    data_dir: DataDir = None,
) -> None:
    """Store SKUs, or returns with their lines, in place of those of the same name and seller; the service may run.

    All of the file is checked before anything is stored. Interrupted, it can be done again.
    """
    from regrade.models.errors import RegradeError

    try:
        data = file.read_bytes()
    except OSError as error:
        raise RegradeError(f"{file} cannot be read: {error.strerror}.") from error
    entries = _read(what, data, file.suffix.lower() == ".json")
    with _bar(len(entries)) as kept:
        _catalogue(data_dir).keep_in_batches(entries, kept)
    typer.echo(f"Stored {len(entries)} {what}.")


@app.command()
def show(
    rma: Annotated[str, typer.Argument(help="The RMA.")],
    seller: Annotated[str | None, typer.Option(help="Whose return it is.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Print what is expected of a return, as JSON. Exits with 1 if it is not known."""
    import dataclasses
    import json

    from pydantic_core import to_jsonable_python

    found = _catalogue(data_dir).returns(rma, seller)
    told = [to_jsonable_python(dataclasses.asdict(one)) for one in found]
    typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
    if not found:
        raise typer.Exit(1)


def _read(what: str, data: bytes, is_json: bool) -> "list[SkuEntry] | list[RmaEntry]":
    from regrade.serving.catalogue.entries import RmaImport, SkuImport
    from regrade.serving.catalogue.tables_csv import read_rmas, read_skus

    if not is_json:
        return read_skus(data) if what == "skus" else read_rmas(data)
    from regrade.serving.base.json_text import read_model

    if what == "skus":
        return list(read_model(data, SkuImport, "request").items)
    return list(read_model(data, RmaImport, "request").items)


@contextmanager
def _bar(total: int) -> Iterator["Callable[[int], None]"]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Importing", total=total)
        yield lambda count: progress.advance(task, count)


def _catalogue(data_dir: Path | None) -> "Catalogue":
    from regrade.serving.base.settings import load_settings
    from regrade.serving.catalogue.store import Catalogue
    from regrade.serving.installation.data_dir import open_database

    return Catalogue(open_database(load_settings(data_dir=data_dir)))
