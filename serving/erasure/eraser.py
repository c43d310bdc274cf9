"""The erasure itself. It may be interrupted anywhere, and gone on with: nothing is half erased, no record is lost."""

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, delete, exists, func, insert, literal, select, update
from sqlalchemy.exc import SQLAlchemyError

from regrade.models.errors import RegradeError
from regrade.serving.access.audit import record_erasure
from regrade.serving.base.errors import NotFoundError
from regrade.serving.base.i18n import Message
from regrade.serving.erasure import records
from regrade.serving.erasure.fields import INDEXED, SELLERS, clear
from regrade.serving.erasure.pseudonyms import Pseudonyms
from regrade.serving.erasure.records import Actor
from regrade.serving.evidence import Signer, begin
from regrade.serving.inspections.selection import KEPT, Meant, held, photos_of
from regrade.serving.outbox.tables import events
from regrade.serving.outbox.writer import add as note
from regrade.serving.storage.database import Database
from regrade.serving.storage.photostore import PhotoStore
from regrade.serving.storage.sqlite import traces
from regrade.serving.storage.tables import inspections, reviews, tasks, unfinished_erasures

log = logging.getLogger("regrade")

INDEXES: Final = "indexes"
NAMES: Final = "names"
WHOLE_FILE: Final = ""
"""What stands among the unfinished erasures beside inspections: that copies of what was erased may be left in indexes,
or a seller's name in those that have one; and anything, in the file of a database from before there were erasures."""
_MARKS: Final = frozenset((INDEXES, NAMES, WHOLE_FILE))
BATCH: Final = 25
"""Inspections erased in one transaction: some tens of milliseconds, for which others cannot write."""


