"""`regrade doctor`: what runs on this machine and why, and whether anything stands in its way."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from regrade.serving.cli.checks.check import Check, State

if TYPE_CHECKING:
    from regrade.models.grader import Grader
    from regrade.models.registry.store import BundleStore
    from regrade.serving.base.settings import Settings

_TIMES: Final = 5
_COLOURS = {"ok": "green", "warning": "yellow", "failing": "red"}


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command(name="doctor")(doctor)


def doctor(
    data_dir: Annotated[
        Path | None, typer.Option(help="The service's data directory; by default REGRADE_DATA_DIR, else data.")
    ] = None,
    bundles: Annotated[
        Path | None, typer.Option(help="Bundles to go by where none was chosen; by default REGRADE_BUNDLES_DIR.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Address of a running service to look at too, such as https://regrade.example.")
    ] = None,
    ca: Annotated[
        Path | None, typer.Option(help="Certificates (PEM) to trust at that address, such as a local authority's root.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look at CPU, networks, golden photos, how long a photo takes, bundles, data directory, disk, database,
    bucket and clock, as the service would use them, and with --url at a running one: TLS, certificate, health, clock.
    Changes nothing, and a service may be running meanwhile. Exits with 1 if something is failing."""
    import json

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from regrade.serving.base.settings import load_settings

    given = {"data_dir": data_dir, "bundles_dir": bundles}
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    checks = list(examine(settings))
    if url is not None:
        from regrade.serving.cli.checks.service import look_at_service

        checks += look_at_service(url, ca)
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in checks], indent=1, ensure_ascii=False))
    else:
        table = Table("check", "state", "what was found")
        for check in checks:
            table.add_row(check.name, f"[{_COLOURS[check.state]}]{check.state}[/]", escape(check.detail))
        Console().print(table)
    if any(check.state == "failing" for check in checks):
        raise typer.Exit(1)


def examine(settings: "Settings") -> Iterator[Check]:
    """All checks, for a service with these settings."""
    from regrade.models.errors import BundleError
    from regrade.models.golden import proven
    from regrade.models.grader import Grader
    from regrade.serving.cli.checks.clock import look_at_clock

    store = settings.bundle_store
    yield _cpu()
    try:
        grader = proven(lambda precision: Grader.load(store, precision=precision), settings.precision)
    except BundleError as error:
        yield Check("networks", "failing", str(error))
    else:
        yield from _networks(grader)
        yield _latency(grader, settings)
    yield from _bundles(store)
    yield from _folders(settings)
    yield _database(settings) if settings.database_file is not None else _server(settings)
    if settings.photos_bucket is not None:
        yield _bucket(settings)
    yield from look_at_clock(settings.data_dir)


def _cpu() -> Check:
    import os
    import platform

    from regrade.models.networks.arithmetic import cpu_features

    told = ", ".join(cpu_features()) or "no instructions that are known here"
    return Check("cpu", "ok", f"{platform.machine()}, {os.cpu_count()} cores: {told}")


def _networks(grader: "Grader") -> Iterator[Check]:
    used = grader.arithmetic
    yield Check("arithmetic", "warning" if used.fallen_back else "ok", str(used))
    for digest, kernels in sorted(grader.kernels().items()):
        users = sorted(name for name, bundle in grader.bundles.items() if digest in bundle.networks)
        what = "backbone" if any(digest in grader.bundles[name].backbones.values() for name in users) else "detector"
        state: State = "warning" if kernels == "u8u8" else "ok"
        why = "; its sums could saturate in the fast kernels, which `regrade requantize` mends" if state != "ok" else ""
        yield Check(what, state, f"{digest[:12]} by {kernels}, for {', '.join(users)}{why}")
    found = grader.golden
    if found is None or not found.bundles:
        yield Check("golden photos", "warning", "no bundle says what its networks should make of them")
    else:
        yield Check("golden photos", "ok" if found.passed else "failing", f"{found} ({', '.join(found.bundles)})")


def _latency(grader: "Grader", settings: "Settings") -> Check:
    """How long a photo takes on one core, decoding included: the median of a few."""
    import time
    from dataclasses import replace
    from statistics import median

    from regrade.models.photos.intake import DEFAULT_LIMITS, open_photo
    from regrade.serving.examples.items import demo_items

    data = demo_items()[0].photos[0].read_bytes()
    limits = replace(DEFAULT_LIMITS, working_side=grader.working_side)
    grader.warm_up()
    taken = []
    for _ in range(_TIMES):
        begun = time.perf_counter()
        grader.look(open_photo(data, limits=limits))
        taken.append(time.perf_counter() - begun)
    photo, most = median(taken), settings.max_photos
    item = photo * most / settings.worker_count
    detail = f"{photo * 1000:.0f} ms; an item of {most} on {settings.worker_count} cores, {item:.1f} s"
    if item > settings.deadline:
        return Check("a photo", "warning", f"{detail}, which is beyond the deadline of {settings.deadline:g} s")
    return Check("a photo", "ok", detail)


