"""`regrade webhooks`: where events are sent, and what became of them, from this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from regrade.serving.base.settings import Settings
    from regrade.serving.events.adapters.shelf import Shelf
    from regrade.serving.events.deliveries import Deliveries
    from regrade.serving.events.endpoints import By, Endpoint, Endpoints

DataDir = Annotated[Path | None, typer.Option(help="The service's data directory.")]
Id = Annotated[str, typer.Argument(help="The webhook's id, as `regrade webhooks list` shows it.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    hooks = typer.Typer(name="webhooks", help="Send events to other systems.", no_args_is_help=True)
    hooks.command(name="list")(show)
    for command in (adapter, add, pause, resume, rotate, remove, deliveries, retry, replay):
        hooks.command()(command)
    app.add_typer(hooks)


def show(data_dir: DataDir = None) -> None:
    """List the webhooks, how each stands, and what waits for it."""
    with _at(data_dir) as site:
        for one in site.endpoints.all():
            waiting, types = (one.pending or 0) + (one.behind or 0), ",".join(one.types or ()) or "all"
            told = f"waiting={waiting} given_up={one.dead} seller={one.seller or 'all'} events={types}"
            # Whole ids, a line each: they are copied into the next command.
            told += f" adapter={one.adapter}" if one.adapter else ""
            told += f" owner={one.owner_name}" if one.owner else ""
            typer.echo(f"{one.id}  {_state(one):10}  {one.url}  {told}")


def adapter(
    name: Annotated[str | None, typer.Argument(help="The adapter to print, to be copied and changed.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Print an adapter's file as it is used; without a name, list all: those in `adapters/` of the data directory, and
    those that ship with the product. One with a fault is printed too, with what is wrong on standard error."""
    from regrade.serving.base.errors import AdapterError

    with _at(data_dir) as site:
        for one in site.shelf.names() if name is None else ():
            typer.echo(f"{one}  {site.shelf.file(one)}")
        if name is not None:
            typer.echo(site.shelf.file(name).read_text(encoding="utf-8"), nl=False)
            try:
                site.shelf.get(name)
            except AdapterError as error:
                typer.echo(str(error), err=True)


def add(
    url: Annotated[
        str | None,
        typer.Argument(
            help="HTTPS, at a public address or in a network of `webhook_networks`; an adapter's own if left out."
        ),
    ] = None,
    adapter: Annotated[
        str | None, typer.Option(help="Speak to a system's own API: `loop`, `aftership`, or one of yours.")
    ] = None,
    event: Annotated[list[str] | None, typer.Option(help="Only events of this type; may be given again.")] = None,
    seller: Annotated[str | None, typer.Option(help="Only events of this seller's items.")] = None,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    data_dir: DataDir = None,
) -> None:
    """Make a webhook. Prints its id, and, without an adapter, its secret: it is shown only now."""
    from regrade.models.errors import RegradeError
    from regrade.serving.events.targets import parse
    from regrade.serving.outbox.kinds import KINDS

    if unknown := sorted(set(event or ()) - set(KINDS)):
        raise RegradeError(f"Unknown event {unknown[0]!r}. Legal values: {', '.join(KINDS)}.")
    with _at(data_dir) as site:
        types = event or None
        if adapter is not None:
            file = site.shelf.usable(adapter)
            url, types = url or file.url, types or list(file.events)
        if url is None:
            raise RegradeError("Name the address that events are sent to, or an adapter (--adapter NAME).")
        target = parse(url.strip(), site.settings.own_networks)
        made = site.endpoints.add(
            target.url, site.by, types=types, seller=seller, description=description[:200], adapter=adapter
        )
        # What an adapter sends is not signed: it brings the receiver's own key.
        typer.echo(made.id if adapter is not None else f"{made.id}\n{site.endpoints.secret(made)}")


def pause(webhook_id: Id, data_dir: DataDir = None) -> None:
    """Send nothing for now; what happens is sent once it is resumed, as long as events are kept."""
    with _at(data_dir) as site:
        site.endpoints.change(webhook_id, site.by, {"enabled": False})
    typer.echo(f"Paused {webhook_id}.")


