"""Views of results that people saved under a name, for themselves or for all at the desk."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import delete, func, insert, or_, select, update

from regrade.serving.access.keys import ApiKey
from regrade.serving.base.errors import FieldFault, InvalidFieldsError, NotFoundError
from regrade.serving.base.i18n import Message
from regrade.serving.base.text_forms import Name
from regrade.serving.base.text_forms import name as fit_name
from regrade.serving.results.address import asked_of, columns_in, read, written
from regrade.serving.storage.database import Database
from regrade.serving.storage.records import new_id
from regrade.serving.storage.tables import api_keys, saved_views

MOST: Final = 50
"""Views that one person may have."""
LONGEST: Final = 100


@dataclass(frozen=True, slots=True)
class View:
    """A saved view; `query` are its filters and columns by name, `own` whether it is the asker's, `by` whose it is."""

    id: str
    name: str
    shared: bool
    query: Mapping[str, str]
    own: bool
    by: str


def views(database: Database, key: ApiKey) -> list[View]:
    """The views of whoever holds `key`, and those that others share, by name."""
    table = saved_views.c
    query = select(saved_views, api_keys.c.name.label("by")).join(api_keys, api_keys.c.id == table.key_id)
    with database.read() as connection:
        rows = connection.execute(query.where(or_(table.key_id == key.id, table.shared)).order_by(table.name, table.id))
        return [View(row.id, row.name, row.shared, read(row.query), row.key_id == key.id, row.by) for row in rows]


def save(database: Database, key: ApiKey, name: Name, query: Mapping[str, str], *, shared: bool) -> str:
    """Save a view, in place of the person's own of that name; its id. Raises `InvalidFieldsError`."""
    asked_of(query)
    columns_in(query)
    if not 1 <= len(name) <= LONGEST or not _can_be_shown(name):
        raise _fault("name", Message("fault.view_name", {"limit": LONGEST}))
    values = {"shared": shared, "query": written(query), "created_at": datetime.now(UTC)}
    table = saved_views.c
    with database.write() as connection:
        own = select(table.id).where(table.key_id == key.id, table.name == name)
        if (found := connection.execute(own).scalar()) is not None:
            connection.execute(update(saved_views).where(table.id == found).values(values))
            return str(found)
        count = select(func.count()).select_from(saved_views).where(table.key_id == key.id)
        if connection.execute(count).scalar_one() >= MOST:
            raise _fault("name", Message("fault.too_many_views", {"limit": MOST}))
        made = new_id()
        connection.execute(insert(saved_views).values(id=made, key_id=key.id, name=name, **values))
        return made


def _can_be_shown(given: str) -> bool:
    try:
        return given == fit_name(given)
    except ValueError:
        return False


def forget(database: Database, key: ApiKey, view_id: str) -> None:
    """Delete a view of the person's own; an admin may delete those that others share. Raises `NotFoundError`."""
    table = saved_views.c
    may = or_(table.key_id == key.id, table.shared) if key.role == "admin" else table.key_id == key.id
    with database.write() as connection:
        if not connection.execute(delete(saved_views).where(table.id == view_id, may)).rowcount:
            raise NotFoundError(Message("problem.no_view"))


def _fault(field: str, message: Message) -> InvalidFieldsError:
    return InvalidFieldsError("invalid-request", "request", [FieldFault(field, message)])
