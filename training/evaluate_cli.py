"""`regrade evaluate`: how well bundles grade labelled photos, for a reader who does not take our word for it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from regrade.models.estimates import Estimate
    from regrade.training.judge.evaluation import Evaluation


def register(app: typer.Typer) -> None:
    """Add `regrade evaluate` to `app`."""
    app.command("evaluate")(evaluate)


def evaluate(
    categories: Annotated[
        list[str] | None, typer.Argument(metavar="[CATEGORY]…", help="Default: every category with a bundle.")
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Evaluate what the service on this data directory grades with; default: REGRADE_DATA_DIR."),
    ] = None,
    bundles: Annotated[Path | None, typer.Option(help="Evaluate this folder of bundles, as it is.")] = None,
    version: Annotated[
        str | None, typer.Option(help="Evaluate this version, active or not; default: the active ones.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="A manifest or its folder; default: REGRADE_BENCH or ../shared/data/bench.")
    ] = None,
    split: Annotated[list[str] | None, typer.Option(help="train, val, test or all; may be repeated.")] = None,
    source: Annotated[list[str] | None, typer.Option(help="Only photos of this source; may be repeated.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results and the cache of grades.")] = Path("evaluation"),
    precision: Annotated[str, typer.Option(help="int8, which serving runs, or fp32.")] = "int8",
    resamples: Annotated[int, typer.Option(min=100, max=20_000, help="Bootstrap resamples of the groups.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap and the edits.")] = 0,
    shortcuts: Annotated[bool, typer.Option(help="Grade the photos again with other backgrounds, crops, …")] = True,
    keep_small: Annotated[
        bool, typer.Option("--keep-small", help="Grade photos, too, that serving would send back as too small.")
    ] = False,
    pictures: Annotated[bool, typer.Option(help="Write the report with photos of the worst mistakes, too.")] = True,
) -> None:
    """Score bundles on labelled photos, by category and by source, and write a report.

    Photos are graded exactly as serving grades them. Writes evaluation.json, report.html and report-with-photos.html
    to --out; the last holds photos of the dataset and must not be published. An interrupted run goes on from its
    cache. For a source that the bundles have never seen, evaluate ones trained with --leave-out SOURCE.
    """
    try:
        from regrade.training.judge.evaluation import EvaluationConfig, evaluate_bundles
        from regrade.training.judge.html_report import write_evaluation
    except ModuleNotFoundError as error:
        raise typer.BadParameter(
            f"an evaluation needs {error.name}; install it with: pip install 'regrade[train]'"
        ) from None
    from collections.abc import Callable

    from rich.console import Console

    from regrade.models.registry.store import named_store
    from regrade.training.run.progress import bar

    config = EvaluationConfig(
        out=out,
        bundles=named_store(data_dir, bundles),
        data=data,
        categories=tuple(categories or ()),
        splits=tuple(split or ("test",)),
        sources=tuple(source or ()),
        version=version,
        precision=precision,
        resamples=resamples,
        seed=seed,
        shortcuts=shortcuts,
        keep_small=keep_small,
    )
    console = Console()
    with bar() as progress:

        def watch(what: str, steps: int) -> Callable[[], None]:
            task = progress.add_task(what, total=steps)
            return lambda: progress.advance(task)

        found = evaluate_bundles(config, watch)
    console.print(summary(found))
    for path in write_evaluation(found, out, pictures=pictures):
        console.print(f"wrote {path}")


def summary(found: "Evaluation") -> "Table":
    """The figures that decide most, one row a category and source; intervals are 95%, by bootstrap over groups."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(
        title="95% intervals by bootstrap over groups. *: unseen source", box=SIMPLE_HEAD, padding=(0, 0, 0, 1)
    )
    table.add_column("", min_width=12, max_width=16, overflow="fold")
    for column in ("N", "macro-F1", "labellers", "damage\nAUROC", "recall\nat 5%", "ECE", "alone,\nwrong"):
        table.add_column(column, no_wrap=True)
    for name, category in found.categories.items():
        rows = [(f"[b]{name}[/b]", category.whole)] if len(category.sources) > 1 else []
        for source, part in category.sources.items():
            star = "*" if part.familiarity.startswith("unseen") else ""
            rows.append((f"{source}{star}" if rows else f"[b]{name}[/b]\n{source}{star}", part.figures))
        for title, figures in rows:
            scores, auto = figures.estimates, figures.automatic
            alone = "–" if auto.threshold is None else f"{auto.coverage.value:.0%}\n{auto.wrong} of {auto.graded}"
            table.add_row(
                title,
                str(figures.n),
                _cell(scores["macro_f1"]),
                _cell(figures.ceiling.macro_f1) if figures.ceiling else "–",
                _cell(scores["damage_auroc"]),
                _cell(scores["damage_recall_at_5"]),
                _cell(scores["ece"]),
                alone,
            )
        table.add_section()
    return table


def _cell(found: "Estimate") -> str:
    """`0.80` above `.69–.87`."""
    if found.value != found.value:
        return "–"
    return f"{found.value:.2f}\n[dim]{_short(found.low)}–{_short(found.high)}[/dim]"


def _short(value: float) -> str:
    return f"{value:.2f}".removeprefix("0") if value < 1 else f"{value:.1f}"