def resume(webhook_id: Id, data_dir: DataDir = None) -> None:
    """Send again, also to a receiver that had answered that it is gone."""
    with _at(data_dir) as site:
        site.endpoints.change(webhook_id, site.by, {"enabled": True})
    typer.echo(f"Resumed {webhook_id}.")


def rotate(webhook_id: Id, data_dir: DataDir = None) -> None:
    """Turn to another secret and print it. For 24 hours the one before signs too, and there is no other new one."""
    with _at(data_dir) as site:
        typer.echo(site.endpoints.secret(site.endpoints.rotate(webhook_id, site.by)))


def remove(webhook_id: Id, data_dir: DataDir = None) -> None:
    """Remove a webhook, and what was on its way to it."""
    with _at(data_dir) as site:
        site.endpoints.remove(webhook_id, site.by)
    typer.echo(f"Removed {webhook_id}.")


def deliveries(
    webhook_id: Id,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest.")] = 20,
    data_dir: DataDir = None,
) -> None:
    """Show what became of the newest events, newest first."""
    with _at(data_dir) as site:
        for one in site.deliveries.page(webhook_id, limit).items:
            met = one.error or ("" if one.status is None else str(one.status))
            typer.echo(f"{one.number}  {one.state:9}  {one.type:20}  {one.event_id}  attempts={one.attempts}  {met}")


def retry(
    webhook_id: Id,
    number: Annotated[int, typer.Argument(min=1, help="The delivery, as `regrade webhooks deliveries` shows it.")],
    data_dir: DataDir = None,
) -> None:
    """Send one event again, whatever became of it."""
    with _at(data_dir) as site:
        site.deliveries.send_again(webhook_id, number, site.by)
    typer.echo(f"Delivery {number} is sent again.")


def replay(
    webhook_id: Id,
    since: Annotated[
        datetime,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"],
            help="The first moment; without a zone it is in UTC.",
        ),
    ],
    data_dir: DataDir = None,
) -> None:
    """Send again all that happened since, in order, under the same ids."""
    from datetime import UTC

    moment = since if since.tzinfo is not None else since.replace(tzinfo=UTC)
    with _at(data_dir) as site:
        count = site.endpoints.replay(webhook_id, site.by, moment)
    typer.echo(f"{count} events are looked through again.")


@dataclass(frozen=True)
class _Site:
    settings: "Settings"
    endpoints: "Endpoints"
    deliveries: "Deliveries"
    shelf: "Shelf"
    by: "By"


@contextmanager
def _at(data_dir: Path | None) -> Iterator[_Site]:
    """The webhooks of an installation, whether a service runs on it or not: it sees what is changed within a second."""
    from regrade.serving.access.photo_links import PhotoLinks
    from regrade.serving.base.errors import DataDirError
    from regrade.serving.base.settings import load_settings
    from regrade.serving.events.adapters.shelf import Shelf
    from regrade.serving.events.deliveries import Deliveries
    from regrade.serving.events.endpoints import By, Endpoints
    from regrade.serving.events.signing import Secrets
    from regrade.serving.installation.data_dir import open_database, user_name

    settings = load_settings(data_dir=data_dir)
    if settings.database_url is None and not (settings.data_dir / "regrade.db").is_file():
        raise DataDirError(f"There is no installation in {settings.data_dir}. Name its directory with --data-dir.")
    database = open_database(settings)
    try:
        keys = settings.data_dir / "keys"
        shelf = Shelf(
            settings.data_dir, PhotoLinks.load(keys), settings.outside_url, lambda: _defects(settings.data_dir)
        )
        yield _Site(
            settings, Endpoints(database, Secrets.load(keys)), Deliveries(database), shelf, By(user=user_name())
        )
    finally:
        database.close()


def _defects(data_dir: Path) -> set[str]:
    """The types of defects that the categories here know."""
    from regrade.serving.cli.bundles import categories_here

    return {name for one in categories_here(data_dir).values() for name in one.defect_names}


def _state(endpoint: "Endpoint") -> str:
    if endpoint.stopped is not None:
        return endpoint.stopped
    return f"failing ({endpoint.last_error})" if endpoint.failures else "well"
