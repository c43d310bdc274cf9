"""`regrade erase` and `regrade erasures`: erase photos and personal fields, and list what was erased."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from regrade.serving.base.settings import Settings
    from regrade.serving.erasure.eraser import Eraser
    from regrade.serving.erasure.records import Actor, Erasure
    from regrade.serving.inspections.selection import Meant, Preview
    from regrade.serving.storage.database import Database

FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
DataDir = Annotated[Path | None, typer.Option(help="The service's data directory.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command(name="erase")(erase)
    app.command(name="erasures")(erasures)


def erase(
    rma: Annotated[str | None, typer.Option(help="All inspections of this RMA.")] = None,
    inspection_id: Annotated[str | None, typer.Option("--id", help="One inspection.")] = None,
    seller: Annotated[
        str | None,
        typer.Option(help="All of this seller's; once none is left, a pseudonym takes the place of the name."),
    ] = None,
    before: Annotated[
        datetime | None,
        typer.Option(formats=FORMATS, help="All that came in before this moment; without a zone it is in UTC."),
    ] = None,
    retention: Annotated[
        bool, typer.Option("--retention", help="All that the setting REGRADE_RETENTION no longer lets be kept.")
    ] = False,
    reason: Annotated[str | None, typer.Option(help="Why, for the record; name no person in it.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be erased.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Erase photos and personal fields of inspections for good; a signed record of each erasure is kept.

    What is named by several options must meet them all. Statistics stay as they are. The service may run meanwhile.
    Interrupted, it can be run again, and goes on. Backups and exports of before are not reached. Exits with 1 where
    no inspection has the RMA or id.
    """
    from regrade.models.errors import RegradeError
    from regrade.serving.base.retention_rules import written
    from regrade.serving.erasure.retention import Due
    from regrade.serving.inspections.selection import Criteria

    criteria = Criteria(rma, inspection_id, seller, None if before is None else _aware(before))
    if retention == (not criteria.empty):
        raise RegradeError("Say what to erase: --rma, --id, --seller and --before, or --retention alone.")
    if reason is not None and not (1 <= len(reason) <= 200 and reason.isprintable()):
        raise RegradeError("The reason must have 1 to 200 printable characters.")
    with _opened(data_dir) as (settings, database, eraser):
        meant: Meant = criteria
        if retention:
            rules = settings.retention_rules
            if not rules:
                raise RegradeError("REGRADE_RETENTION says nothing. Set it, such as to reviewed=365d,retake=30d.")
            meant, reason = Due(rules, datetime.now(UTC)), reason or written(rules)
        count = _tell(database, meant, rma, inspection_id)
        if dry_run:
            return
        if count:
            _confirm(yes)
            _erase(eraser, meant, _actor(retention=retention), reason, count)
        # Also where nothing is left to erase: an earlier run may have been interrupted.
        if seller is not None:
            _rename(eraser, seller)
        if not eraser.finish():
            typer.echo(
                "The database's log is being read and is emptied later: by the service, or run this again.", err=True
            )
        if not count and (rma is not None or inspection_id is not None):
            raise typer.Exit(1)


def erasures(
    since: Annotated[
        datetime | None, typer.Option(formats=FORMATS, help="The first moment to show; without a zone it is in UTC.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, with the signed step.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Show what was erased, when, by whom and why, oldest first."""
    import json

    from regrade.serving.erasure.records import since as records_since

    with _opened(data_dir) as (_, database, _), database.read() as connection:
        for one in records_since(connection, None if since is None else _aware(since)):
            typer.echo(json.dumps(_fields(one), ensure_ascii=False) if as_json else _line(one))


def _fields(erasure: "Erasure") -> dict[str, object]:
    from dataclasses import asdict

    return asdict(erasure) | {"at": erasure.at.isoformat()}


def _line(erasure: "Erasure") -> str:
    photos = _some(erasure.photos, "photo")
    about = f"{erasure.inspection_id}  {erasure.name:20}  {photos:9}"
    return f"{erasure.at:%Y-%m-%dT%H:%M:%SZ}  {about}  {erasure.reason or ''}".rstrip()


@contextmanager
def _opened(data_dir: Path | None) -> "Iterator[tuple[Settings, Database, Eraser]]":
    from regrade.serving.base.errors import DataDirError
    from regrade.serving.base.settings import load_settings
    from regrade.serving.evidence import Signer
    from regrade.serving.installation.data_dir import open_database
    from regrade.serving.installation.photos import open_photos
    from regrade.serving.runtime import open_eraser

    settings = load_settings(data_dir=data_dir)
    if settings.database_url is None and not (settings.data_dir / "regrade.db").is_file():
        raise DataDirError(f"There is no installation in {settings.data_dir}. Name its directory with --data-dir.")
    database = open_database(settings)
    try:
        photos = open_photos(settings)
        yield settings, database, open_eraser(settings, database, photos, Signer.load(settings.data_dir / "keys"))
    finally:
        database.close()


def _tell(database: "Database", meant: "Meant", rma: str | None, inspection_id: str | None) -> int:
    """Say what would be erased, and return how many inspections that are."""
    from regrade.serving.inspections.selection import preview

    with database.read() as connection:
        found = preview(connection, meant)
    if not found.inspections:
        named = {"RMA": rma, "id": inspection_id}
        has = " and ".join(f"the {name} {value}" for name, value in named.items() if value is not None)
        typer.echo(f"No inspection that is not erased yet has {has}." if has else "Nothing is to be erased.")
        return 0
    listed = ", ".join(f"{count} {status}" for status, count in found.by_status.items())
    typer.echo(f"{_some(found.inspections, 'inspection')} ({listed}), {_span(found)}")
    shared = f"; {found.shared} of them stay, for other inspections have them too" if found.shared else ""
    typer.echo(f"{_some(found.photos, 'photo')}{shared}")
    return found.inspections


def _some(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _span(found: "Preview") -> str:
    return f"came in {found.begin:%Y-%m-%d} to {found.end:%Y-%m-%d}"


def _confirm(yes: bool) -> None:
    from regrade.models.errors import RegradeError

    if yes:
        return
    if not _at_terminal():
        raise RegradeError("What is erased is gone for good. Say --yes, or run it in a terminal to be asked.")
    typer.confirm("What is erased is gone for good. Erase it?", abort=True)


def _at_terminal() -> bool:
    return sys.stdin.isatty()


def _erase(eraser: "Eraser", meant: "Meant", by: "Actor", reason: str | None, count: int) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    done = 0
    try:
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            bar = progress.add_task("Erasing", total=count)
            for erased in eraser.erase_all(meant, by, reason):
                done += erased
                progress.advance(bar, erased)
    finally:
        typer.echo(f"erased {_some(done, 'inspection')}")


def _rename(eraser: "Eraser", seller: str) -> None:
    if not eraser.rename(seller):
        typer.echo(f"The name {seller!r} stays in figures: not all of the seller's inspections are erased.")


def _actor(*, retention: bool) -> "Actor":
    from regrade.serving.erasure.records import RETENTION, Actor
    from regrade.serving.installation.data_dir import user_name

    return RETENTION if retention else Actor(f"{user_name()[:90]} (cli)")


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