def _database(settings: "Settings") -> Check:
    """SQLite's file: can it be read?"""
    import time

    from sqlalchemy.exc import SQLAlchemyError

    from regrade.models.errors import RegradeError
    from regrade.serving.installation.data_dir import open_to_read

    file = settings.database_file
    if file is not None and not file.exists():
        return Check("database", "ok", "is not there yet; the service makes it")
    begun = time.perf_counter()
    try:
        database = open_to_read(settings, older=True)
        try:
            database.ping()
        finally:
            database.close()
    except (RegradeError, SQLAlchemyError) as error:
        return Check("database", "failing", str(error).partition("\n")[0])
    kind = database.engine.dialect.name
    return Check("database", "ok", f"{kind}, answers after {(time.perf_counter() - begun) * 1000:.0f} ms")


def _bundles(store: "BundleStore") -> Iterator[Check]:
    from regrade.models.errors import BundleError

    active = store.active_versions()
    for category, version in sorted(store.names()):
        grades = active.get(category) == version
        try:
            store.load(category, version)
        except BundleError as error:
            yield Check(f"bundle {category} {version}", "failing" if grades else "warning", str(error))
        else:
            yield Check(f"bundle {category} {version}", "ok", "active" if grades else "installed")


def _server(settings: "Settings") -> Check:
    """The database's server: does it answer, and does it keep what it was told to commit?"""
    from sqlalchemy import text

    from regrade.serving.base.errors import DatabaseError
    from regrade.serving.storage.database import Database

    try:
        database = Database(settings.url, read_only=True)
        schema = database.check_revision(older=True)
        with database.read() as connection:
            found = connection.execute(text("SELECT current_setting('server_version'), current_setting('fsync')")).one()
        database.close()
    except DatabaseError as error:
        return Check("database", "failing", str(error))
    told = f"PostgreSQL {found[0]}, schema {schema}"
    if found[1] != "on":
        return Check("database", "failing", f"{told}; fsync is off: a loss of power loses what was acknowledged")
    return Check("database", "ok", told)


def _bucket(settings: "Settings") -> Check:
    """The bucket of the photos: can it be written, read and cleared, with the keys that are here? Leaves nothing."""
    import time

    from regrade.models.errors import RegradeError
    from regrade.serving.base.errors import PhotosAwayError
    from regrade.serving.storage.s3.objects import Objects
    from regrade.serving.storage.s3.start_check import examine

    assert settings.photos_bucket is not None
    begun = time.perf_counter()
    try:
        found = examine(Objects(settings.photos_bucket))
    except PhotosAwayError as error:
        return Check("photos", "failing", f"no answer: {error.told}")
    except RegradeError as error:
        return Check("photos", "failing", str(error))
    told = f"{settings.photos_bucket}: written, read and cleared in {(time.perf_counter() - begun) * 1000:.0f} ms"
    if found.versions:
        days = settings.photos_bucket.versions_days
        return Check("photos", "warning", f"{told}; it keeps versions: what is erased is gone {days} days later")
    return Check("photos", "ok", told + ("" if found.conditional else "; it knows no conditional puts"))


def _folders(settings: "Settings") -> Iterator[Check]:
    import os

    from regrade.models.files import is_private
    from regrade.serving.storage.disk import space_of

    folder = settings.data_dir
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    kept = [path for path in (there, folder / "photos", folder / "keys", folder / "bundles") if path.exists()]
    locked = [str(path) for path in kept if not os.access(path, os.R_OK | os.W_OK | os.X_OK)]
    if locked:
        yield Check("data directory", "failing", f"this user may not read and write {', '.join(locked)}")
    elif not folder.is_dir():
        yield Check("data directory", "ok", f"{folder} is not there yet; the service makes it")
    elif is_private(folder):
        yield Check("data directory", "ok", f"{folder}, closed to other users")
    else:
        yield Check("data directory", "warning", f"{folder} is open to other users; the next start closes it")
    space = space_of("data", there, settings.disk_reserve)
    lack = space.lacks(0, 0)
    room = f"{space.free / 1e9:.1f} GB free, of which {space.reserve / 1e9:.1f} GB stay free"
    yield Check("disk", "ok" if lack is None else "failing", room if lack is None else str(lack))
