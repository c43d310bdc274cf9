"""`regrade synth`: contact sheets of synthetic defects, since only the eye can judge whether damage looks real."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regrade.datasets.options import CategoriesOption

if TYPE_CHECKING:
    from regrade.datasets.category import Category


def register(app: typer.Typer) -> None:
    """Add `regrade synth` to `app`."""
    synth = typer.Typer(help="Synthetic defects for training.", no_args_is_help=True)
    synth.callback()(_synth)
    synth.command("preview")(preview)
    synth.command("list")(list_recipes)
    app.add_typer(synth, name="synth")


def _synth() -> None:
    """Synthetic defects for training."""


def list_recipes(
    category: Annotated[str | None, typer.Argument(help="Only what this category draws, with weights.")] = None,
    categories: CategoriesOption = None,
) -> None:
    """Name every recipe and harmless edit with the defect that it draws, or those of one category."""
    from regrade.datasets.synth.catalogue import damage, harmless, weights_of

    if category is None:
        for name, one in damage().items():
            typer.echo(f"{name:20} {one.defect} ({one.severity})")
        for name in harmless():
            typer.echo(f"{name:20} harmless")
        return
    drawn, edits = weights_of(_named(category, categories))
    for name, weight in drawn.items():
        typer.echo(f"{name:20} {weight:4g}  {damage()[name].defect} ({damage()[name].severity})")
    for name, weight in edits.items():
        typer.echo(f"{name:20} {weight:4g}  harmless")


def preview(
    category: Annotated[str, typer.Argument(help="Category whose recipes to show.")],
    out: Annotated[Path, typer.Option(help="PNG to write.")] = Path("synth.png"),
    data: Annotated[Path | None, typer.Option(help="Folder of the manifest; default: the bench photos.")] = None,
    recipe: Annotated[
        list[str] | None, typer.Option("--recipe", "-r", help="Only this recipe or harmless edit; may be repeated.")
    ] = None,
    photos: Annotated[int, typer.Option("--photos", "-n", min=1, max=60, help="Damaged photos to show.")] = 12,
    seed: Annotated[int, typer.Option(help="Another seed shows other photos and other damage.")] = 0,
    categories: CategoriesOption = None,
) -> None:
    """Write photos before and after with the boxes drawn, a row of harmless edits, and real damage to compare with."""
    from regrade.datasets.manifest import locate_manifest, read_manifest
    from regrade.datasets.synth.preview import contact_sheet

    chosen = _named(category, categories)
    records = [r for r in read_manifest(locate_manifest(data)) if r.category == category]
    sheet, shown = contact_sheet(records, chosen, tuple(recipe or ()), photos, seed)
    sheet.save(out)
    typer.echo(f"wrote {out}: {shown}")


def _named(name: str, folder: Path | None) -> "Category":
    from regrade.datasets.category import load_categories
    from regrade.datasets.validation import OWN_CATEGORIES
    from regrade.models.errors import DatasetError

    known = load_categories(folder)
    if name not in known:
        raise DatasetError(f"no category {name!r}; legal names: {', '.join(known)}. {OWN_CATEGORIES}")
    return known[name]
