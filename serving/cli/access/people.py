"""`regrade people`: make people, invite them, disable and enable them."""

from datetime import datetime
from typing import Annotated

import typer

from regrade.serving.cli.access.site import DataDir, Sellers, checked_name, checked_sellers, entrance, show_code, stamp

Name = Annotated[str, typer.Argument(help="What they log in by; its case does not matter.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    people = typer.Typer(
        name="people", help="Make, invite and disable people who log in by name.", no_args_is_help=True
    )
    people.command(name="list")(show)
    for command in (add, invite, revoke, enable):
        people.command()(command)
    app.add_typer(people)


def show(data_dir: DataDir = None) -> None:
    """List the people."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("name", "role", "sellers", "state", "last used", "expires", "added by", "id")
    with entrance(data_dir) as (there, _, _):
        for one in there.people.all():
            used, expires = stamp(one.last_used_at), stamp(one.expires_at)
            name, sellers, by = map(escape, (one.name, ", ".join(one.sellers), one.created_by))
            table.add_row(name, one.role, sellers, one.state, used, expires, by, one.id)
    Console().print(table)


def add(
    name: Name,
    role: Annotated[str, typer.Option(help="reviewer, engineer, admin or seller.")],
    expires: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The first day without access, in UTC.")
    ] = None,
    seller: Sellers = None,
    data_dir: DataDir = None,
) -> None:
    """Make a person, who then needs an invitation."""
    from datetime import UTC
    from typing import get_args

    from regrade.models.errors import RegradeError
    from regrade.serving.access.people.directory import PersonRole

    known: tuple[PersonRole, ...] = get_args(PersonRole)
    found = next((one for one in known if one == role), None)
    if found is None:
        raise RegradeError(f"Unknown role {role!r}. Legal values: {', '.join(known)}.")
    until = None if expires is None else expires.replace(tzinfo=UTC)
    with entrance(data_dir) as (there, user, _):
        made = there.people.add(checked_name(name), found, until, user, checked_sellers(seller))
    typer.echo(f'Made {made.name}. Invite them: regrade people invite "{made.name}"')


def invite(
    name: Name,
    qr: Annotated[bool, typer.Option("--qr", help="Draw the link as a QR code too.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Print a code by which a person chooses a password or passkey, at /desk/welcome; what they had before is void."""
    with entrance(data_dir) as (there, user, address):
        code, expires_at = there.people.invite(there.people.named(name).id, user)
    show_code(code, f"{address}/desk/welcome#code={code}", expires_at, qr=qr)


def revoke(name: Name, data_dir: DataDir = None) -> None:
    """Disable a person, who is logged out at once; what they have decided stays."""
    _switch(name, data_dir, disabled=True)


def enable(name: Name, data_dir: DataDir = None) -> None:
    """Let a person who was disabled log in again."""
    _switch(name, data_dir, disabled=False)


def _switch(name: str, data_dir: DataDir, *, disabled: bool) -> None:
    from regrade.serving.access.people.directory import Change

    with entrance(data_dir) as (there, user, _):
        found = there.people.change(there.people.named(name).id, Change(disabled=disabled), user)
    typer.echo(f"{found.name} is {found.state}.")
