"""The log of steps: how one is appended, read, and freed of what is personal in it.

    with database.write() as connection:
        begin(connection, signer, inspection_id)      # before anything of the inspection is changed
        ...                                           # change rows
        withhold(connection, inspection_id, but=("by.name",))
        append_step(connection, signer, inspection_id, "erased", {"by": …, "reason": …, "photos_erased": […]})

A step is stored in the transaction of what it tells of: either both are there after a crash, or neither.
"""

import json
import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select, update

from regrade.serving.base.errors import DataDirError
from regrade.serving.evidence.head import Head
from regrade.serving.evidence.keys import SignatureError, UnknownKeyError
from regrade.serving.evidence.sealed import plain, seal
from regrade.serving.evidence.signer import Signer
from regrade.serving.evidence.statements import as_stored, moment
from regrade.serving.evidence.steps import FIRST, FORMAT, Signed, Step, open_chain
from regrade.serving.evidence.view import view_of
from regrade.serving.storage.database import Database, after_commit
from regrade.serving.storage.tables import evidence_disclosures, evidence_head, evidence_steps

log = logging.getLogger("regrade")

Body = Mapping[str, Any]

ROTATED: Final = "rotated"
"""The kind of the step of the log that ends the use of a key."""


def append_step(
    connection: Connection, signer: Signer, inspection_id: str, kind: str, body: Body, *, at: datetime | None = None
) -> int:
    """Sign what has just been done to an inspection and append it to its steps; returns the step's place among them.

    `kind` is a word of at most 16 letters; `body` holds JSON values, and `Personal(value)` for members of its objects
    that must be possible to erase (in the clear: key ids, roles, hashes, codes; `Personal`: names, notes, what a
    client wrote). A member `status` is the status that the inspection has from now on. `at` is when it was done, now
    where None.

    Belongs into the transaction of the change itself, and after it; where nothing of the inspection is signed yet
    (an old one), `begin` must come before the change. For `kind` "erased" call `withhold` first: which personal fields
    are gone is added to `body` here; `photos_erased` in it are the SHA-256 of photos whose files are gone.
    """
    if kind not in FIRST:
        begin(connection, signer, inspection_id)
    head = _lock(connection)
    chain = [] if kind in FIRST else chain_of(connection, inspection_id)
    before, _ = open_chain(chain, signer.known, inspection_id) if chain else ([], [])
    if kind == "erased":
        body = {**body, "withheld": sorted({digest for step in before for digest in step.withheld})}
    place = {"inspection": inspection_id, "seq": len(chain), "prev": chain[-1].sha256 if chain else None}
    _append(connection, signer, head, {"kind": kind, **place}, body, at, before)
    return len(chain)


def begin(connection: Connection, signer: Signer, inspection_id: str) -> bool:
    """Sign an inspection as it is stored, where nothing of it is signed yet: one of before steps were signed.

    The step bears witness of how the inspection was found, not of how it was graded. Returns whether there was need.
    """
    if _begun(connection, inspection_id):
        return False
    _lock(connection)
    if _begun(connection, inspection_id):  # somebody else was faster
        return False
    append_step(connection, signer, inspection_id, "recorded_before", as_stored(connection, inspection_id))
    return True


def append_log_step(connection: Connection, signer: Signer, kind: str, body: Body) -> None:
    """Sign and append something that concerns the log itself and no inspection."""
    place = {"inspection": None, "seq": 0, "prev": None}
    _append(connection, signer, _lock(connection), {"kind": kind, **place}, body, None, ())


def retire_key(database: Database, old: Signer, directory: Path) -> Signer:
    """Put a new key in place of `old`, in the folder of keys, and let `old` say so itself; returns the new one."""
    # The key first: a crash in between leaves one that nobody has retired, never a retired one in use.
    new = Signer.renew(directory)
    with database.write() as connection:
        append_log_step(connection, old, ROTATED, {"from": old.key_id, "to": new.public_key.jwk})
    return new


def withhold(
    connection: Connection, inspection_id: str, paths: Collection[str] | None = None, *, but: Collection[str] = ()
) -> list[str]:
    """Delete what is personal in the steps of an inspection, for good; returns the paths, such as `item.rma`.

    All of it where `paths` is None, but for paths that are or end like one of `but` (`by.name` leaves the names of who
    sent and decided, `item.station` the station). An "erased" step must follow in the same transaction, or it looks
    like tampering.
    """
    mine = evidence_disclosures.c.inspection_id == inspection_id
    there = connection.execute(select(evidence_disclosures.c.path).where(mine).distinct()).scalars()
    kept = tuple(f".{one}" for one in but)
    gone = sorted(one for one in there if (paths is None or one in paths) and not f".{one}".endswith(kept))
    connection.execute(delete(evidence_disclosures).where(mine, evidence_disclosures.c.path.in_(gone)))
    return gone


def chain_of(connection: Connection, inspection_id: str) -> list[Signed]:
    """The steps of an inspection as they are stored, in order; unchecked."""
    return chains_of(connection, [inspection_id])[inspection_id]


