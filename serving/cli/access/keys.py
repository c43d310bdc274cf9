"""`regrade keys`: make, list and revoke API keys."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regrade.serving.cli.access.site import DataDir, Sellers, checked_sellers, stamp

if TYPE_CHECKING:
    from regrade.serving.access.keys import KeyStore


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    keys = typer.Typer(name="keys", help="Make, list and revoke API keys.", no_args_is_help=True)
    keys.command()(create)
    keys.command(name="list")(show)
    keys.command()(revoke)
    app.add_typer(keys)


def create(
    role: Annotated[str, typer.Option(help="station, reviewer, engineer, admin or seller.")],
    name: Annotated[str | None, typer.Option(help="Whose key it is; shown in evidence and statistics.")] = None,
    seller: Sellers = None,
    data_dir: DataDir = None,
) -> None:
    """Make a key and print it. It is shown only now: what is stored is its hash."""
    from regrade.models.errors import RegradeError
    from regrade.serving.access.keys import ROLES

    known = next((one for one in ROLES if one == role), None)
    if known is None:
        raise RegradeError(f"Unknown role {role!r}. Legal values: {', '.join(ROLES)}.")
    label = role if name is None else name
    if not 1 <= len(label) <= 100 or not label.isprintable():
        raise RegradeError("The name must have 1 to 100 printable characters.")
    token, _ = _store(data_dir).create(known, label, checked_sellers(seller))
    typer.echo(token)


def show(data_dir: DataDir = None) -> None:
    """List the keys, without their secrets."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("id", "name", "role", "sellers", "created", "revoked")
    for key in _store(data_dir, fresh=False).all_keys():
        told = (escape(key.name), key.role, escape(", ".join(key.sellers)))
        table.add_row(key.id, *told, stamp(key.created_at), stamp(key.revoked_at))
    Console().print(table)


def revoke(
    key_id: Annotated[str, typer.Argument(help="The key's id, as `regrade keys list` shows it.")],
    data_dir: DataDir = None,
) -> None:
    """Make a key useless from now on, also for a server that is running."""
    _store(data_dir, fresh=False).revoke(key_id)
    typer.echo(f"Revoked {key_id}.")


def _store(data_dir: Path | None, *, fresh: bool = True) -> "KeyStore":
    """The keys of an installation, of a new one too only if `fresh`."""
    from regrade.serving.access.keys import KeyStore
    from regrade.serving.base.errors import DataDirError
    from regrade.serving.base.settings import load_settings
    from regrade.serving.installation.data_dir import open_database

    settings = load_settings(data_dir=data_dir)
    if not fresh and settings.database_url is None and not (settings.data_dir / "regrade.db").is_file():
        raise DataDirError(f"There is no installation in {settings.data_dir}. Name its directory with --data-dir.")
    return KeyStore(open_database(settings))
