"""What the commands for stations and people share: the installation, who gives a command, and how a code is shown."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from regrade.serving.access.entrance import Entrance

DataDir = Annotated[Path | None, typer.Option(help="The service's data directory.")]
Sellers = Annotated[
    list[str] | None, typer.Option(help="With --role seller: whose items alone they see; may be given several times.")
]


@contextmanager
def entrance(data_dir: Path | None) -> Iterator[tuple["Entrance", str, str]]:
    """What lets tablets and people in, the account that gives the command, and the service's address; a placeholder
    where `public_url` is not set. It works beside a service that runs."""
    from regrade.serving.access.entrance import Entrance
    from regrade.serving.base.settings import load_settings
    from regrade.serving.installation.data_dir import open_database, user_name

    settings = load_settings(data_dir=data_dir)
    database = open_database(settings)
    try:
        address = (settings.public_url or "http://ADDRESS:PORT") + settings.root_path
        yield Entrance.open(database, settings.data_dir), user_name(), address
    finally:
        database.close()


def checked_name(name: str) -> str:
    """`name` as stations and people may be called. Raises `InvalidFieldsError`."""
    import json

    from pydantic import BaseModel

    from regrade.serving.access.names import AccountName
    from regrade.serving.base.json_text import read_model

    class Named(BaseModel):
        name: AccountName

    return read_model(json.dumps({"name": name}).encode(), Named, "request").name


def checked_sellers(names: list[str] | None) -> list[str]:
    """Names of sellers as items name them. Raises `InvalidFieldsError`."""
    import json

    from pydantic import BaseModel

    from regrade.serving.base.json_text import read_model
    from regrade.serving.base.text_forms import Name

    class Named(BaseModel):
        sellers: list[Name]

    return read_model(json.dumps({"sellers": names or []}).encode(), Named, "request").sellers


def show_code(code: str, link: str, expires_at: datetime, *, qr: bool) -> None:
    """Print a code: alone on standard output, and on standard error what to do with it, as a QR code too if `qr`."""
    typer.echo(code)
    typer.echo(f"Good once, until {expires_at:%Y-%m-%d %H:%M} UTC: {link}", err=True)
    if qr:
        import sys

        import segno

        segno.make(link, error="m", micro=False).terminal(out=sys.stderr, compact=True)


def stamp(moment: Any) -> str:
    """A moment in a table."""
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""