def chains_of(connection: Connection, inspection_ids: Iterable[str]) -> dict[str, list[Signed]]:
    """The steps of some inspections as they are stored, in order; an empty list for those that have none."""
    ids = list(inspection_ids)
    left: dict[int, list[str]] = defaultdict(list)
    kept = select(evidence_disclosures).where(evidence_disclosures.c.inspection_id.in_(ids))
    for row in connection.execute(kept.order_by(evidence_disclosures.c.log_index, evidence_disclosures.c.path)):
        left[row.log_index].append(str(row.disclosure))
    chains: dict[str, list[Signed]] = {one: [] for one in ids}
    steps = select(evidence_steps).where(evidence_steps.c.inspection_id.in_(ids)).order_by(evidence_steps.c.seq)
    for row in connection.execute(steps):
        # str: what other hands have put there may be of any kind in SQLite, and is to be found, not stumbled over.
        texts = tuple(left[row.log_index])
        chains[row.inspection_id].append(Signed(str(row.jws), texts, str(row.view_signature)))
    return chains


def head_of(connection: Connection) -> Head:
    """The newest step as the database has it; its index is -1 where there is none, and -2 where that is not noted."""
    row = connection.execute(select(evidence_head)).first()
    return Head(-2, None) if row is None else Head(row.log_index, row.sha256)


def notice_loss(database: Database, signer: Signer) -> None:
    """Say so where the log ends before the step that is kept beside the keys, and keep what was known of it there.

    It means that the end of the database is lost or cut off, or that a backup was restored. `regrade store verify`
    goes on reporting it.
    """
    if signer.head is None or signer.head.index < 0:
        return
    with database.read() as connection:
        found = head_of(connection)
    if found.index < signer.head.index:
        known, kept = signer.head.index, signer.head.give_up()
        log.error(
            "the database has %d signed steps fewer than were stored: decisions are lost, unless you have restored an "
            "older backup on purpose; `regrade store verify` reports it until you remove %s",
            known - found.index,
            kept,
        )


def refuse_other_site(database: Database, signer: Signer) -> None:
    """Raise `DataDirError` where a database that several services share was last signed with a key that is not among
    those of this data directory: it is that of another site, and photos and keys are elsewhere."""
    if not database.shared:
        return
    newest = select(evidence_steps.c.jws).order_by(evidence_steps.c.log_index.desc()).limit(1)
    with database.read() as connection:
        jws = connection.execute(newest).scalar()
    try:
        if jws is not None:
            signer.known.check(jws)
    except SignatureError:
        return  # tampered with, which `regrade store verify` reports
    except UnknownKeyError as error:
        raise DataDirError(
            f"The database is another data directory's: its evidence is signed with a key that is not in "
            f"{signer.directory}. All services on one database share one data directory. Should that key be lost for "
            "good, put its public half there."
        ) from error


def _lock(connection: Connection) -> Head:
    """The newest step; nobody else appends one until the transaction ends."""
    row = connection.execute(select(evidence_head).with_for_update()).one()
    return Head(row.log_index, row.sha256)


def _begun(connection: Connection, inspection_id: str) -> bool:
    query = select(evidence_steps.c.log_index).where(evidence_steps.c.inspection_id == inspection_id)
    return connection.execute(query.limit(1)).first() is not None


def _step(claims: Mapping[str, Any], key_id: str, made: Signed) -> Step:
    """The step that is just being signed, as opening it would give it."""
    place = (claims["kind"], claims["inspection"], claims["seq"], claims["prev"])
    logged = (claims["log"]["index"], claims["log"]["prev"])
    return Step(*place, *logged, claims["at"], plain(claims["body"]), key_id, made.sha256)


def _append(
    connection: Connection,
    signer: Signer,
    head: Head,
    place: Mapping[str, Any],
    body: Body,
    at: datetime | None,
    before: Sequence[Step],
) -> None:
    index = head.index + 1
    logged = {"index": index, "prev": head.sha256}
    claims = {"format": FORMAT, **place, "log": logged, "at": moment(at or datetime.now(UTC)), "body": body}
    sealed, disclosures = seal(claims)
    payload = json.dumps(sealed, separators=(",", ":"), allow_nan=False).encode()
    made = Signed(signer.sign(payload), tuple(one.text for one in disclosures))
    own = {"inspection_id": place["inspection"], "kind": place["kind"], "jws": made.jws, "log_index": index}
    if place["inspection"] is None:
        own |= {"seq": None, "view_signature": None}
    else:
        view = view_of([*before, _step(claims, signer.key_id, made)])
        own |= {"seq": place["seq"], "view_signature": signer.sign_canonical(view)}
    connection.execute(insert(evidence_steps).values(own))
    kept = {"log_index": index, "inspection_id": place["inspection"]}
    # Within the body: `body.` before every path would tell nobody anything.
    rows = [{**kept, "path": one.path.removeprefix("body."), "disclosure": one.text} for one in disclosures]
    if rows:
        connection.execute(insert(evidence_disclosures), rows)
    connection.execute(update(evidence_head).values(log_index=index, sha256=made.sha256))
    if signer.head is not None:
        after_commit(connection, "evidence-head", partial(signer.head.advance, index, made.sha256))
