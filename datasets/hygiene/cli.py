"""`regrade data hygiene` and `regrade data apply-fixes`."""

from pathlib import Path
from typing import Annotated

import typer

from regrade.datasets.options import CategoriesOption

DataOption = Annotated[
    Path | None,
    typer.Option(help="Folder with bench.jsonl, or a .jsonl file. Default: the bench photos.", show_default=False),
]

TOLD_FIRST = (
    "unknown_category", "unknown_item_type", "unknown_condition", "unknown_defect_code", "unknown_defect_type",
    "condition_against_defect", "too_small",
)  # fmt: skip
"""Findings of `regrade data check` that are told before photos are compared."""


def hygiene(
    out: Annotated[Path, typer.Option(help="Folder for hygiene.html, .jsonl and .csv.", show_default=False)],
    data: DataOption = None,
    category: Annotated[list[str] | None, typer.Option(help="Only this category. May be repeated.")] = None,
    seed: Annotated[int, typer.Option(help="Of the folds that labels are judged by.")] = 0,
    cache: Annotated[Path, typer.Option(help="Folder of what was seen of each photo.")] = Path(".cache"),
    categories: CategoriesOption = None,
) -> None:
    """Find leaks between splits, copies, doubtful labels and outliers. Nothing of the dataset is changed.

    What contradicts the category definitions and photos that are too small to be graded are told first.
    """
    from rich.console import Console
    from rich.progress import track

    from regrade.datasets.category import load_categories
    from regrade.datasets.checks import check_records, gathered
    from regrade.datasets.hygiene.embeddings import read_views
    from regrade.datasets.hygiene.findings import inspect
    from regrade.datasets.hygiene.page import write_hygiene
    from regrade.datasets.manifest import locate_manifest, read_manifest
    from regrade.datasets.report import findings_table, tally_table
    from regrade.datasets.validation import one_of_these

    manifest = locate_manifest(data)
    records = read_manifest(manifest)
    for name in category or []:
        one_of_these("--category", name, sorted({r.category for r in records}))
    records = [r for r in records if not category or r.category in category]
    stderr, console = Console(stderr=True), Console()
    # Leaks and copies are found below, together with what to do about them.
    findings = [f for f in check_records(records, load_categories(categories)) if f.check in TOLD_FIRST]
    if findings:
        console.print(findings_table(gathered(findings)))
    views = read_views(records, cache, lambda rows: track(rows, "Reading photos", console=stderr, transient=True))
    found = inspect(records, views, seed, lambda rows, doing: track(rows, doing, console=stderr, transient=True))
    paths = write_hygiene(
        found, manifest, out, lambda rows: track(rows, "Writing the page", console=stderr, transient=True)
    )
    console.print(tally_table(found.tallies))
    for path in paths:
        console.print(f"wrote {path}", soft_wrap=True, highlight=False)
    console.print("The page holds photos of the dataset: do not publish it.")


def apply_fixes(
    fixes: Annotated[Path, typer.Argument(help="hygiene.jsonl; only lines that say chosen are applied.")],
    data: DataOption = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Manifest to write, in the folder of the photos. Default: replace it, and keep the old."),
    ] = None,
    categories: CategoriesOption = None,
) -> None:
    """Change a manifest as `regrade data hygiene` proposed. Photos are never deleted."""
    from regrade.datasets.category import load_categories
    from regrade.datasets.hygiene.fixes import apply_fixes as changed_by
    from regrade.datasets.hygiene.fixes import check_conditions, read_fixes
    from regrade.datasets.manifest import locate_manifest, read_manifest, write_manifest
    from regrade.models.errors import DatasetError

    manifest = locate_manifest(data)
    records = read_manifest(manifest)
    chosen = read_fixes(fixes)
    check_conditions(records, chosen, load_categories(categories))
    after = changed_by(records, chosen)
    target = out or manifest
    if target.resolve().parent != manifest.resolve().parent:
        raise DatasetError(f"{target}: must lie beside {manifest.name}, since photos are named relative to it")
    if target.exists():
        kept = free_name(target)
        kept.write_bytes(target.read_bytes())
        typer.echo(f"kept the old manifest as {kept}")
    write_manifest(target, after)
    before = {r.id: r for r in records}
    edited = sum(before[r.id] != r for r in after)
    typer.echo(f"wrote {target}: {edited} photos changed, {len(records) - len(after)} removed, {len(after)} left")


def free_name(path: Path) -> Path:
    """`bench.before-1.jsonl`, with the first number that is free."""
    number = 1
    while (name := path.with_name(f"{path.stem}.before-{number}{path.suffix}")).exists():
        number += 1
    return name
