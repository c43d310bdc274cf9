"""The records of erasures: a signed step of the inspection's evidence, and a row that says the same.

The step, of the kind `erased`, says

| member | meaning |
|---|---|
| `by`, `reason` | who erased it (`key_id`, `role` and `name`; the name alone without a key), and why |
| `fields` | what was taken out of the steps before, such as `item.rma`; `withheld` are the digests of it |
| `photos_erased`, `photos_kept` | the SHA-256 of its photos; those that another inspection has too stay for that one |

Like every step it is chained to the one before, and among all steps of the installation.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, func, insert, select

from regrade.serving.access.keys import ApiKey
from regrade.serving.evidence import Personal, Signer, append_step
from regrade.serving.evidence.log import chain_of
from regrade.serving.storage.tables import erasures, inspection_photos


@dataclass(frozen=True, slots=True)
class Actor:
    """Who erases: the holder of a key, somebody at this machine's command line, or the retention setting."""

    name: str
    key_id: str | None = None
    role: str | None = None

    @classmethod
    def of_key(cls, key: ApiKey) -> "Actor":
        """The holder of `key`."""
        return cls(key.name, key.id, key.role)


RETENTION: Final = Actor("retention")


@dataclass(frozen=True, slots=True)
class Erasure:
    """One record. `step` is the signed one, as evidence has it (an SD-JWT)."""

    inspection_id: str
    at: datetime
    key_id: str | None
    name: str
    reason: str | None
    photos: int
    step: str


def add(
    connection: Connection,
    signer: Signer,
    inspection_id: str,
    at: datetime,
    by: Actor,
    reason: str | None,
    *,
    fields: Sequence[str],
    photos: Collection[str],
    kept: Collection[str],
) -> None:
    """Sign and add the record of erasing an inspection, which has just been done; `kept` are those of its `photos` that
    others have too."""
    who = {"key_id": by.key_id, "role": by.role, "name": Personal(by.name)}
    gone = {"photos_erased": sorted(set(photos) - set(kept)), "photos_kept": sorted(kept)}
    body = {"by": who, "reason": reason, "fields": list(fields), **gone}
    seq = append_step(connection, signer, inspection_id, "erased", body, at=at)
    own = {"inspection_id": inspection_id, "at": at, "key_id": by.key_id, "name": by.name}
    connection.execute(insert(erasures).values(**own, reason=reason, seq=seq))


def known(connection: Connection, inspection_id: str) -> bool:
    """Whether an inspection was erased."""
    query = select(erasures.c.seq).where(erasures.c.inspection_id == inspection_id)
    return connection.execute(query).first() is not None


def since(connection: Connection, moment: datetime | None) -> Iterator[Erasure]:
    """All records from `moment` on (all there are where None), oldest first."""
    photos = select(func.count()).where(inspection_photos.c.inspection_id == erasures.c.inspection_id)
    query = select(erasures, photos.scalar_subquery().label("photos"))
    if moment is not None:
        query = query.where(erasures.c.at >= moment)
    for row in connection.execute(query.order_by(erasures.c.at, erasures.c.inspection_id)).all():
        chain = chain_of(connection, row.inspection_id)
        step = chain[row.seq].text if row.seq < len(chain) else ""
        yield Erasure(row.inspection_id, row.at, row.key_id, row.name, row.reason, row.photos, step)
