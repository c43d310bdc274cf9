"""`regrade data import`: annotations and photos from elsewhere → a dataset folder of our own, whole or not at all."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from regrade.datasets.atomic import new_folder
from regrade.datasets.category import Category
from regrade.datasets.formats.assemble import Assembler, Defaults
from regrade.datasets.formats.draft import Draft
from regrade.datasets.formats.files import SourceFolder, file_name, roboflow_original
from regrade.datasets.formats.foreign_labels import refuse_unknown_labels, without_emptied
from regrade.datasets.formats.photos import store_photo
from regrade.datasets.formats.registry import DatasetFormat
from regrade.datasets.hygiene.duplicates import Fingerprint, find_pairs, fingerprint
from regrade.datasets.manifest import MANIFEST_NAME, Record, write_manifest
from regrade.datasets.splitting import Shares, joined_groups, stratified_splits, whole_groups
from regrade.models.errors import DatasetError

GROUP_BY: tuple[str, ...] = ("near-duplicates", "prefix", "column")
_PREFIX = re.compile(r"^(.+?)[-_ .(]+[^-_ .(]*$")

Embed = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """`shares` None keeps the splits that the source states, and makes 70/15/15 where it states none.

    `group_by` None takes the groups that the source states. `prefix` takes the photo's name up to its last `-`, `_`,
    `.` or blank; `column` demands a stated group of every photo; `near-duplicates` heeds nothing that is stated.
    Near-duplicates are joined in any case. `max_side` in pixels reduces larger photos. `embed` finds photos of the
    same thing as well as copies.
    """

    defaults: Defaults = field(default_factory=Defaults)
    shares: Shares | None = None
    seed: int = 0
    group_by: str | None = None
    max_side: int | None = None
    embed: Embed | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import. `left_out` are photos whose very file came before with the same labels; `converted` were
    turned, reduced or saved anew; `joined` pairs show the same; `moved` changed split so as not to part a group.
    `emptied` counts the photos that each label took away which was renamed to nothing."""

    records: tuple[Record, ...]
    left_out: int
    converted: int
    joined: int
    moved: int
    emptied: Mapping[str, int] = field(default_factory=dict)


def import_dataset(
    kind: DatasetFormat,
    source: Path,
    out: Path,
    categories: Mapping[str, Category],
    options: ImportOptions,
    progress: Callable[[Sequence[Draft]], Iterable[Draft]] = iter,
) -> Imported:
    """Read `source` and write the dataset folder `out`: `bench.jsonl` and `images/`.

    Raises `DatasetError` naming file and line or field at the first thing that is wrong, and everything at once of
    labels that are unknown and of photos with two; `out` is then not there.
    """
    found = SourceFolder(source)
    drafts = kind.read(found)
    assembler = Assembler(categories, options.defaults)
    refuse_unknown_labels(source, ((draft, assembler.vocabulary(draft)) for draft in drafts))
    drafts, emptied = without_emptied(drafts, assembler.vocabulary)
    if not drafts:
        raise DatasetError(f"{source}: every photo is left out by --rename {next(iter(emptied))}=; nothing is left")
    names = _names(drafts, found.path)
    first: dict[str, Record] = {}
    places: dict[str, str] = {}
    two_labels: list[str] = []
    prints: list[Fingerprint] = []
    embeddings: list[NDArray[np.float32]] = []
    left_out = converted = 0
    with new_folder(out) as folder:
        (folder / "images").mkdir()
        for draft in progress(drafts):
            data = draft.file.read_bytes()
            photo = store_photo(data, draft.where, options.max_side)
            name = names[draft.file]
            file = folder / "images" / (file_name(name) + photo.suffix)
            record = _with_group(assembler.record(draft, name, photo, file), draft, options.group_by)
            if record.sha256 in first:
                differing = _differences(first[record.sha256], record)
                if differing:
                    before = places[record.sha256]
                    two_labels.append(f"{draft.where} is the same photo as {before}, but its {differing}")
                left_out += 1
                continue
            first[record.sha256], places[record.sha256] = record, draft.where
            file.write_bytes(photo.data)
            converted += photo.data is not data
            prints.append(fingerprint(photo.rgb, record.sha256))
            if options.embed is not None:
                embeddings.append(options.embed(photo.rgb))
        _refuse_two_labels(two_labels)
        pairs = find_pairs(prints, np.stack(embeddings) if embeddings else None)
        records, moved = _split(list(first.values()), [(p.a, p.b) for p in pairs], _stated(drafts), options)
        write_manifest(folder / MANIFEST_NAME, records)
    here = [replace(r, file=out.resolve() / r.file.relative_to(folder)) for r in records]
    return Imported(tuple(here), left_out, converted, len(pairs), moved, emptied)


