"""`regrade audit`: the audit trail, on the screen or as JSON lines."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from regrade.serving.access.audit import AuditEntry
    from regrade.serving.access.photo_views import PhotoView


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command(name="audit")(audit)


def audit(
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"],
            help="The first moment to show; without a zone it is in UTC.",
        ),
    ] = None,
    inspection: Annotated[str | None, typer.Option(help="Only what concerns this inspection, by its id.")] = None,
    photos: Annotated[bool, typer.Option("--photos", help="Who looked at which photo, in place of the trail.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    data_dir: Annotated[Path | None, typer.Option(help="The service's data directory.")] = None,
) -> None:
    """Show who claimed, gave back, decided and undid what, and who logged in, oldest first; or who saw which photo.

    Looks at photos are written within a second; those of one person at one photo within a minute count as one.
    """
    from datetime import UTC

    from regrade.serving.access import photo_views
    from regrade.serving.access.audit import since as entries_since
    from regrade.serving.base.errors import DataDirError
    from regrade.serving.base.settings import load_settings
    from regrade.serving.installation.data_dir import open_database

    settings = load_settings(data_dir=data_dir)
    if settings.database_url is None and not (settings.data_dir / "regrade.db").is_file():
        raise DataDirError(f"There is no installation in {settings.data_dir}. Name its directory with --data-dir.")
    if since is not None and since.tzinfo is None:
        since = since.replace(tzinfo=UTC)
    database = open_database(settings)
    try:
        with database.read() as connection:
            if photos:
                for view in photo_views.since(connection, since, inspection):
                    typer.echo(_json(view) if as_json else _view_line(view))
            else:
                for entry in entries_since(connection, since, inspection):
                    typer.echo(_json(entry) if as_json else _line(entry))
    finally:
        database.close()


def _json(line: "AuditEntry | PhotoView") -> str:
    import json
    from dataclasses import asdict

    return json.dumps(asdict(line) | {"at": line.at.isoformat()}, ensure_ascii=False)


def _line(entry: "AuditEntry") -> str:
    # Times and names first, in columns: this is read by eye and searched with grep.
    said = " ".join(f"{name}={value}" for name, value in entry.detail.items())
    return (
        f"{entry.at:%Y-%m-%dT%H:%M:%SZ}  {entry.action:8}  {entry.name or '-':20}  {entry.inspection_id or '-'}  {said}"
    )


def _view_line(view: "PhotoView") -> str:
    who = f"{view.name} ({view.role})"
    return f"{view.at:%Y-%m-%dT%H:%M:%SZ}  {view.what:9}  {who:30}  {view.inspection_id}  photo={view.photo}"
