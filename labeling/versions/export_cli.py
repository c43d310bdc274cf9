"""`regrade labels export`."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regrade.datasets.options import CategoriesOption

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regrade.labeling.versions.versions import Version

FormatOption = Annotated[str, typer.Option("--format", help="jsonl, coco, yolo or label-studio.")]
CacheOption = Annotated[Path, typer.Option(help="Folder of what was seen of each photo.")]


def export(
    data_dir: Annotated[Path, typer.Option(help="Where the service keeps its state.", show_default=False)],
    out: Annotated[Path, typer.Option(help="New folder of the dataset version.", show_default=False)],
    dataset: Annotated[
        Path | None,
        typer.Option(
            help="Dataset to add to: its photos keep their split, and go into the new version.", show_default=False
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Only items decided since, such as 2026-11-01 or 2026-11-01T08:00+08:00.")
    ] = None,
    kind: FormatOption = "jsonl",
    split: Annotated[str, typer.Option(help="Chances of train/val/test for new items, in per cent.")] = "70/15/15",
    unsettled: Annotated[bool, typer.Option("--unsettled", help="Also items that wait for another look.")] = False,
    model_boxes: Annotated[
        bool,
        typer.Option("--model-boxes", help="Also the model's boxes, where a reviewer saw them and let them stand."),
    ] = False,
    with_names: Annotated[
        bool, typer.Option("--with-names", help="Sellers and RMA numbers as they are, not as pseudonyms.")
    ] = False,
    item_type: Annotated[
        list[str] | None,
        typer.Option(help="CATEGORY=TYPE for items whose answers state no item_type. May be repeated."),
    ] = None,
    source: Annotated[str, typer.Option(help="Where the photos come from, in a word.")] = "desk",
    licence: Annotated[str, typer.Option(help="Licence of the photos, such as CC0-1.0 or own.")] = "own",
    near_duplicates: Annotated[
        bool, typer.Option(help="Keep items whose photos are copies of each other in one split.")
    ] = True,
    cache: CacheOption = Path(".cache"),
    categories: CategoriesOption = None,
) -> None:
    """Turn the desk's decisions into a version of a dataset, with votes, boxes and where they come from.

    Photos go out upright, and without what their files tell of place, time and owner; HEIC and AVIF as JPEG. A photo
    never changes its split: exports of the same data folder agree, however many decisions came since, and
    what --dataset says goes before all. OUT is written wholly or not at all.
    """
    from tempfile import TemporaryDirectory

    from rich.console import Console
    from rich.progress import track

    from regrade.datasets.hygiene.embeddings import PhotoFile
    from regrade.datasets.manifest import locate_manifest, read_manifest
    from regrade.datasets.splitting import parse_shares
    from regrade.datasets.validation import one_of_these
    from regrade.labeling.versions.decisions import erased, note_export, read_decisions
    from regrade.labeling.versions.definitions import definitions
    from regrade.labeling.versions.export import ERASED, ExportOptions, export_labels, usable
    from regrade.labeling.versions.ledger import add_to_ledger, read_ledger
    from regrade.labeling.versions.likeness import OnePhoto, copies
    from regrade.labeling.versions.presentable import presentable
    from regrade.labeling.versions.provenance import read_provenance
    from regrade.labeling.versions.pseudonyms import label_key
    from regrade.labeling.versions.versions import FORMATS, Made, read_summary, write_version

    one_of_these("--format", kind, FORMATS)
    stderr = Console(stderr=True)
    known = definitions(data_dir, categories)
    shares, after = parse_shares(split), parse_moment(since)
    types = parse_item_types(item_type or [], {name: one.item_types for name, one in known.items()})
    manifest = None if dataset is None else locate_manifest(dataset)
    existing = [] if manifest is None else read_manifest(manifest)
    provenance = {} if manifest is None else read_provenance(manifest.parent)
    decisions = list(track(read_decisions(data_dir), "Reading decisions", console=stderr, transient=True))
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
        clean = presentable(
            [decision for decision in decisions if usable(decision)],
            Path(folder),
            lambda rows: track(rows, "Taking places and owners out of photos", console=stderr, transient=True),
        )
        decisions = clean.decisions(decisions)
        existing, provenance = clean.version(existing, provenance)
        alike: Mapping[str, set[str]] = {}
        if near_duplicates:
            stored = [p for d in decisions if usable(d) for p in d.photos if p.path.is_file()]
            photos: list[PhotoFile] = [*existing, *(OnePhoto(p.path, p.sha256) for p in stored)]
            alike = copies(
                photos,
                cache,
                lambda rows: track(rows, "Looking for copies", console=stderr, transient=True),
                lambda rows, doing: track(rows, doing, console=stderr, transient=True),
            )
        options = ExportOptions(
            shares=shares,
            since=after,
            unsettled=unsettled,
            with_names=with_names,
            model_boxes=model_boxes,
            source=source,
            licence=licence,
            item_types=types,
            alike=alike,
            ledger=clean.known(read_ledger(data_dir)),
        )
        key = label_key(data_dir)
        done = export_labels(
            decisions,
            existing,
            provenance,
            known,
            key,
            options,
            progress=lambda rows: track(rows, "Checking photos", console=stderr, transient=True),
        )
        gone = erased(data_dir)
        before = read_summary(manifest.parent) if manifest else {}
        made = Made(
            by="regrade labels export",
            previous=manifest.parent if manifest else None,
            options={
                "split": split,
                "since": after.isoformat() if after else None,
                "unsettled": unsettled,
                "with_names": with_names,
                "model_boxes": model_boxes,
                "near_duplicates": near_duplicates,
                "key": key.id,
            },
            left_out={**done.left_out, **({ERASED: gone} if gone else {})},
            imported=before.get("imported", ()),
        )
        # First, so that nothing leaves without a line; of an export that then fails there is a line too many.
        taken = {"what": "labels", "items": len({s.inspection for row in done.provenance for s in row.inspections})}
        taken |= {"photos": len(done.records), "format": kind, "with_names": with_names, "out": str(out)}
        note_export(data_dir, taken)
        add_to_ledger(data_dir, clean.to_remember(done.ledger))
        with stderr.status("Writing the dataset"):
            version = write_version(out, kind, done.records, existing, done.provenance, known, made)
    tell(version)
    if done.guessed_types:
        typer.echo(
            f"{done.guessed_types} photos state no item type and got the first of their category; "
            "state it with --item-type, or as item_type in an item's answers"
        )


def parse_moment(text: str | None) -> datetime | None:
    """A moment in ISO 8601; without a zone it is UTC. Raises `DatasetError` for anything else."""
    from datetime import UTC

    from regrade.models.errors import DatasetError

    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise DatasetError(
            f"--since {text}: write a date or a moment, such as 2026-11-01 or 2026-11-01T08:00Z"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def parse_item_types(pairs: list[str], legal: "Mapping[str, tuple[str, ...]]") -> dict[str, str]:
    """`["toys=doll"]` as a mapping. Raises `DatasetError` for an unknown category or type."""
    from regrade.datasets.validation import one_of_these

    found = {}
    for pair in pairs:
        category, _, item_type = pair.partition("=")
        one_of_these(f"--item-type {pair}: category", category, tuple(legal))
        one_of_these(f"--item-type {pair}: type", item_type, legal[category])
        found[category] = item_type
    return found


def tell(version: "Version") -> None:
    """What was written, in a few lines: counts, what is new, what was left out."""
    from rich.console import Console
    from rich.table import Table

    from regrade.datasets.manifest import SPLITS

    summary, changes = version.summary, version.changes
    table = Table("category", "condition", pad_edge=False, box=None)
    for split in (*SPLITS, "photos"):
        table.add_column(split, justify="right")
    for category, by_condition in summary["counts"].items():
        for condition, by_split in by_condition.items():
            numbers = [by_split.get(split, 0) for split in SPLITS]
            table.add_row(category, condition, *map(str, [*numbers, sum(numbers)]))
    console = Console()
    console.print(table)
    lines = [
        f"{len(changes['added'])} photos are new, {len(changes['condition_changed'])} changed their condition, "
        f"{len(changes['votes_changed'])} their votes, {len(changes['boxes_changed'])} their boxes",
        *(f"left out: {count} {reason}" for reason, count in summary["left_out"].items()),
        f"wrote version {summary['version']} to {version.folder}: {summary['photos']} photos in {summary['groups']} "
        f"groups, {summary['votes']} votes, {summary['boxes']} boxes",
    ]
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False, markup=False)
