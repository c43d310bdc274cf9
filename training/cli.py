"""`regrade train …`: the commands of the training room."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from regrade.training.condition import Trained


def register(app: typer.Typer) -> None:
    """Add `regrade train` to `app`."""
    train = typer.Typer(help="Train model bundles.", no_args_is_help=True)
    train.command("condition")(condition)
    app.add_typer(train, name="train")


def condition(
    data: Annotated[
        Path | None, typer.Option(help="Folder of the manifest; default: REGRADE_BENCH or ../shared/data/bench.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the bundles; default: those shipped, models/bundles.")
    ] = None,
    version: Annotated[str | None, typer.Option(help="Version of the new bundles; default: year.month.number.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of folds, simulated items and bootstraps.")] = 0,
    alpha: Annotated[float, typer.Option(min=0.001, max=0.5, help="Promised error of automatic grades.")] = 0.05,
    delta: Annotated[float, typer.Option(min=0.001, max=0.5, help="Risk that the promise does not hold.")] = 0.10,
    synthesis: Annotated[
        bool, typer.Option(help="Fit on synthetic damage too, where that has been shown to help.")
    ] = True,
    report: Annotated[Path | None, typer.Option(help="Folder for the scores as JSON and pictures.")] = None,
    cache: Annotated[Path, typer.Option(help="Folder of the feature cache, by which a run goes on.")] = Path(".cache"),
) -> None:
    """Train the category router and a condition bundle for every category, and activate them.

    Ctrl-C is safe: features are cached, and a bundle is written wholly or not at all.
    """
    try:
        from regrade.training.condition import TrainConfig, train_condition
    except ModuleNotFoundError as error:
        raise typer.BadParameter(
            f"training needs {error.name}; install it with: pip install 'regrade[train]'"
        ) from None
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from regrade.datasets.manifest import locate_manifest
    from regrade.models.bundle import shipped_root

    root = out or shipped_root()
    config = TrainConfig(
        data=locate_manifest(data),
        out=root,
        version=version or next_version(root, date.today()),
        seed=seed,
        alpha=alpha,
        delta=delta,
        synthesis=synthesis,
        cache=cache,
    )
    console = Console()
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task("starting")
        trained = train_condition(config, lambda step: progress.update(task, description=step, advance=1))
    console.print(score_table(trained))
    if report is not None:
        from regrade.training.report import write_report

        for path in write_report(trained, report):
            console.print(f"wrote {path}")
    console.print(f"active: version {config.version} under {root}")


def next_version(root: Path, today: date) -> str:
    """`year.month.number`, the first number that no bundle under `root` has taken this month."""
    taken = {path.parent.name for path in root.glob("*/*/manifest.json")}
    number = 1
    while (name := f"{today.year}.{today.month:02d}.{number}") in taken:
        number += 1
    return name


def score_table(trained: "dict[str, Trained]") -> "object":
    """The scores as a rich table, one row a bundle; intervals are 95%, by bootstrap over groups."""
    from rich.table import Table

    table = Table(title="95% intervals by bootstrap over groups; cv: cross-validation over groups")
    columns = (
        "bundle",
        "N all/test",
        "F1, cv all",
        "F1, test",
        "F1, test FP32",
        "AUROC, cv all",
        "ECE, cv",
        "auto from",
    )
    for column in columns:
        table.add_column(column)
    for name, t in trained.items():
        whole, test = t.all_cv.estimates, t.test.estimates
        threshold = t.calibration.selective.threshold
        table.add_row(
            name,
            f"{whole['accuracy'].n}/{test['accuracy'].n}",
            str(whole["macro_f1"]),
            str(test["macro_f1"]),
            str(t.test_fp32.estimates["macro_f1"]),
            "" if name.startswith("_") else str(whole["damage_auroc"]),
            str(t.cv.estimates["ece"]),
            "–" if threshold is None else f"{threshold:.2f} ({t.calibration.selective.coverage:.0%})",
        )
    return table
