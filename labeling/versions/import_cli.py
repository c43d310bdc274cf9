"""`regrade labels import`."""

from pathlib import Path
from typing import Annotated

import typer

from regrade.datasets.options import CategoriesOption


def import_(
    file: Annotated[Path, typer.Argument(help="What the tool exported: a .json file, or a .zip.", show_default=False)],
    kind: Annotated[
        str, typer.Option("--format", help="label-studio, coco or cvat (its COCO 1.0).", show_default=False)
    ],
    dataset: Annotated[Path, typer.Option(help="Dataset whose photos were annotated.", show_default=False)],
    out: Annotated[Path, typer.Option(help="New folder of the dataset version.", show_default=False)],
    boxes: Annotated[
        str,
        typer.Option(
            help="add: keep boxes that the file does not draw anew; replace: the file's boxes are all there are."
        ),
    ] = "add",
    rename: Annotated[
        list[str] | None, typer.Option(help="THEIRS=OURS for a label; THEIRS= leaves it out. May be repeated.")
    ] = None,
    skip_unknown: Annotated[
        bool, typer.Option("--skip-unknown", help="Pass over photos that the dataset does not have.")
    ] = False,
    categories: CategoriesOption = None,
) -> None:
    """Add votes and boxes made in Label Studio or CVAT to a dataset, as a new version of it.

    Photos are matched by hash, file name or id; they need not lie beside FILE. What was exported from the dataset and
    comes back as it was is not counted again, and a FILE that went in before is refused.
    """
    from rich.console import Console

    from regrade.datasets.category import load_categories
    from regrade.datasets.manifest import locate_manifest, read_manifest
    from regrade.datasets.transfer_cli import parse_renames
    from regrade.datasets.validation import one_of_these
    from regrade.labeling.versions.export_cli import tell
    from regrade.labeling.versions.merge import BOXES, READERS, MergeOptions, digest_of, merge_labels
    from regrade.labeling.versions.provenance import read_provenance
    from regrade.labeling.versions.versions import Made, read_summary, write_version
    from regrade.models.errors import DatasetError

    one_of_these("--format", kind, tuple(READERS))
    one_of_these("--boxes", boxes, BOXES)
    manifest = locate_manifest(dataset)
    known = load_categories(categories)
    records, provenance = read_manifest(manifest), read_provenance(manifest.parent)
    imported, digest = read_summary(manifest.parent).get("imported", []), digest_of(file)
    if digest in imported:
        raise DatasetError(f"{file}: its votes are in {dataset} already; nothing was written")
    options = MergeOptions(boxes=boxes, skip_unknown=skip_unknown, renamed=parse_renames(rename or []))
    with Console(stderr=True).status("Merging annotations"):
        done = merge_labels(file, kind, records, provenance, known, options)
        made = Made(
            by="regrade labels import",
            previous=manifest.parent,
            options={"file": file.name, "format": kind, "boxes": boxes},
            left_out={"photos that the dataset does not have": done.unknown},
            imported=[*imported, digest],
        )
        version = write_version(out, "jsonl", done.records, records, done.provenance, known, made)
    typer.echo(f"{file.name}: {done.votes} further votes and {done.boxes} boxes; {done.photos} photos changed\n")
    tell(version)
