"""The evidence of one inspection as it is stored, and whether the database still agrees with it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, exists, select

from regrade.serving.base.errors import NotFoundError, RevisionErasedError
from regrade.serving.base.i18n import Message
from regrade.serving.evidence.backfill import backfilled
from regrade.serving.evidence.bundle import for_seller, make_bundle
from regrade.serving.evidence.keys import KeyRing
from regrade.serving.evidence.log import begin, chain_of
from regrade.serving.evidence.signer import Signer
from regrade.serving.evidence.steps import Finding, Step
from regrade.serving.evidence.store_check import check_inspection
from regrade.serving.storage.database import Database
from regrade.serving.storage.scope import seeing
from regrade.serving.storage.tables import inspections


@dataclass(frozen=True, slots=True)
class Evidence:
    """A bundle of signed steps, and what is not as it was signed."""

    bundle: dict[str, Any]
    findings: tuple[Finding, ...]


def read_evidence(
    database: Database,
    signer: Signer,
    inspection_id: str,
    revision: int | None = None,
    disclosed: Collection[str] | None = None,
) -> Evidence:
    """The evidence of an inspection; an old one that waits to be signed is signed now. With `disclosed`, what a seller
    is shown of it (see `for_seller`). Errors as of `evidence_of`."""
    with database.read() as connection:
        waits = _waits(connection, inspection_id)
    if waits:
        # Also where a seller asks for their own, who could not write it.
        with seeing(None), database.write() as connection:
            begin(connection, signer, inspection_id)
    with database.read() as connection:
        if disclosed is None:
            return evidence_of(connection, signer.known, inspection_id, revision)
        chain = chain_of(connection, inspection_id)
        found = evidence_of(connection, signer.known, inspection_id)
        return Evidence(for_seller(chain, signer.known, disclosed), found.findings)


def evidence_of(connection: Connection, keys: KeyRing, inspection_id: str, revision: int | None = None) -> Evidence:
    """The evidence of an inspection as it is stored: all of it, or what there was when `revision` was superseded.

    The latter can be checked by itself as well: each step is signed together with what those up to it say.
    Raises `NotFoundError` where there is neither step nor row, or no such revision, and `RevisionErasedError`.
    """
    chain = chain_of(connection, inspection_id)
    if not chain and not _stored(connection, inspection_id):
        raise NotFoundError(Message("problem.no_inspection", {"inspection": inspection_id}))
    steps, findings = check_inspection(connection, keys, inspection_id)
    if revision is not None:
        end = _end_of(steps, revision)
        chain, steps = chain[:end], steps[:end]
    return Evidence(make_bundle(chain, steps, keys), tuple(findings))


def _end_of(steps: Sequence[Step], revision: int) -> int | None:
    """How many of `steps` there were when `revision` was superseded; None for the one that stands."""
    begun = {step.body["revision"]: place for place, step in enumerate(steps) if step.kind == "regraded"}
    last = max(begun, default=1)
    if not 1 <= revision <= last:
        raise NotFoundError(Message("problem.no_revision", {"revision": revision, "last": last}))
    if revision == last:
        return None
    end = begun[revision + 1]
    # What was withheld since is missing in earlier steps, and only the step that says so makes that no tampering.
    if any(step.kind == "erased" for step in steps[end:]):
        raise RevisionErasedError(Message("problem.revision_erased", {"revision": revision}))
    return end


def _waits(connection: Connection, inspection_id: str) -> bool:
    unsigned = not chain_of(connection, inspection_id) and _stored(connection, inspection_id)
    return unsigned and not backfilled(connection)


def _stored(connection: Connection, inspection_id: str) -> bool:
    return bool(connection.execute(select(exists().where(inspections.c.id == inspection_id))).scalar())
