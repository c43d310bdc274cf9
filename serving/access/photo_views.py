"""Who looked at which photo: written down in batches, off the way of those who look.

A look at the same photo by the same person within a minute counts as one. What was noted is written within a second,
and when the service ends; `kill -9` or a loss of power loses at most what was noted in that second. An original is
written down before it is sent, so that none ever leaves without a line.
"""

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from sqlalchemy import Connection, Row, insert, select
from sqlalchemy.exc import SQLAlchemyError

from regrade.models.errors import RegradeError
from regrade.serving.access.keys import ApiKey
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import api_keys, photo_views

What = Literal["full", "thumbnail", "original"]

WITHIN: Final = 60.0
EVERY: Final = 1.0
"""Seconds: within which looks count as one, and after which they are written."""
LINK: Final = "link"
"""In place of a key, and of a role, where a photo was opened by a link."""
BATCH: Final = 500
MOST_WAITING: Final = 100_000
"""Looks that are kept while the database cannot be written; of more the oldest are lost, and that is logged."""
RETRY: Final = 5.0

log = logging.getLogger("regrade")


@dataclass(frozen=True, slots=True)
class PhotoView:
    """A look at the photo `photo` of an inspection by the holder of a key: its name, and its role then."""

    at: datetime
    key_id: str
    name: str
    role: str
    inspection_id: str
    photo: int
    what: What


class PhotoViews:
    """Notes looks, from any thread, and writes them from one of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[PhotoView] = []
        self._noted: dict[tuple[str, str, int, What], float] = {}
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._closed = False
        self._writer = threading.Thread(target=self._write_on, name="views", daemon=True)
        self._writer.start()

    def note(self, viewer: ApiKey, inspection_id: str, photo: int, what: What) -> None:
        """Note that `viewer` looks at a photo now; nothing is waited for."""
        self._note(_view(viewer, inspection_id, photo, what))

    def note_link(self, inspection_id: str, photo: int) -> None:
        """Note that somebody opens a link to a photo, which needs no key: it stands for whoever was given it."""
        self._note(PhotoView(datetime.now(UTC), LINK, "", LINK, inspection_id, photo, "full"))

    def _note(self, view: PhotoView) -> None:
        slot, now = (view.key_id, view.inspection_id, view.photo, view.what), time.monotonic()
        with self._changed:
            if now - self._noted.get(slot, -WITHIN) < WITHIN:
                return
            self._noted[slot] = now
            self._waiting.append(view)
            if len(self._waiting) in (1, BATCH):
                self._changed.notify()

    def record(self, viewer: ApiKey, inspection_id: str, photo: int, what: What) -> None:
        """Write a look down at once. Raises what the database raises: then nothing may be shown."""
        self._write([_view(viewer, inspection_id, photo, what)])

    def flush(self) -> None:
        """Write all that was noted, as far as the database lets it be written."""
        with self._writing:
            with self._changed:
                views, self._waiting = self._waiting, []
                horizon = time.monotonic() - WITHIN
                self._noted = {slot: at for slot, at in self._noted.items() if at > horizon}
            try:
                self._write(views)
            except (SQLAlchemyError, RegradeError) as error:
                self._keep(views, error)

    def of_inspection(self, inspection_id: str) -> list[PhotoView]:
        """The looks at the photos of one inspection, oldest first, the newest included."""
        self.flush()
        with self._database.read() as connection:
            return list(since(connection, None, inspection_id))

    def close(self) -> None:
        """Write what is left, and end."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._writer.join()
        self.flush()

    def _write_on(self) -> None:
        while not self._closed:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                self._changed.wait_for(lambda: len(self._waiting) >= BATCH or self._closed, EVERY)
            before = len(self._waiting)
            self.flush()
            if self._waiting and len(self._waiting) >= before:
                with self._changed:
                    self._changed.wait_for(lambda: self._closed, RETRY)

    def _write(self, views: list[PhotoView]) -> None:
        if views:
            with self._database.write(alongside="views") as connection:
                connection.execute(insert(photo_views), [_columns(view) for view in views])

    def _keep(self, views: list[PhotoView], error: Exception) -> None:
        with self._changed:
            self._waiting = [*views, *self._waiting]
            lost = max(0, len(self._waiting) - MOST_WAITING)
            del self._waiting[:lost]
        log.error("%d looks at photos wait to be written, %d are lost: %s", len(views), lost, error)


def since(connection: Connection, moment: datetime | None, inspection_id: str | None = None) -> Iterator[PhotoView]:
    """All looks from `moment` on (all there are where None), oldest first; of one inspection where one is named."""
    query = select(photo_views, api_keys.c.name).outerjoin(api_keys, api_keys.c.id == photo_views.c.key_id)
    if moment is not None:
        query = query.where(photo_views.c.at >= moment)
    if inspection_id is not None:
        query = query.where(photo_views.c.inspection_id == inspection_id)
    ordered = query.order_by(photo_views.c.at, photo_views.c.number)
    yield from map(_of_row, connection.execution_options(yield_per=1000).execute(ordered))


def _view(viewer: ApiKey, inspection_id: str, photo: int, what: What) -> PhotoView:
    return PhotoView(datetime.now(UTC), viewer.id, viewer.name, viewer.role, inspection_id, photo, what)


def _columns(view: PhotoView) -> dict[str, object]:
    columns = asdict(view)
    del columns["name"]  # the key has it
    return columns


def _of_row(row: Row[tuple[object, ...]]) -> PhotoView:
    return PhotoView(row.at, row.key_id, row.name or "", row.role, row.inspection_id, row.photo, row.what)