class Eraser:
    """Erases inspections. Methods block on the database and the disk; several processes may erase at once.

    `forget` removes what is cached of a photo.
    """

    def __init__(
        self,
        database: Database,
        photos: PhotoStore,
        forget: Callable[[str], None],
        signer: Signer,
        pseudonyms: Pseudonyms,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._photos = photos
        self._forget = forget
        self._signer = signer
        self._pseudonyms = pseudonyms
        self._now = now
        # Several who erase at once need not clear the database's files each for themselves.
        self._finishing = threading.Lock()

    def erase(self, inspection_id: str, by: Actor, reason: str | None = None) -> bool:
        """Erase one inspection; returns whether there was need: it may have been erased before.

        Raises `NotFoundError`. When this returns, the erasure lasts, and nothing of what was erased is left but what
        `finish` may leave for later.
        """
        erased = self._erase([inspection_id], by, reason)
        self.finish(patient=False)
        return erased == 1

    def erase_all(self, meant: Meant, by: Actor, reason: str | None = None, *, batch: int = BATCH) -> Iterator[int]:
        """Erase what is `meant`, a batch at a time, and tell after each how many that were. `finish` is to be called
        afterwards, also where it was stopped in between."""
        while ids := self._some(meant, batch):
            self._erase(ids, by, reason)
            self._remove_photos(ids)
            yield len(ids)

    def finish(self, *, patient: bool = True) -> bool:
        """Do what is left to do of erasures: remove photos, and make the database's files clear of traces.

        False where some of it is left for later: where a long reading keeps the log from being emptied, and, unless
        `patient`, where indexes are so large that others would notice how they are built anew.
        """
        with self._finishing:
            left = set(self._unfinished())
            ids = left - _MARKS
            now = patient or traces.quick_to_build(self._database, inspections.c.id)
            if not ids and not (left and now):
                return not left
            self._remove_photos(sorted(ids))
            marks = left - ids | ({INDEXES} if ids else set())
            if not traces.empty_log(self._database):
                return False
            if now:
                marks = marks - self._clear_indexes(marks)
                if not traces.empty_log(self._database):
                    return False
            self._note_done(left, marks)
            return not marks

    def try_to_finish(self) -> None:
        """As `finish`, for a service that starts: where it cannot be done now, that is no reason not to."""
        try:
            self.finish()
        except (RegradeError, SQLAlchemyError) as error:
            log.warning("what was erased is cleared away later: %s", error)

    def rename(self, seller: str) -> bool:
        """Put a pseudonym in place of a seller's name in all that was erased, and in what is kept of its tasks.

        False, and nothing done, where an inspection of the seller's is not erased: figures would fall apart.
        """
        name = self._pseudonyms.of_seller(seller)
        with self._database.write() as connection:
            if connection.execute(select(exists().where(KEPT, inspections.c.seller == seller))).scalar():
                return False
            _rename_rubrics(connection, seller, name)
            for table in (inspections, tasks, events):
                connection.execute(update(table).where(table.c.seller == seller).values(seller=name))
            _remember(connection, NAMES)
        self.finish()
        return True

    def _some(self, meant: Meant, batch: int) -> Sequence[str]:
        with self._database.read() as connection:
            return meant.first(connection, batch)

    def _erase(self, ids: Iterable[str], by: Actor, reason: str | None) -> int:
        with self._database.write() as connection:
            return sum(self._erase_one(connection, inspection_id, by, reason) for inspection_id in ids)

    def _erase_one(self, connection: Connection, inspection_id: str, by: Actor, reason: str | None) -> bool:
        if records.known(connection, inspection_id):
            return False
        query = select(inspections).where(inspections.c.id == inspection_id).with_for_update()
        if (row := connection.execute(query).first()) is None:
            raise NotFoundError(Message("problem.no_inspection", {"inspection": inspection_id}))
        now, photos = self._now(), _photos_of(connection, [inspection_id])
        kept = held(connection, photos, but=inspection_id)
        begin(connection, self._signer, inspection_id)
        fields = clear(connection, row, now, self._pseudonyms)
        records.add(connection, self._signer, inspection_id, now, by, reason, fields=fields, photos=photos, kept=kept)
        record_erasure(connection, now, by.name, by.key_id, inspection_id)
        connection.execute(insert(unfinished_erasures).values(inspection_id=inspection_id))
        about = {name: getattr(row, name) for name in ("revision", "status", "seller", "station")}
        note(connection, "inspection.erased", now, inspection_id=inspection_id, **about)
        return True

    def _unfinished(self) -> Sequence[str]:
        with self._database.read() as connection:
            return connection.execute(select(unfinished_erasures.c.inspection_id)).scalars().all()

    def _clear_indexes(self, marks: set[str]) -> set[str]:
        """Clear away what `marks` stand for; returns those that are done with."""
        if WHOLE_FILE in marks:
            log.info("writing the database anew, once, so that nothing that was deleted is left in it")
            return marks if traces.write_anew(self._database) else set()
        if marks:
            traces.build_indexes(self._database, (*INDEXED, *SELLERS) if NAMES in marks else INDEXED)
        return marks

    def _note_done(self, done: set[str], marks: set[str]) -> None:
        """Forget the unfinished erasures `done`, and remember `marks` in their place."""
        with self._database.write() as connection:
            for some in _parts(sorted(done)):
                connection.execute(delete(unfinished_erasures).where(unfinished_erasures.c.inspection_id.in_(some)))
            for mark in sorted(marks):
                _remember(connection, mark)

    def _remove_photos(self, ids: Sequence[str]) -> None:
        hashes: set[str] = set()
        with self._database.read() as connection:
            for some in _parts(ids):
                hashes.update(_photos_of(connection, some))
        # All together: every folder of the store is then locked and synced but once.
        self._photos.remove(hashes, self._held)
        for sha256 in hashes - self._held(hashes):
            self._forget(sha256)

    def _held(self, hashes: Collection[str]) -> set[str]:
        with self._database.read() as connection:
            return {one for some in _parts(sorted(hashes)) for one in held(connection, some)}


def _remember(connection: Connection, mark: str) -> None:
    there = select(unfinished_erasures).where(unfinished_erasures.c.inspection_id == mark)
    if connection.execute(there).first() is None:
        connection.execute(insert(unfinished_erasures).values(inspection_id=mark))


def _parts(ids: Sequence[str], size: int = 500) -> Iterator[Sequence[str]]:
    """As many at once as a statement takes parameters."""
    return (ids[start : start + size] for start in range(0, len(ids), size))


def _photos_of(connection: Connection, ids: Sequence[str]) -> list[str]:
    return sorted(connection.execute(photos_of(ids)).scalars())


def _rename_rubrics(connection: Connection, seller: str, name: str) -> None:
    """A seller's own rubric is called by the seller's name, `acme/toys@2`."""
    own = f"{seller}/"
    theirs = select(inspections.c.id).where(inspections.c.seller == seller)
    named = (func.substr(reviews.c.rubric, 1, len(own)) == own, reviews.c.inspection_id.in_(theirs))
    called = literal(f"{name}/") + func.substr(reviews.c.rubric, len(own) + 1)
    connection.execute(update(reviews).where(*named).values(rubric=called))
