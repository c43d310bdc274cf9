"""`regrade labels`: from decisions to labels and back, and what labels are worth; what heads learn of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regrade.labeling.adapt import cli as adapt_cli
from regrade.labeling.select import cli as select_cli
from regrade.labeling.versions import export_cli, import_cli

if TYPE_CHECKING:
    from rich.text import Text

    from regrade.labeling.agreement import Estimate


def register(app: typer.Typer) -> None:
    """Add `regrade labels` and `regrade adapt` to `app`."""
    labels = typer.Typer(help="Turn decisions into labels, pick what to label next.", no_args_is_help=True)
    labels.command("agreement")(show_agreement)
    labels.command("export")(export_cli.export)
    labels.command("import")(import_cli.import_)
    labels.command("select")(select_cli.select)
    app.add_typer(labels, name="labels")
    app.command("adapt")(adapt_cli.adapt)


def show_agreement(
    data: Annotated[
        Path | None,
        typer.Option("--data", help="A .jsonl file or a folder with bench.jsonl. Default: the bench photos."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Agreement of the first two labelling passes by category: raw, and Cohen's kappa."""
    import dataclasses
    import json

    from rich.console import Console
    from rich.table import Table

    from regrade.datasets.manifest import locate_manifest, read_manifest
    from regrade.labeling.agreement import agreement, passes
    from regrade.models.errors import DatasetError

    manifest = locate_manifest(data)
    records = [r for r in read_manifest(manifest) if len(r.votes) >= 2]
    if not records:
        raise DatasetError(f"{manifest}: no photo was labelled twice; agreement needs two votes on a photo")
    figures = {}
    for category in sorted({r.category for r in records}):
        mine = [r for r in records if r.category == category]
        figures[category] = {
            "condition": agreement(*passes(mine)),
            "damaged": agreement(*passes(mine, damaged_only=True)),
        }
    if as_json:
        # An undefined kappa is NaN, which JSON has no word for.
        plain = {c: {k: _plain(dataclasses.asdict(a)) for k, a in by.items()} for c, by in figures.items()}
        typer.echo(json.dumps(plain, indent=1, allow_nan=False))
        return
    table = Table("category", pad_edge=False, box=None)
    for heading in ("photos", "groups", "same condition", "kappa", "same on damaged", "kappa"):
        table.add_column(heading, justify="right")
    for category, by in figures.items():
        condition, damaged = by["condition"], by["damaged"]
        table.add_row(
            category,
            str(condition.items),
            str(condition.groups),
            *map(_cell, (condition.raw, condition.kappa, damaged.raw, damaged.kappa)),
        )
    console = Console()
    console.print(table)
    console.print(
        "First against second pass, with 95% intervals (bootstrap by group). Labellers of one kind read the "
        "same rubric: agreement says that the rubric is read alike, not that it is right."
    )


def _cell(estimate: "Estimate") -> "Text":
    from rich.text import Text

    if estimate.value != estimate.value:
        return Text("undefined", style="dim")
    cell = Text(f"{estimate.value:.2f} ", style="bold")
    return cell.append(f"{estimate.low:.2f}–{estimate.high:.2f}", style="not bold dim")


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return None if value != value else value
