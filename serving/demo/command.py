"""`regrade demo`: the whole service on demo photos, in one command."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regrade.models.errors import RegradeError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from regrade.serving.demo.grades import Graded
    from regrade.serving.demo.history import History
    from regrade.serving.examples.items import DemoItem

READY_SECONDS = 60.0


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command(name="demo")(demo)


def demo(
    data_dir: Annotated[
        Path | None, typer.Option(help="Keep the data here; by default in a temporary directory.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 0,
    once: Annotated[bool, typer.Option("--once", help="End after the grades are printed.")] = False,
    weeks: Annotated[
        int, typer.Option(min=0, max=52, help="Weeks of a simulated history, for the quality page; 0 for none.")
    ] = 0,
) -> None:
    """Start the service, post demo items with rendered photos through its API and print their grades.

    It then runs on until Ctrl-C, so that its pages and its API can be tried. With --weeks, a simulated history of a
    site is written first, with stations, reviewers and decisions; nothing in it happened. Its grades are those that the
    shipped models give to variations of the rendered photos.
    """
    import tempfile

    from rich.console import Console
    from rich.progress import track

    from regrade.serving.base.settings import as_files, load_settings
    from regrade.serving.demo.history import write_history
    from regrade.serving.examples.items import demo_items
    from regrade.serving.planning.client import post_inspection

    console = Console()
    items = demo_items()
    with ExitStack() as stack:
        folder = data_dir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="regrade-demo-")))
        if weeks:
            progress = partial(_progress, console)
            written = write_history(
                load_settings(data_dir=folder, **as_files()), datetime.now(UTC), weeks, progress=progress
            )
            tell_of(console, written, weeks)
        service = stack.enter_context(running(folder, port))
        answers = [
            post_inspection(service.host, service.port, service.station_key, one.item, one.photos)
            for one in track(items, "Grading", console=console, transient=True)
        ]
        console.print(table_of(items, answers))
        if once:
            return
        for name, path in (("Station", "station"), ("Desk", "desk"), ("Docs", "docs")):
            console.print(f"{name:<8} {service.url}/{path}", highlight=False)
        console.print(f"Key      {service.admin_key}   (admin, for this demo)", highlight=False, soft_wrap=True)
        console.print("Ctrl-C ends it.", style="dim")
        _wait(service)


def tell_of(console: "Console", written: "History", weeks: int) -> None:
    """Say what was written, and that none of it happened."""
    from regrade.serving.base.money import format_percent

    span = "1 week" if weeks == 1 else f"{weeks} weeks"
    share = format_percent(written.automatic / written.inspections)
    console.print(
        f"Wrote {span} of a SIMULATED history: {written.inspections:,} inspections, {share} of them graded without a "
        f"person, and {written.decisions:,} decisions. Stations, reviewers and light are made up. The grades are what "
        "the shipped models say of variations of the rendered photos; none of it tells how good the models are on real "
        "goods.",
        style="yellow",
        highlight=False,
    )


def _progress(console: "Console", coming: "Iterator[Graded]", count: int) -> "Iterator[Graded]":
    from rich.progress import track

    text = "Grading variations of the rendered photos"
    return iter(track(coming, text, total=count, console=console, transient=True))


@dataclass(frozen=True)
class DemoService:
    """A running service and keys to it."""

    host: str
    port: int
    station_key: str
    admin_key: str
    ended: threading.Event
    """Set once it has ended, by itself or at the end of `running`."""

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


@contextmanager
def running(data_dir: Path, port: int = 0) -> Iterator[DemoService]:
    """The service on the loopback address, ready to grade; stopped in good order at the end.

    Raises `RegradeError` where it cannot start: the port or the directory in use, the bundles unusable.
    """
    from regrade.serving.base.settings import as_files, load_settings
    from regrade.serving.connections.listen import listen
    from regrade.serving.http.app import create_app
    from regrade.serving.http.server import build_server
    from regrade.serving.runtime import Runtime

    settings = load_settings(host="127.0.0.1", port=port, data_dir=data_dir, log_level="warning", **as_files())
    sockets = listen(settings)
    try:
        runtime = Runtime(settings)
    except BaseException:
        for one in sockets:
            one.close()
        raise
    app = create_app(settings, runtime=runtime, announce=lambda token: None)
    server = build_server(app, settings)
    ended = threading.Event()

    def serve() -> None:
        try:
            server.run(sockets=sockets)
        finally:
            ended.set()

    threading.Thread(target=serve, name="demo-service").start()
    try:
        end = time.monotonic() + READY_SECONDS
        while not (server.started and runtime.ready):
            if runtime.failure is not None:
                raise RegradeError(f"The demo cannot start: {runtime.failure}")
            if ended.is_set():
                raise RegradeError("The demo's service ended before it was ready.")
            if time.monotonic() > end:
                raise RegradeError(f"The service was not ready after {READY_SECONDS:.0f} s.")
            time.sleep(0.02)
        bound = sockets[0].getsockname()[1]
        station, admin = (runtime.keys.create(role, "demo")[0] for role in ("station", "admin"))
        yield DemoService("127.0.0.1", bound, station, admin, ended)
    finally:
        server.should_exit = True
        # Not `Thread.join`: Ctrl-C within it makes Python take the thread for ended (cpython#90882).
        ended.wait()


def _wait(service: DemoService) -> None:
    try:
        service.ended.wait()
    except KeyboardInterrupt:
        return


def table_of(items: "Sequence[DemoItem]", answers: Sequence[dict[str, Any]]) -> "Table":
    """The grades as a table, with what a person would say beside what the model says."""
    from rich.box import SIMPLE
    from rich.table import Table

    from regrade.serving.base.i18n import LANGUAGES, text
    from regrade.serving.base.money import format_money, format_percent

    def words(key: str) -> str:
        return text(key, LANGUAGES[0])

    # Without rules, and with only what may be two lines long free to wrap, it loses nothing on 80 columns.
    table = Table(box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("item", "a person says", "condition", "confidence", "disposition", "recovery", "review"):
        free = heading in ("item", "a person says", "disposition")
        table.add_column(heading, overflow="fold", no_wrap=not free, min_width=len(max(heading.split(), key=len)))
    for one, answer in zip(items, answers, strict=True):
        said = words(f"condition.{one.condition}")
        grade, disposition = answer["grade"], answer["disposition"]
        if grade is None or disposition is None:
            issues = ", ".join(f"photo {again['photo']}: {again['issue']}" for again in answer.get("retake", ()))
            table.add_row(one.title, said, words("status.retake"), "", "", "", issues)
            continue
        colour = "green" if grade["condition"] == one.condition else "red"
        money = disposition["expected_recovery"]
        table.add_row(
            one.title,
            said,
            f"[{colour}]{words('condition.' + grade['condition'])}[/]",
            format_percent(grade["confidence"]),
            words(f"action.{disposition['action']}"),
            format_money(money["amount"], money["currency"], LANGUAGES[0]),
            "yes" if answer["review"]["required"] else "no",
        )
    return table
