"""`regrade models`: what can be graded, and by which bundles."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    models = typer.Typer(name="models", help="Look at the model bundles.", no_args_is_help=True)
    models.callback()(lambda: None)
    models.command(name="list")(show)
    app.add_typer(models)


def show(
    bundles: Annotated[Path | None, typer.Option(help="A folder of bundles; by default the shipped ones.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, metrics included.")] = False,
) -> None:
    """List the bundles of every category: version, which one is active, and from which confidence on it may go
    without a human."""
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    from regrade.models.grader import Grader

    found = Grader.load(bundles).describe()
    if as_json:
        typer.echo(json.dumps([asdict(bundle) for bundle in found], indent=2, default=dict))
        return
    table = Table("category", "version", "active", "conditions", "defects", "without a human from")
    for bundle in found:
        table.add_row(
            bundle.category,
            bundle.version,
            "yes" if bundle.active else "",
            ", ".join(bundle.conditions),
            ", ".join(bundle.defect_types),
            "never" if bundle.auto_threshold is None else f"{bundle.auto_threshold:.1%}",
        )
    Console().print(table)
