"""`regrade store photos`: where a site's photos are, and moving them."""

from pathlib import Path
from typing import Annotated

import typer


def photos(
    move: Annotated[bool, typer.Option("--move", help="Move them to where REGRADE_PHOTOS_URL says.")] = False,
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove them where they were, once all are there; with --move.")
    ] = False,
    data_dir: Annotated[Path | None, typer.Option(help="The service's data directory.")] = None,
) -> None:
    """Say where a site's photos are kept; or move them to where the settings say: from files into the bucket of
    REGRADE_PHOTOS_URL, from a bucket to another, or, without REGRADE_PHOTOS_URL, back to files.

    Each is compared with its hash where it was and where it comes to. It may be broken off at any moment: named again,
    it goes on; until all are there, nothing has changed. Exits with 1 where photos were missing or damaged where they
    were, and has then moved the site no more than before; with 2 where a service is running.
    """
    from regrade.serving.base.errors import DataDirError
    from regrade.serving.base.settings import load_settings
    from regrade.serving.cli.data.bars import counting
    from regrade.serving.inspections.store import InspectionStore
    from regrade.serving.installation.data_dir import DataDirLock, open_database
    from regrade.serving.installation.moving import move_photos, remove_all
    from regrade.serving.installation.photos import note_photos_at, open_at, photos_at, told

    settings = load_settings(data_dir=data_dir)
    if not settings.data_dir.is_dir():
        raise DataDirError(f"There is no data directory {settings.data_dir}. Name one with --data-dir.")
    at, to = photos_at(settings.data_dir), settings.photos_bucket
    if not move or at == to:
        typer.echo(f"The photos of this site are {told(at)}.")
        return
    lock = DataDirLock(settings.data_dir)
    try:
        source, target = open_at(settings, at, ours=True), open_at(settings, to)
        source.refuse()
        target.refuse()
        database = open_database(settings)
        wanted = InspectionStore(database).photo_hashes()
        database.close()
        with counting("Moving photos") as progress:
            moved = move_photos(source, target, wanted, progress)
        typer.echo(f"{moved.photos:,} photos are {told(to)}, {moved.sent:,} of them since just now.")
        for sha256 in moved.lost:
            typer.echo(f"missing or damaged, not moved: {sha256}", err=True)
        if moved.lost:
            typer.echo(f"The site's photos are still {told(at)}; `regrade store verify` says more.", err=True)
            raise typer.Exit(1)
        note_photos_at(settings.data_dir, to)
        if remove:
            remove_all(source, wanted)
            typer.echo(f"They are no longer {told(at)}.")
        source.close()
        target.close()
    finally:
        lock.release()
