"""`regrade backup` and `regrade restore`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

Out = Annotated[Path, typer.Argument(help="The backup folder.")]
DataDir = Annotated[Path | None, typer.Option(help="The service's data directory.")]


class _MakesByDefault(TyperGroup):
    """`regrade backup OUT` is `regrade backup make OUT`."""

    default = "make"

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "--help"):
            args = [self.default, *args]
        return super().parse_args(ctx, args)


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    backup = typer.Typer(
        name="backup",
        cls=_MakesByDefault,
        help="Make and check backups: `regrade backup OUT` makes one, while the service goes on.",
        no_args_is_help=True,
    )
    backup.command()(make)
    backup.command(name="list")(show)
    backup.command()(verify)
    app.add_typer(backup)
    app.command()(restore)


def make(
    out: Out,
    data_dir: DataDir = None,
    keep: Annotated[int | None, typer.Option(min=1, help="Keep only so many snapshots, the newest.")] = None,
) -> None:
    """Add a snapshot of database, photos, keys and all other state to a backup folder; only what is new is copied.

    The service may run meanwhile. A backup that was cut short leaves no snapshot. Exits with 1 where photos that
    inspections have were gone or damaged already. What was erased stays in older snapshots until --keep removes them.
    """
    from regrade.serving.base.settings import load_settings
    from regrade.serving.installation.backup.make import make_backup
    from regrade.serving.storage.disk import written

    settings = load_settings(data_dir=data_dir)
    with _bar("Copying photos") as progress:
        made = make_backup(settings, out, keep=keep, progress=progress)
    manifest = made.manifest
    typer.echo(
        f"{manifest.snapshot}: {manifest.inspections:,} inspections, {manifest.photos.count:,} photos, "
        f"{len(manifest.files):,} other files, {written(manifest.size)}, of which {written(made.new_bytes)} were new"
    )
    for name in made.pruned:
        typer.echo(f"removed {name}")
    if manifest.database is None:
        typer.echo(
            "The database is not in it: only a SQLite file is copied. Of PostgreSQL make a dump first, with `pg_dump`, "
            "and this afterwards, and keep both: then all photos that the dump speaks of are here.",
            err=True,
        )
    for sha256 in manifest.lost:
        typer.echo(f"missing or damaged photo, not in the backup: {sha256}", err=True)
    if manifest.lost:
        raise typer.Exit(1)


def show(out: Out) -> None:
    """List the snapshots of a backup folder."""
    from rich.console import Console
    from rich.table import Table

    from regrade.serving.installation.backup.repository import Repository
    from regrade.serving.storage.disk import written

    repository = Repository(out, write=False)
    table = Table("snapshot", "regrade", "schema", "inspections", "photos", "size")
    try:
        for name in repository.names():
            one = repository.manifest(name)
            counts = f"{one.inspections:,}", f"{one.photos.count:,}"
            table.add_row(name, one.regrade, one.schema, *counts, written(one.size))
    finally:
        repository.close()
    Console().print(table)


def verify(out: Out) -> None:
    """Read a whole backup and compare it with its hashes. Exits with 1 where something is missing or damaged."""
    from regrade.serving.installation.backup.check import check_backup
    from regrade.serving.storage.disk import written

    with _bar("Reading") as progress:
        checked = check_backup(out, progress)
    for fault in checked.faults:
        typer.echo(fault)
    typer.echo(f"{checked.snapshots} snapshots, {checked.contents:,} contents, {written(checked.size)}")
    if checked.faults or not checked.snapshots:
        raise typer.Exit(1)


def restore(
    backup: Annotated[Path, typer.Argument(help="The backup folder.")],
    data_dir: Annotated[Path, typer.Option(help="Where to put it: a folder that is empty or not there.")],
    snapshot: Annotated[
        str | None, typer.Option(help="One that `regrade backup list` shows; by default the newest.")
    ] = None,
    skip_damaged: Annotated[
        bool, typer.Option("--skip-damaged", help="Restore all the rest where photos are damaged in the backup.")
    ] = False,
) -> None:
    """Put a snapshot into an empty folder, every byte checked against its hash; then serve from there.

    Exits with 2, and leaves the folder empty, where something is missing or damaged; with 1 where photos were skipped.
    """
    from regrade.serving.installation.backup.restore import restore as restore_snapshot
    from regrade.serving.storage.disk import written

    with _bar("Restoring") as progress:
        done = restore_snapshot(backup, data_dir, snapshot=snapshot, skip_damaged=skip_damaged, progress=progress)
    one = done.manifest
    typer.echo(
        f"restored {one.snapshot}: {one.inspections:,} inspections, {one.photos.count - len(done.skipped):,} photos, "
        f"{written(one.size)}, made by regrade {one.regrade}"
    )
    for line in _remarks(one.settings, one.database):
        typer.echo(line)
    for sha256 in (*done.skipped, *one.lost):
        typer.echo(f"photo that could not be restored: {sha256}", err=True)
    if done.skipped:
        raise typer.Exit(1)


def _remarks(settings: Any, database: str | None) -> Iterator[str]:
    """What whoever restores must do besides."""
    if database is None:
        yield "The database is not in the backup: restore the dump that was made just before it with `pg_restore`."
    told = {name: value for name, value in settings.items() if name not in ("data_dir", "host", "port")}
    if told:
        listed = ", ".join(f"REGRADE_{name.upper()}={value}" for name, value in told.items())
        yield f"It ran with {listed}; files of policy and rubrics are in `settings`."


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, told how many bytes of how many are done."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
