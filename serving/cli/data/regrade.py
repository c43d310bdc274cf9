"""`regrade regrade`: grade stored photos anew, with the active bundles or with others."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from regrade.models.registry.store import BundleStore
    from regrade.serving.base.settings import Settings
    from regrade.serving.replay.past import Span


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command(name="regrade")(regrade)


def regrade(
    source: Annotated[
        str,
        typer.Option(
            "--from",
            help="A folder, each photo in it an item, or s3://bucket/prefix; or `store`: the items of the service.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="The folder for what comes of it; named again, the work goes on.")],
    bundle: Annotated[
        list[str] | None,
        typer.Option(help="Grade with this version, or CATEGORY=VERSION; may be given again. By default the active."),
    ] = None,
    since: Annotated[str | None, typer.Option(help="Of the store: from this day (UTC) or moment on.")] = None,
    until: Annotated[str | None, typer.Option(help="Of the store: to the end of this day (UTC), or a moment.")] = None,
    seller: Annotated[str | None, typer.Option("--seller", "-s", help="Of the store: this seller's items.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="The service's data directory.")] = None,
    part: Annotated[
        int, typer.Option(min=1, max=10_000, help="Items of one file: as many are graded again at most after a break.")
    ] = 256,
    workers: Annotated[int, typer.Option(min=0, max=256, help="Threads; 0 means one per core.")] = 0,
) -> None:
    """Grade photos anew and write a row an item as Parquet. Nothing is changed in the store; the service may run.

    It may be broken off at any moment (Ctrl-C, kill -9): named again, it goes on, and each item has one row in
    OUT/graded in the end, or its photos that cannot be read are in OUT/bad. `regrade replay --regraded OUT` says what
    the other model would have changed. Needs the extra `parquet`.
    """
    from importlib.metadata import version

    from regrade.models.grader import Grader
    from regrade.serving.base.errors import BulkError
    from regrade.serving.base.settings import load_settings
    from regrade.serving.bulk.output import Made, Output
    from regrade.serving.bulk.rows import arrow
    from regrade.serving.bulk.run import run
    from regrade.serving.bulk.work import of_bucket, of_folder, read_in, read_of
    from regrade.serving.cli.replay import moment
    from regrade.serving.installation.photos import objects_at, open_photos
    from regrade.serving.replay.past import Span

    arrow()
    settings = load_settings(data_dir=data_dir)
    stored = source == "store"
    span = Span(moment(since, "--since"), moment(until, "--until", whole_day=True), seller)
    folder = Path(source)
    if not stored and (span.since or span.until or seller):
        raise BulkError(
            "--since, --until and --seller narrow the items of the service. Leave them out for a folder of photos, or "
            "say --from store."
        )
    if not stored and out.resolve().is_relative_to(folder.resolve()):
        raise BulkError(f"{out} lies within {folder}, which is read. Name a folder beside it with --out.")
    read: Callable[[str], bytes]
    if source.startswith("s3://"):
        objects = objects_at(settings, source)
        read, items = partial(read_of, objects), of_bucket(objects)
    elif stored:
        read, items = open_photos(settings).examine, _of_store(settings, span)
    else:
        read, items = partial(read_in, folder), of_folder(folder)
    grader = Grader.load(
        settings.bundle_store,
        precision=settings.precision,
        versions={**settings.bundle_store.active_versions(), **_versions(settings.bundle_store, bundle or [])},
    )
    told = {"since": since, "until": until, "seller": seller} if stored else {}
    where = str(settings.data_dir.absolute() if stored else folder.absolute())
    where = source if source.startswith("s3://") else where
    bundles = {name: f"{grader.versions[name]} {digest[:16]}" for name, digest in grader.digests.items()}
    about = {"kind": "store" if stored else "folder", "at": where, **told}
    made = Made(about, bundles, str(grader.arithmetic), version("regrade"), part=part)
    with Output(out) as output:
        begun = output.begin(made, items)
        done = min(begun.items, len(output.done()) * begun.part)
        try:
            with _progress(begun.items, done) as count:
                run(output, grader, read, workers or settings.worker_count, count)
        except KeyboardInterrupt:
            kept = min(begun.items, len(output.done()) * begun.part)
            typer.echo(f"Broken off: {kept} of {begun.items} items are kept. The same command goes on.", err=True)
            raise typer.Exit(130) from None
    typer.echo(f"{begun.items} items are in {out}.")


def _of_store(settings: "Settings", span: "Span") -> "Iterator[Any]":
    """The items of the store, from one state of it."""
    from regrade.serving.bulk.work import of_store
    from regrade.serving.installation.data_dir import open_to_read
    from regrade.serving.replay.past import Past

    database = open_to_read(settings)
    try:
        with Past(database, span) as past:
            yield from of_store(past)
    finally:
        database.close()


def _versions(store: "BundleStore", asked: list[str]) -> dict[str, str]:
    """Category → version, of what was asked for. Raises `BulkError` for what there is not."""
    from regrade.serving.base.errors import BulkError

    found: dict[str, str] = {}
    for one in asked:
        category, _, version = one.rpartition("=")
        names = [name for name, version_of in store.names() if version_of == version and category in ("", name)]
        if not names:
            there = ", ".join(f"{name}={version_of}" for name, version_of in store.names())
            raise BulkError(f"There is no bundle {one!r}. There are: {there}.")
        found |= dict.fromkeys(names, version)
    return found


@contextmanager
def _progress(items: int, done: int) -> "Iterator[Callable[[int, int, int], None]]":
    """A bar on standard error with rate and time left, or a line every ten seconds where nobody looks at it."""
    import sys
    import time

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    begun, state = time.monotonic(), {"items": done, "photos": 0, "bad": 0, "said": time.monotonic()}
    columns = (
        *(TextColumn("Grading"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[told]}")),
        TimeRemainingColumn(),
    )
    shown = sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not shown) as progress:
        task = progress.add_task("", total=items, completed=done, told="")

        def count(more: int, photos: int, bad: int) -> None:
            for name, value in (("items", more), ("photos", photos), ("bad", bad)):
                state[name] += value
            now = time.monotonic()
            rate = state["photos"] / max(now - begun, 1e-3)
            told = f"{rate:.1f} photos/s, {state['bad']} bad"
            progress.update(task, completed=state["items"], told=told)
            if not shown and now - state["said"] >= 10:
                state["said"] = now
                left = (items - state["items"]) * (now - begun) / max(1, state["items"] - done)
                typer.echo(f"{state['items']} of {items} items, {told}, {left / 60:.0f} min left", err=True)

        yield count
