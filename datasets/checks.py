"""What must hold between a manifest, its photos and the category definitions before anyone trains on it."""

import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from PIL import Image, UnidentifiedImageError

from regrade.datasets.category import Category
from regrade.datasets.manifest import UNUSABLE, Record
from regrade.datasets.photo_size import MIN_SHORT_SIDE, is_too_small, some_of
from regrade.datasets.validation import OWN_CATEGORIES
from regrade.models.photos.orientation import SIDEWAYS, orientation_of
from regrade.models.types import Box


@dataclass(frozen=True, slots=True)
class DatasetFinding:
    """One thing that is wrong (`error`: do not train on it) or doubtful (`warning`: look at it)."""

    level: Literal["error", "warning"]
    check: str
    """A stable code, such as `missing_file`."""
    record: str
    """The id of the record; several ids joined by a comma where a finding is about several."""
    message: str


def majority(votes: Sequence[str]) -> str | None:
    """The vote that stands alone at the top, or None where the first place is shared or nobody voted."""
    top = Counter(votes).most_common(2)
    if not top or (len(top) == 2 and top[0][1] == top[1][1]):
        return None
    return top[0][0]


def check_manifest(
    records: Sequence[Record],
    categories: Mapping[str, Category],
    *,
    hashes: bool = True,
    progress: Callable[[Sequence[Record]], Iterable[Record]] = iter,
) -> list[DatasetFinding]:
    """All findings, errors before warnings and otherwise in the order of the records.

    `hashes=False` trusts the stored SHA-256 and reads only the header of each photo. `progress` wraps the
    records while their photos are read, for a progress bar.
    """
    files = [finding for record in progress(records) for finding in _check_file(record, hashes)]
    return by_level([*files, *check_records(records, categories)])


def by_level(findings: Iterable[DatasetFinding]) -> list[DatasetFinding]:
    """Errors before warnings, and otherwise as they came."""
    return sorted(findings, key=lambda f: f.level != "error")


def gathered(findings: Iterable[DatasetFinding]) -> list[DatasetFinding]:
    """One finding for all that say the same, in the order of the first of each; the first records are named."""
    alike: dict[DatasetFinding, list[str]] = defaultdict(list)
    for finding in findings:
        alike[replace(finding, record="")].append(finding.record)
    return [replace(finding, record=some_of(records)) for finding, records in alike.items()]


def check_records(records: Sequence[Record], categories: Mapping[str, Category]) -> list[DatasetFinding]:
    """What the manifest and the category definitions alone can tell, without opening a photo; errors first."""
    findings: list[DatasetFinding] = []
    for record in records:
        findings += _check_boxes(record)
        findings += _check_labels(record, categories)
    findings += _check_sizes(records)
    findings += _check_identity(records)
    findings += _check_splits(records)
    return by_level(findings)


def _error(check: str, record: Record, message: str) -> DatasetFinding:
    return DatasetFinding("error", check, record.id, message)


def _check_file(record: Record, hashes: bool) -> Iterator[DatasetFinding]:
    if not record.file.is_file():
        yield _error("missing_file", record, f"no photo at {record.file}")
        return
    if hashes:
        digest = hashlib.sha256(record.file.read_bytes()).hexdigest()
        if digest != record.sha256:
            yield _error("wrong_hash", record, f"the photo's SHA-256 is {digest}, not {record.sha256}")
    try:
        size = _upright_size(record.file)
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError) as error:
        yield _error("unreadable_photo", record, f"{record.file} does not open as an image: {error}")
        return
    if size != (record.width, record.height):
        stated = f"{record.width}×{record.height}"
        yield _error("wrong_size", record, f"the photo is {size[0]}×{size[1]}, not {stated}")


def _upright_size(file: Path) -> tuple[int, int]:
    data = file.read_bytes()
    with Image.open(io.BytesIO(data)) as image:
        width, height = image.size
    return (height, width) if orientation_of(data) in SIDEWAYS else (width, height)


def _check_boxes(record: Record) -> Iterator[DatasetFinding]:
    named: list[tuple[str, Box]] = [(f"defects[{i}]", d.box) for i, d in enumerate(record.defects)]
    named += [(f"items[{i}]", item.box) for i, item in enumerate(record.items)]
    for field, (x1, y1, x2, y2) in named:
        box = f"{field}.box [{x1:g}, {y1:g}, {x2:g}, {y2:g}]"
        if x1 >= x2 or y1 >= y2:
            yield _error("empty_box", record, f"{box} has no area; write [x1, y1, x2, y2]")
        elif x1 < 0 or y1 < 0 or x2 > record.width or y2 > record.height:
            yield _error("box_outside", record, f"{box} leaves the {record.width}×{record.height} photo")


