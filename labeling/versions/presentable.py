"""The desk's photos as they may leave the installation: upright, without what their files tell of place and owner.

A dataset goes to labellers and to other machines, so a photo whose file says more than it shows goes into it without
that, under the hash of what is left. What is known of it under its own hash, its split above all, holds on.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from regrade.datasets.manifest import Record
from regrade.labeling.versions.decisions import DecidedPhoto, DeskDecision
from regrade.labeling.versions.ledger import Ledger
from regrade.labeling.versions.provenance import PhotoProvenance
from regrade.models.errors import PhotoError
from regrade.models.photos.intake import SUFFIXES
from regrade.models.photos.shown import whole_picture

Progress = Callable[[Sequence[DecidedPhoto]], Iterable[DecidedPhoto]]
Place = tuple[str, int]
"""An inspection, and a photo's index in it."""


@dataclass(frozen=True, slots=True)
class Presentable:
    """By the hash of a stored photo, what goes out in its place: a file and its hash. Others go as they are.

    `stored` is the hash of the photo at each place.
    """

    photos: Mapping[str, tuple[str, Path]]
    stored: Mapping[Place, str]

    def decisions(self, decisions: Iterable[DeskDecision]) -> list[DeskDecision]:
        """The decisions, of the photos that go out."""
        return [replace(one, photos=tuple(self._photo(photo) for photo in one.photos)) for one in decisions]

    def version(
        self, records: Iterable[Record], provenance: Mapping[str, PhotoProvenance]
    ) -> tuple[list[Record], Mapping[str, PhotoProvenance]]:
        """An earlier version, and where its labels come from, of the photos that go out now: then they may have been
        stored ones, or encoded otherwise."""
        new = {**self.photos, **self._seen(provenance)}
        rows = (replace(row, sha256=new[name][0]) if name in new else row for name, row in provenance.items())
        found = ((record, new.get(record.sha256)) for record in records)
        return (
            [record if out is None else replace(record, sha256=out[0], file=out[1]) for record, out in found],
            {row.sha256: row for row in rows},
        )

    def known(self, ledger: Ledger) -> Ledger:
        """What was handed out, of the photos that go out now."""
        handed = {new: ledger.photos[old] for old, (new, _) in self.photos.items() if old in ledger.photos}
        return replace(ledger, photos={**handed, **ledger.photos})

    def to_remember(self, ledger: Ledger) -> Ledger:
        """What is handed out, under the hashes of the stored photos too: those never change."""
        stored = {old: ledger.photos[new] for old, (new, _) in self.photos.items() if new in ledger.photos}
        return replace(ledger, photos={**stored, **ledger.photos})

    def _seen(self, provenance: Mapping[str, PhotoProvenance]) -> dict[str, tuple[str, Path]]:
        """By the hash of a photo of an earlier version what goes out now, where its labels say which photo it is."""
        places = ((name, (s.inspection, s.index)) for name, row in provenance.items() for s in row.inspections)
        stored = ((name, self.stored[place]) for name, place in places if place in self.stored)
        return {name: self.photos[sha256] for name, sha256 in stored if sha256 in self.photos}

    def _photo(self, photo: DecidedPhoto) -> DecidedPhoto:
        new = self.photos.get(photo.sha256)
        return photo if new is None else replace(photo, sha256=new[0], path=new[1])


def presentable(decisions: Sequence[DeskDecision], folder: Path, progress: Progress = iter) -> Presentable:
    """Make in `folder` what goes out of the photos of `decisions`.

    A photo that is gone, damaged or that cannot be read is left as it is: the export says so.
    """
    places = {(one.id, photo.index): photo for one in decisions for photo in one.photos}
    unique = list({photo.sha256: photo for photo in places.values()}.values())
    made = ((photo.sha256, _made(photo, folder)) for photo in progress(unique))
    return Presentable(
        {sha256: new for sha256, new in made if new is not None},
        {place: photo.sha256 for place, photo in places.items()},
    )


def _made(photo: DecidedPhoto, folder: Path) -> tuple[str, Path] | None:
    """What goes out in the place of a photo; None where that is its own file."""
    try:
        data = photo.path.read_bytes()
        if hashlib.sha256(data).hexdigest() != photo.sha256:
            return None
        picture = whole_picture(data, photo.media_type, (photo.width, photo.height))
    except (OSError, PhotoError):
        return None
    if picture.data == data:
        return None
    sha256 = hashlib.sha256(picture.data).hexdigest()
    path = folder / f"{sha256}{SUFFIXES[picture.media_type]}"
    path.write_bytes(picture.data)
    return sha256, path
