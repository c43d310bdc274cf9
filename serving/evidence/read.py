"""The evidence of one inspection as it is stored, and whether the database still agrees with it."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, exists, select

from regrade.serving.base.errors import NotFoundError
from regrade.serving.base.i18n import Message
from regrade.serving.evidence.backfill import backfilled
from regrade.serving.evidence.bundle import make_bundle
from regrade.serving.evidence.keys import KeyRing
from regrade.serving.evidence.log import begin, chain_of
from regrade.serving.evidence.signer import Signer
from regrade.serving.evidence.steps import Finding
from regrade.serving.evidence.store_check import check_inspection
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import inspections


@dataclass(frozen=True, slots=True)
class Evidence:
    """A bundle of signed steps, and what is not as it was signed."""

    bundle: dict[str, Any]
    findings: tuple[Finding, ...]


def read_evidence(database: Database, signer: Signer, inspection_id: str) -> Evidence:
    """The evidence of an inspection; an old one that waits to be signed is signed now. Raises `NotFoundError`."""
    with database.read() as connection:
        waits = _waits(connection, inspection_id)
    if waits:
        with database.write() as connection:
            begin(connection, signer, inspection_id)
    with database.read() as connection:
        return evidence_of(connection, signer.known, inspection_id)


def evidence_of(connection: Connection, keys: KeyRing, inspection_id: str) -> Evidence:
    """The evidence of an inspection as it is stored. Raises `NotFoundError` where there is neither step nor row."""
    chain = chain_of(connection, inspection_id)
    if not chain and not _stored(connection, inspection_id):
        raise NotFoundError(Message("problem.no_inspection", {"inspection": inspection_id}))
    steps, findings = check_inspection(connection, keys, inspection_id)
    return Evidence(make_bundle(chain, steps, keys), tuple(findings))


def _waits(connection: Connection, inspection_id: str) -> bool:
    unsigned = not chain_of(connection, inspection_id) and _stored(connection, inspection_id)
    return unsigned and not backfilled(connection)


def _stored(connection: Connection, inspection_id: str) -> bool:
    return bool(connection.execute(select(exists().where(inspections.c.id == inspection_id))).scalar())