def _settled(record: Record) -> set[str | None]:
    """The conditions that its votes allow: their majority; and the last of them on a photo that was looked at again
    (`view` tells), where that look is what decided."""
    found = {majority(record.votes), *(record.votes[-1:] if record.view is not None else ())}
    return {None if vote == UNUSABLE else vote for vote in found}


def _check_labels(record: Record, categories: Mapping[str, Category]) -> Iterator[DatasetFinding]:
    category = categories.get(record.category)
    if category is None:
        legal = f"legal values: {', '.join(sorted(categories))}. {OWN_CATEGORIES}"
        yield _error("unknown_category", record, f"category '{record.category}'; {legal}")
        return
    fields: list[tuple[str, Iterable[str], tuple[str, ...]]] = [
        ("item_type", [record.item_type], category.item_types),
        ("condition", [record.condition] if record.condition else [], category.condition_names),
        ("defect_code", record.defect_codes, category.defect_names),
        ("defect_type", [d.type for d in record.defects], category.defect_names),
    ]
    known = True
    for field, values, legal_values in fields:
        for value in sorted(set(values) - set(legal_values)):
            known = False
            message = f"{field} '{value}' in {category.name}; legal values: {', '.join(legal_values)}"
            yield _error(f"unknown_{field}", record, message)
    if record.votes and record.condition not in _settled(record):
        message = f"condition is {record.condition or 'null'}, the votes are {', '.join(record.votes)}"
        yield _error("not_the_majority", record, message)
    if known and record.condition:
        yield from _check_plausible(record, record.condition, category)


def _check_plausible(record: Record, condition: str, category: Category) -> Iterator[DatasetFinding]:
    """A condition better than a defect on the same photo allows: one of the two labels is in doubt."""
    rank = category.condition_names.index
    types = {*record.defect_codes, *(d.type for d in record.defects)}
    for defect in category.defect_types:
        if defect.name in types and rank(condition) < rank(defect.implies):
            message = f"{condition}, but '{defect.name}' implies {defect.implies} at best"
            yield DatasetFinding("warning", "condition_against_defect", record.id, message)


def _check_sizes(records: Sequence[Record]) -> Iterator[DatasetFinding]:
    """Said once for all of them: there may be hundreds."""
    small = [record for record in records if is_too_small(record)]
    if small:
        count = "1 photo is" if len(small) == 1 else f"{len(small)} photos are"
        message = (
            f"{count} smaller than {MIN_SHORT_SIDE} pixels: serving sends such photos back, and training leaves them "
            "out unless told to --keep-small"
        )
        yield DatasetFinding("warning", "too_small", _ids(small), message)


def _grouped(records: Iterable[Record], key: Callable[[Record], object]) -> list[tuple[object, list[Record]]]:
    groups: dict[object, list[Record]] = defaultdict(list)
    for record in records:
        groups[key(record)].append(record)
    return [(value, members) for value, members in groups.items() if len(members) > 1]


def _ids(records: Iterable[Record]) -> str:
    return ", ".join(record.id for record in records)


def _check_identity(records: Sequence[Record]) -> Iterator[DatasetFinding]:
    for value, same in _grouped(records, lambda r: r.id):
        yield DatasetFinding("error", "duplicate_id", str(value), f"the id stands {len(same)} times")
    for _, same in _grouped(records, lambda r: r.sha256):
        conditions = {r.condition for r in same}
        doubt = f", labelled {' and '.join(sorted(map(str, conditions)))}" if len(conditions) > 1 else ""
        message = f"the same photo stands {len(same)} times{doubt}"
        yield DatasetFinding("error", "duplicate_photo", _ids(same), message)


def _check_splits(records: Sequence[Record]) -> Iterator[DatasetFinding]:
    """Leakage: what a model saw in training must not be met again in the test."""
    for check, what, key in (
        ("group_in_two_splits", "group", lambda r: r.group),
        ("photo_in_two_splits", "photo", lambda r: r.sha256),
        ("photo_in_two_splits", "original", lambda r: (r.repo, r.blob) if r.blob else r.id),
    ):
        for value, same in _grouped(records, key):
            splits = Counter(r.split for r in same)
            if len(splits) > 1:
                shares = ", ".join(f"{count} in {split}" for split, count in splits.items())
                name = "/".join(value) if isinstance(value, tuple) else value
                yield DatasetFinding("error", check, _ids(same), f"{what} {name}: {shares}; keep it in one split")
