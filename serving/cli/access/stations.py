"""`regrade stations`: make stations, pair their tablets, revoke them."""

from typing import Annotated

import typer

from regrade.serving.cli.access.site import DataDir, checked_name, entrance, show_code, stamp

Name = Annotated[str, typer.Argument(help="The station's name, such as LA-07; its case does not matter.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    stations = typer.Typer(name="stations", help="Make stations, pair and revoke their tablets.", no_args_is_help=True)
    stations.command(name="list")(show)
    for command in (add, pair, rename, revoke):
        stations.command()(command)
    app.add_typer(stations)


def show(data_dir: DataDir = None) -> None:
    """List the stations."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("name", "state", "paired", "last used", "added by", "id")
    with entrance(data_dir) as (there, _, _):
        for one in there.stations.all():
            paired, used = stamp(one.paired_at), stamp(one.last_used_at)
            table.add_row(escape(one.name), one.state, paired, used, escape(one.created_by), one.id)
    Console().print(table)


def add(name: Name, data_dir: DataDir = None) -> None:
    """Make a station, which has no tablet yet."""
    with entrance(data_dir) as (there, user, _):
        made = there.stations.add(checked_name(name), user)
    typer.echo(f"Made {made.name}. Pair a tablet with it: regrade stations pair {made.name}")


def pair(
    name: Name,
    qr: Annotated[bool, typer.Option("--qr", help="Draw the link as a QR code too.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Print a code by which one tablet becomes the station's, within ten minutes: typed there at /station."""
    with entrance(data_dir) as (there, user, address):
        code, expires_at = there.stations.open_pairing(there.stations.named(name).id, user)
    show_code(code, f"{address}/station#pair={code}", expires_at, qr=qr)


def rename(name: Name, to: Annotated[str, typer.Argument(help="Its new name.")], data_dir: DataDir = None) -> None:
    """Give a station another name; items that came before keep the one they came with."""
    with entrance(data_dir) as (there, user, _):
        made = there.stations.rename(there.stations.named(name).id, checked_name(to), user)
    typer.echo(f"Renamed to {made.name}.")


def revoke(name: Name, data_dir: DataDir = None) -> None:
    """End a station's tablet at once, also for a server that is running. A new code pairs one again."""
    with entrance(data_dir) as (there, user, _):
        found = there.stations.revoke(there.stations.named(name).id, user)
    typer.echo(f"Revoked the tablet of {found.name}.")
