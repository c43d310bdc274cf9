"""Checks that what the database says of photos is true, and finds what no inspection needs."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from regrade.serving.db import Database
from regrade.serving.errors import NotFoundError
from regrade.serving.photostore import LocalPhotoStore
from regrade.serving.store import InspectionStore
from regrade.serving.tables import inspection_photos, inspections


@dataclass(frozen=True, slots=True)
class Report:
    """`missing` and `damaged` are hashes that inspections need; `orphans` and `leftovers` may be removed.

    `incomplete` are ids of inspections whose photos are not numbered 0, 1, … without a gap.
    """

    inspections: int
    photos: int
    missing: tuple[str, ...]
    damaged: tuple[str, ...]
    incomplete: tuple[str, ...]
    orphans: tuple[str, ...]
    leftovers: tuple[Path, ...]

    @property
    def sound(self) -> bool:
        """Whether every inspection has all its photos, whole."""
        return not (self.missing or self.damaged or self.incomplete)


def verify_store(database: Database, photos: LocalPhotoStore) -> Report:
    """Read every photo that an inspection has and compare it with its hash."""
    store = InspectionStore(database)
    # Files first: one that is published while we look is then at worst not yet known, never called an orphan
    # of a row that came later. (The removal of orphans still needs the server to be stopped.)
    present = set(photos.hashes())
    wanted = store.photo_hashes()
    missing, damaged = [], []
    for sha256 in sorted(wanted):
        try:
            if hashlib.sha256(photos.read(sha256)).hexdigest() != sha256:
                damaged.append(sha256)
        except NotFoundError:
            missing.append(sha256)
    return Report(
        inspections=store.count(),
        photos=len(wanted),
        missing=tuple(missing),
        damaged=tuple(damaged),
        incomplete=_incomplete(database),
        orphans=tuple(sorted(present - wanted)),
        leftovers=tuple(photos.leftovers()),
    )


def remove_surplus(photos: LocalPhotoStore, report: Report) -> None:
    """Remove the orphans and leftovers of `report`. No server may be running on the store."""
    for sha256 in report.orphans:
        photos.path(sha256).unlink(missing_ok=True)
    for path in report.leftovers:
        path.unlink(missing_ok=True)


def _incomplete(database: Database) -> tuple[str, ...]:
    positions: dict[str, list[int]] = {}
    with database.read() as connection:
        for (inspection_id,) in connection.execute(select(inspections.c.id)):
            positions[inspection_id] = []
        order = inspection_photos.c.position
        for row in connection.execute(select(inspection_photos.c.inspection_id, order).order_by(order)):
            positions[row.inspection_id].append(row.position)
    return tuple(sorted(key for key, found in positions.items() if not found or found != list(range(len(found)))))