def _names(drafts: Sequence[Draft], folder: Path) -> dict[Path, str]:
    """The id of each photo: the one stated, else its file's name, else its path where the name is not alone."""
    stems = Counter(d.file.stem for d in drafts)
    names: dict[Path, str] = {}
    taken: dict[str, Draft] = {}
    seen: dict[Path, str] = {}
    for draft in drafts:
        real = draft.file.resolve()
        if real in seen:
            raise DatasetError(f"{draft.where}: photo '{draft.file.name}' came before, at {seen[real]}")
        seen[real] = draft.where
        stem = draft.file.stem
        name = draft.stated.id or (
            stem if stems[stem] == 1 else "-".join(draft.file.relative_to(folder).with_suffix("").parts)
        )
        if name in taken:
            raise DatasetError(f"{draft.where}: id '{name}' came before, at {taken[name].where}; ids must differ")
        taken[name] = draft
        names[draft.file] = name
    return names


def _with_group(record: Record, draft: Draft, group_by: str | None) -> Record:
    if group_by == "prefix":
        match = _PREFIX.match(draft.file.stem)
        return replace(record, group=match[1] if match else "")
    if group_by == "near-duplicates":
        return replace(record, group="")
    if group_by == "column" and not record.group:
        raise DatasetError(f"{draft.where}: states no group, which --group-by column demands of every photo")
    return record if record.group else replace(record, group=roboflow_original(draft.file.stem) or "")


def _differences(one: Record, other: Record) -> str:
    """How the labels of the same photo differ, in words; empty where they do not."""
    names = ("category", "item_type", "condition", "defects")
    both = ((name, getattr(one, name), getattr(other, name)) for name in names)
    return "; ".join(f"{name} differs ({theirs} and {mine})" for name, mine, theirs in both if mine != theirs)


def _refuse_two_labels(found: Sequence[str]) -> None:
    if not found:
        return
    count = "a photo has" if len(found) == 1 else f"{len(found)} photos have"
    raise DatasetError(
        f"{count} two labels; nothing was written. Decide on one for each, and take the photo out of where the other "
        "says:\n  " + "\n  ".join(found)
    )


def _stated(drafts: Sequence[Draft]) -> bool:
    """Whether the source states splits. Raises `DatasetError` where it does of some photos only."""
    without = [d for d in drafts if d.stated.split is None]
    if without and len(without) < len(drafts):
        raise DatasetError(f"{without[0].where}: states no split while others do; split all anew with --split 70/15/15")
    return not without


def _split(
    records: list[Record], pairs: list[tuple[int, int]], stated: bool, options: ImportOptions
) -> tuple[list[Record], int]:
    """Records with their groups and splits, and how many left the split that the source put them in."""
    groups = joined_groups([r.id for r in records], [r.group for r in records], pairs)
    if options.shares is None and stated:
        splits = whole_groups(groups, [r.split for r in records])
        moved = sum(r.split != split for r, split in zip(records, splits, strict=True))
    else:
        labels = [(r.category, r.condition) for r in records]
        splits, moved = stratified_splits(groups, labels, options.shares or (0.7, 0.15, 0.15), options.seed), 0
    done = zip(records, groups, splits, strict=True)
    return [replace(r, group=group, split=split) for r, group, split in done], moved
