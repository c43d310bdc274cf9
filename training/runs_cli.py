"""`regrade runs`: training runs on this disk, and how far each has come."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from regrade.training.run.run import Run


def register(app: typer.Typer) -> None:
    """Add `regrade runs` to `app`."""
    runs = typer.Typer(help="Look at training runs.", no_args_is_help=True)
    runs.command("list")(show_all)
    runs.command("show")(show)
    app.add_typer(runs, name="runs")


def show_all(runs: Annotated[Path, typer.Argument(help="Folder of the runs.")] = Path("runs")) -> None:
    """List the runs in a folder, the latest first."""
    from rich.console import Console
    from rich.table import Table

    from regrade.models.errors import RunError
    from regrade.training.pipeline import stages_of
    from regrade.training.run.lock import holder
    from regrade.training.run.run import Run

    table = Table("run", "category", "version", "done", "next", "last change", "in use by")
    found = sorted(runs.glob("*/config.json"), key=lambda p: (p.parent / "state.json").stat().st_mtime, reverse=True)
    if not found:
        raise RunError(f"{runs} holds no run. Begin one with `regrade train CATEGORY`.")
    for path in found:
        with Run.open(path.parent, lock=False) as run:
            names = stages_of(run.config)
            left = [name for name in names if not run.done(name)]
            changed = datetime.fromtimestamp((path.parent / "state.json").stat().st_mtime)
            table.add_row(
                str(run.folder),
                run.config.category,
                run.config.version,
                f"{len(names) - len(left)} of {len(names)}",
                left[0] if left else "–",
                f"{changed:%Y-%m-%d %H:%M}",
                holder(run.folder) or "",
            )
    Console().print(table)


def show(folder: Annotated[Path, typer.Argument(help="Folder of the run.")]) -> None:
    """Show a run's settings and stages: what each does, whether it is done, and how long it took."""
    from rich.console import Console
    from rich.table import Table

    from regrade.training.run.lock import holder
    from regrade.training.run.run import Run
    from regrade.training.run_start import resume_command

    console = Console()
    with Run.open(folder, lock=False) as run:
        settings = Table("setting", "value", title=f"{run.config.category} {run.config.version}")
        for name, value in run.config.to_json().items():
            settings.add_row(
                name, ", ".join(value) if isinstance(value, list) else "–" if value is None else str(value)
            )
        console.print(settings)
        console.print(stage_table(run))
        used = holder(folder)
        console.print(f"In use by {used}." if used else f"Go on with: {resume_command(run)}", soft_wrap=True)


def stage_table(run: "Run") -> "Table":
    """The stages of a run as a rich table."""
    from rich.table import Table

    from regrade.training.pipeline import WHAT, stages_of

    table = Table("stage", "what it does", "state", "took")
    for name in stages_of(run.config):
        entry = run.state.get(name)
        state = "not done"
        if entry is not None:
            state = f"done {_local(entry['done_at'])}" if run.done(name) else f"begun {_local(entry['begun_at'])}"
        took = "" if entry is None else str(timedelta(seconds=round(entry["seconds"])))
        table.add_row(name, WHAT[name], state, took)
    return table


def _local(moment: str) -> str:
    return f"{datetime.fromisoformat(moment).astimezone():%Y-%m-%d %H:%M}"
