"""`regrade store`: look after what is stored."""

from pathlib import Path
from typing import Annotated

import typer

from regrade.serving.cli.data.photos import photos

DataDir = Annotated[Path | None, typer.Option(help="The service's data directory.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    store = typer.Typer(name="store", help="Look after what is stored.", no_args_is_help=True)
    store.callback()(lambda: None)
    store.command()(verify)
    store.command()(salvage)
    store.command()(copy)
    store.command()(photos)
    app.add_typer(store)


def verify(
    data_dir: DataDir = None,
    fix: Annotated[
        bool,
        typer.Option(
            "--fix", help="Remove orphans and leftovers, close what is open to others; the server must be off."
        ),
    ] = False,
) -> None:
    """Check that the database is sound and lacks nothing, and that every inspection has all its photos, whole, and is
    as it was signed when it was graded and decided; report photos and files that nobody needs, and what other users of
    this machine may read.

    Exits with 1 when an inspection lacks a photo or has a damaged one, something differs from what was signed, the
    database is not sound, or others may read what is stored, and with 2 when it lacks what was acknowledged. Orphans
    and leftovers are harmless: a crash between writing a photo and storing its inspection leaves them, and so do
    photos that were sent ahead of an item that never came.
    """
    from regrade.serving.base.errors import DataDirError
    from regrade.serving.base.settings import load_settings
    from regrade.serving.evidence.store_check import check_evidence
    from regrade.serving.inspections.verify import remove_surplus, verify_store
    from regrade.serving.installation.data_dir import DataDirLock, open_database
    from regrade.serving.installation.photos import open_photos
    from regrade.serving.runtime import staged_photos_of
    from regrade.serving.storage.private import close_to_others, open_to_others

    settings = load_settings(data_dir=data_dir)
    if not settings.data_dir.is_dir():
        raise DataDirError(f"There is no data directory {settings.data_dir}. Name one with --data-dir.")
    lock = DataDirLock(settings.data_dir) if fix else None
    kept = open_photos(settings)
    kept.refuse()
    database = open_database(settings)
    report = verify_store(database, kept)
    staged = staged_photos_of(settings)
    expired = tuple(f"{path.parent.name}/{path.name}" for path in staged.leftovers())
    evidence = check_evidence(database, settings.data_dir / "keys")
    typer.echo(f"{report.inspections} inspections with {report.photos} different photos")
    if report.erased:
        typer.echo(f"{report.erased} of the inspections are erased")
    for word, found in (
        ("damage in the database", report.database),
        ("missing photo", report.missing),
        ("damaged photo", report.damaged),
        ("inspection with a gap in its photos", report.incomplete),
        ("orphan", report.orphans),
        ("leftover", (*report.leftovers, *expired)),
    ):
        for name in found:
            typer.echo(f"{word}: {name}")
            for use in report.uses.get(name, ()):
                typer.echo(f"  photo {use.position} of inspection {use.inspection}, RMA {use.rma}")
    typer.echo(f"{evidence.steps} signed steps, {len(evidence.findings)} findings")
    if evidence.later:
        typer.echo(f"{evidence.later} inspections of before were signed later, as they were found then")
    if evidence.waiting:
        typer.echo(f"{evidence.waiting} inspections of before are not signed yet: `regrade serve` signs them")
    for finding in evidence.findings:
        typer.echo(f"tampered: {finding}")
    opened = list(open_to_others(settings.data_dir))
    for path in opened:
        typer.echo(f"open to others: {path}")
    if lock is not None:
        remove_surplus(database, kept, report)
        leftovers = len(report.leftovers) + staged.clear_leftovers()
        typer.echo(f"removed {len(report.orphans)} orphans and {leftovers} leftovers")
        opened = [path for path in opened if path.exists() and not close_to_others(path)]
        lock.release()
    if opened or evidence.findings or not report.sound:
        raise typer.Exit(1)


def salvage(data_dir: DataDir = None) -> None:
    """Go on with what is left of a database that has lost acknowledged writes; take a backup instead if there is one.

    The damaged files are kept in a folder of the data directory, `damaged-…`; what is erased later stays in them until
    that is removed. Exits with 2, and changes nothing, where what is left is not sound, or a service is running.
    """
    from datetime import UTC, datetime

    from regrade.serving.base.errors import DamagedDatabaseError, DataDirError
    from regrade.serving.base.settings import load_settings
    from regrade.serving.installation.data_dir import DataDirLock, note_salvage
    from regrade.serving.storage.sqlite.salvage import salvage as salvage_files

    settings = load_settings(data_dir=data_dir)
    if settings.database_file is None or not settings.data_dir.is_dir():
        raise DataDirError(f"There is no SQLite database in {settings.data_dir}. Name its directory with --data-dir.")
    lock = DataDirLock(settings.data_dir)
    try:
        aside = settings.data_dir / f"damaged-{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}"
        done = salvage_files(settings.database_file, aside)
        if done is None:
            typer.echo("Nothing is missing; nothing was changed.")
            return
        note_salvage(settings, done)
    except DamagedDatabaseError as error:
        raise DamagedDatabaseError(f"{error} Nothing was changed. {_backup(settings.data_dir)}") from error
    finally:
        lock.release()
    typer.echo(f"{done.said} What is left is sound and can be used. The damaged files are in {done.aside}.")
    typer.echo("Photos of lost inspections stay as orphans, until `regrade store verify --fix` removes them.")


def copy(
    to: Annotated[str, typer.Option(help="URL of the empty database to copy to.")],
    source: Annotated[
        str | None, typer.Option("--from", help="URL of the database to copy; by default the site's own.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Copy a site's database into another one, such as from SQLite to postgresql+psycopg://user:password@host/name, or
    back. Photos and keys stay in the data directory.

    Every row is read back and compared; it is all there afterwards, or nothing. Exits with 2 where the database to copy
    to is not empty, or a service is running.
    """
    from regrade.serving.base.errors import DataDirError
    from regrade.serving.base.settings import load_settings
    from regrade.serving.cli.data.bars import counting
    from regrade.serving.installation.copying import copy_site
    from regrade.serving.installation.data_dir import DataDirLock
    from regrade.serving.storage.database import Database

    settings = load_settings(data_dir=data_dir)
    if not settings.data_dir.is_dir():
        raise DataDirError(f"There is no data directory {settings.data_dir}. Name one with --data-dir.")
    lock = DataDirLock(settings.data_dir)
    try:
        old = Database(source or settings.url, read_only=True)
        old.check_revision()
        new = Database(to)
        new.migrate()
        with counting("Copying rows") as progress:
            copied = copy_site(old, new, progress)
        old.close()
        new.close()
    finally:
        lock.release()
    for one in copied:
        typer.echo(f"{one.table}: {one.rows:,} rows, {one.digest[:16]}")
    typer.echo(f"{sum(one.rows for one in copied):,} rows are the same in both databases.")
    typer.echo("To go on with the copy, set REGRADE_DATABASE_URL to it for the service and for every command.")


def _backup(data_dir: Path) -> str:
    from regrade.serving.installation.backup.known import advice

    return advice(data_dir)
