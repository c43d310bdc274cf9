"""`regrade data import` and `regrade data export`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regrade.datasets.options import CategoriesOption

if TYPE_CHECKING:
    from regrade.datasets.formats.importing import Imported

FormatArgument = Annotated[
    str, typer.Argument(metavar="FORMAT", help="imagefolder, coco, yolo, label-studio or csv.", show_default=False)
]


def import_(
    kind: FormatArgument,
    source: Annotated[Path, typer.Argument(help="Folder or annotation file to read.", show_default=False)],
    out: Annotated[Path, typer.Option(help="New folder of the dataset.", show_default=False)],
    category: Annotated[str | None, typer.Option(help="Category of the photos, where they state none.")] = None,
    item_type: Annotated[str | None, typer.Option(help="Item type of photos that state and box none.")] = None,
    source_name: Annotated[str | None, typer.Option("--source", help="Where the photos come from, in a word.")] = None,
    licence: Annotated[str | None, typer.Option(help="Licence of the photos, such as CC0-1.0 or own.")] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option(
            help="THEIRS=OURS for a label; THEIRS= leaves out the photos, and the boxes, that have no other; "
            "THEIRS=undecided keeps photos without a condition. May be repeated."
        ),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Split anew, in per cent of train/val/test; 70/15/15 where none is stated.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed splits otherwise.")] = 0,
    group_by: Annotated[
        str | None,
        typer.Option(
            help="near-duplicates, prefix (of the photo's name) or column (stated for every photo). Default: the "
            "groups that are stated. Near-duplicates are joined in any case."
        ),
    ] = None,
    max_side: Annotated[int | None, typer.Option(min=320, help="Reduce photos to this long side, in pixels.")] = None,
    categories: CategoriesOption = None,
) -> None:
    """Make a dataset of photos annotated elsewhere. Photos are copied; OUT is written wholly or not at all.

    Nothing that shows the same is parted by the splits: copies and photos of the same thing share a group.
    """
    from rich.console import Console
    from rich.progress import track

    from regrade.datasets.category import load_categories
    from regrade.datasets.formats.assemble import Defaults
    from regrade.datasets.formats.importing import GROUP_BY, ImportOptions, import_dataset
    from regrade.datasets.formats.registry import format_of
    from regrade.datasets.hygiene.embeddings import Embedder
    from regrade.datasets.report import summary_charts
    from regrade.datasets.splitting import parse_shares
    from regrade.datasets.validation import one_of_these

    if group_by is not None:
        one_of_these("--group-by", group_by, GROUP_BY)
    options = ImportOptions(
        defaults=Defaults(category, item_type, source_name, licence, parse_renames(rename or [])),
        shares=parse_shares(split) if split else None,
        seed=seed,
        group_by=group_by,
        max_side=max_side,
        embed=Embedder(),
    )
    stderr = Console(stderr=True)
    known = load_categories(categories)
    done = import_dataset(
        format_of(kind),
        source,
        out,
        known,
        options,
        progress=lambda drafts: track(drafts, "Reading photos", console=stderr, transient=True),
    )
    console = Console()
    for chart in summary_charts(done.records, known):
        console.print(chart)
    for line in remarks(done):
        console.print(line, soft_wrap=True, highlight=False)
    console.print(f"\nwrote {out}", soft_wrap=True, highlight=False)


def parse_renames(renames: list[str]) -> dict[str, str]:
    """`["rip=tear", "logo="]` as a mapping. Raises `DatasetError` for one without `=`."""
    from regrade.models.errors import DatasetError

    pairs = [rename.partition("=") for rename in renames]
    for theirs, equals, _ in pairs:
        if not equals or not theirs:
            raise DatasetError(f"--rename {theirs}: write THEIRS=OURS, or THEIRS= to leave a label out")
    return {theirs: ours.strip() for theirs, _, ours in pairs}


def remarks(done: "Imported") -> list[str]:
    """What an import did beyond copying, for people; one line each."""
    lines = []
    if done.joined:
        lines.append(f"{done.joined} pairs of photos show the same; each pair is in one group and one split")
    if done.moved:
        lines.append(f"{done.moved} photos left the split they were in, so as not to be parted from their like")
    if done.emptied:
        listed = ", ".join(f"{count} × {label}" for label, count in sorted(done.emptied.items()))
        photos = sum(done.emptied.values())
        lines.append(f"{photos} photos were left out, since --rename makes nothing of their label: {listed}")
    if done.left_out:
        lines.append(f"{done.left_out} photos were left out: the very file came before")
    if done.converted:
        lines.append(f"{done.converted} photos were turned upright, reduced or converted")
    return ["", *lines] if lines else []


def export(
    kind: FormatArgument,
    out: Annotated[Path, typer.Option(help="New folder to write.", show_default=False)],
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with bench.jsonl, or a .jsonl file. Default: the bench photos.", show_default=False),
    ] = None,
    category: Annotated[list[str] | None, typer.Option(help="Only this category. May be repeated.")] = None,
    source: Annotated[list[str] | None, typer.Option(help="Only photos of this source. May be repeated.")] = None,
    split: Annotated[list[str] | None, typer.Option(help="Only train, val or test. May be repeated.")] = None,
    categories: CategoriesOption = None,
) -> None:
    """Write a dataset, or a part of it, in a format that other tools read. Photos are copied."""
    from regrade.datasets.category import load_categories
    from regrade.datasets.formats.exporting import export_dataset
    from regrade.datasets.formats.registry import format_of
    from regrade.datasets.manifest import locate_manifest, read_manifest
    from regrade.datasets.validation import one_of_these

    chosen = format_of(kind)
    records = read_manifest(locate_manifest(data))
    for field, option in (("category", category), ("source", source), ("split", split)):
        for value in option or []:
            one_of_these(f"--{field}", value, sorted({getattr(r, field) for r in records}))
        records = [r for r in records if not option or getattr(r, field) in option]
    export_dataset(chosen, records, load_categories(categories), out)
    typer.echo(f"wrote {len(records)} photos to {out}; the format carries {chosen.carries}")


def join(
    out: Annotated[Path, typer.Argument(help="New folder of the dataset.", show_default=False)],
    manifests: Annotated[
        list[Path], typer.Argument(help="Folders with a manifest, or .jsonl files.", show_default=False)
    ],
    labels: Annotated[
        list[Path] | None,
        typer.Option(help="Labels of photos that nobody had graded: JSON lines with `id`. May be repeated."),
    ] = None,
) -> None:
    """Make one dataset of several. Photos are linked where that is possible; OUT is written wholly or not at all.

    The same photo twice is taken once, as the first dataset has it. Splits and groups stay as they are.
    """
    from rich.console import Console
    from rich.progress import Progress

    from regrade.datasets.joining import join as join_datasets

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Linking photos", total=None)
        found = join_datasets(manifests, labels or [], out, lambda: progress.advance(task))
    typer.echo(f"{out}: {found.photos} photos, {found.labelled} labelled anew, {found.copies} copies left out")
