"""Checks that what the database says of photos is true, and finds what no inspection needs."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlalchemy import select

from regrade.serving.base.errors import PhotoDamagedError
from regrade.serving.inspections.store import InspectionStore
from regrade.serving.storage.database import Database
from regrade.serving.storage.photostore import PhotoStore
from regrade.serving.storage.sqlite.check import full_check
from regrade.serving.storage.tables import PHOTO_TABLES, inspection_photos, inspections

READERS: Final = 8
"""Threads that read photos: each waits for a disk or a network."""
PART: Final = 500


@dataclass(frozen=True, slots=True)
class Use:
    """One place where a photo is used: the photo `position` of an inspection."""

    inspection: str
    rma: str
    position: int


@dataclass(frozen=True, slots=True)
class Report:
    """What was found of a store.

    `database` is what SQLite finds wrong with its file. `missing` and `damaged` are hashes that inspections need;
    `orphans` and `leftovers` may be removed. `incomplete` are ids of inspections whose photos are not numbered 0, 1, …
    without a gap. `uses` says which inspections need each missing or damaged photo.
    """

    inspections: int
    erased: int
    photos: int
    database: tuple[str, ...]
    missing: tuple[str, ...]
    damaged: tuple[str, ...]
    incomplete: tuple[str, ...]
    orphans: tuple[str, ...]
    leftovers: tuple[str, ...]
    uses: Mapping[str, tuple[Use, ...]]

    @property
    def sound(self) -> bool:
        """Whether every inspection has all its photos, whole, and the database is what it should be."""
        return not (self.database or self.missing or self.damaged or self.incomplete)


def verify_store(database: Database, photos: PhotoStore) -> Report:
    """Read every photo that an inspection has and compare it with its hash."""
    store = InspectionStore(database)
    # Files first: one that is published while we look is then at worst not yet known, never called an orphan
    # of a row that came later. (The removal of orphans still needs the server to be stopped.)
    present = set(photos.hashes())
    wanted = store.photo_hashes()
    missing: list[str] = []
    damaged: list[str] = []
    with ThreadPoolExecutor(READERS, thread_name_prefix="verify") as readers:
        for some in _parts(sorted(wanted)):
            for fault in filter(None, readers.map(partial(_fault_of, photos), some)):
                (missing if fault.missing else damaged).append(fault.sha256)
    return Report(
        inspections=store.count(),
        erased=store.count_erased(),
        photos=len(wanted),
        database=_looked_through(database),
        missing=tuple(missing),
        damaged=tuple(damaged),
        incomplete=_incomplete(database),
        orphans=tuple(sorted(present - wanted)),
        leftovers=tuple(photos.leftovers()),
        uses={sha256: _uses(database, sha256) for sha256 in (*missing, *damaged)},
    )


def remove_surplus(database: Database, photos: PhotoStore, report: Report) -> None:
    """Remove the orphans and leftovers of `report`. No server may be running on the store."""
    using = InspectionStore(database).using
    for some in _parts(report.orphans):
        photos.remove(some, using)
    photos.clear_leftovers(using)


def _fault_of(photos: PhotoStore, sha256: str) -> PhotoDamagedError | None:
    try:
        photos.examine(sha256)
    except PhotoDamagedError as error:
        return error
    return None


def _parts(hashes: Sequence[str]) -> Iterator[Sequence[str]]:
    """As many at once as a statement takes parameters, and as are waited for together."""
    return (hashes[start : start + PART] for start in range(0, len(hashes), PART))


def _looked_through(database: Database) -> tuple[str, ...]:
    if database.file is None:
        return ()
    with database.read() as connection:
        return full_check(connection)


def _uses(database: Database, sha256: str) -> tuple[Use, ...]:
    uses: list[Use] = []
    with database.read() as connection:
        for table in PHOTO_TABLES:
            query = (
                select(inspections.c.id, inspections.c.rma, table.c.position)
                .join(inspections, table.c.inspection_id == inspections.c.id)
                .where(table.c.sha256 == sha256)
                .order_by(inspections.c.created_at, inspections.c.id, table.c.position)
            )
            uses += (Use(row.id, row.rma, row.position) for row in connection.execute(query))
    return tuple(dict.fromkeys(uses))


def _incomplete(database: Database) -> tuple[str, ...]:
    positions: dict[str, list[int]] = {}
    with database.read() as connection:
        for (inspection_id,) in connection.execute(select(inspections.c.id)):
            positions[inspection_id] = []
        order = inspection_photos.c.position
        for row in connection.execute(select(inspection_photos.c.inspection_id, order).order_by(order)):
            positions[row.inspection_id].append(row.position)
    return tuple(sorted(key for key, found in positions.items() if not found or found != list(range(len(found)))))
