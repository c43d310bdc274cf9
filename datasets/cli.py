"""`regrade data`: check a dataset, see what is in it, bring it in and out."""

from pathlib import Path
from typing import Annotated

import typer

from regrade.datasets import synth_cli, transfer_cli
from regrade.datasets.hygiene import cli as hygiene_cli
from regrade.datasets.options import CategoriesOption

PathArgument = Annotated[
    Path | None,
    typer.Argument(help="Folder with bench.jsonl, or a .jsonl file. Default: the bench photos.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add `regrade data` to `app`."""
    data = typer.Typer(help="Bring labelled photos in, check them, see what is there.", no_args_is_help=True)
    data.command("check")(check)
    data.command("summary")(summary)
    data.command("import")(transfer_cli.import_)
    data.command("export")(transfer_cli.export)
    data.command("join")(transfer_cli.join)
    data.command("hygiene")(hygiene_cli.hygiene)
    data.command("apply-fixes")(hygiene_cli.apply_fixes)
    app.add_typer(data, name="data")
    synth_cli.register(app)


def check(
    path: PathArgument = None,
    categories: CategoriesOption = None,
    hashes: Annotated[bool, typer.Option(help="Read every photo and compare its SHA-256.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check a manifest against its photos and the category definitions. Exits with 1 on an error."""
    import dataclasses
    import json

    from rich.console import Console
    from rich.progress import track

    from regrade.datasets.category import load_categories
    from regrade.datasets.checks import check_manifest
    from regrade.datasets.manifest import locate_manifest, read_manifest
    from regrade.datasets.report import findings_table

    manifest = locate_manifest(path)
    records = read_manifest(manifest)
    stderr = Console(stderr=True)
    findings = check_manifest(
        records,
        load_categories(categories),
        hashes=hashes,
        progress=lambda rows: track(rows, "Reading photos", console=stderr, transient=True, disable=as_json),
    )
    errors = sum(f.level == "error" for f in findings)
    counts = {"photos": len(records), "errors": errors, "warnings": len(findings) - errors}
    if as_json:
        report = {"manifest": str(manifest), **counts, "findings": [dataclasses.asdict(f) for f in findings]}
        typer.echo(json.dumps(report, indent=1, ensure_ascii=False))
    else:
        console = Console()
        if findings:
            console.print(findings_table(findings))
        console.print(f"{manifest}: " + ", ".join(f"{n} {what}" for what, n in counts.items()), soft_wrap=True)
    raise typer.Exit(1 if errors else 0)


def summary(
    path: PathArgument = None,
    categories: CategoriesOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Count photos by category, condition, split and source."""
    import json

    from rich.console import Console

    from regrade.datasets.category import load_categories
    from regrade.datasets.manifest import locate_manifest, read_manifest
    from regrade.datasets.report import count_rows, summary_charts

    records = read_manifest(locate_manifest(path))
    if as_json:
        typer.echo(json.dumps(count_rows(records), indent=1, ensure_ascii=False))
        return
    console = Console()
    for chart in summary_charts(records, load_categories(categories)):
        console.print(chart)
