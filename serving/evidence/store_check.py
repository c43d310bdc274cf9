"""Checks all evidence of an installation: the order of all steps, each of them, and every row against its steps."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, exists, select

from regrade.models.errors import RegradeError
from regrade.serving.evidence.backfill import DONE
from regrade.serving.evidence.head import FILE, Head, lost_heads, read_head
from regrade.serving.evidence.keys import KeyRing, sha256
from regrade.serving.evidence.log import ROTATED, chains_of, head_of
from regrade.serving.evidence.rows import Rows, compare, rows_of
from regrade.serving.evidence.steps import Finding, Signed, Step, open_chain, open_step, trusted_step
from regrade.serving.evidence.view import view_of
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import evidence_steps, inspections

AT_ONCE = 200
"""Inspections that are read together."""


@dataclass(frozen=True, slots=True)
class EvidenceReport:
    """`steps` signed steps; of the inspections `later` were signed after an upgrade, and `waiting` are still to be.
    `findings` are what is not as it was signed."""

    steps: int
    later: int
    waiting: int
    findings: tuple[Finding, ...]


def check_evidence(database: Database, keys_dir: Path) -> EvidenceReport:
    """Check the steps and rows of a whole database with the keys in `keys_dir`; a server may be running."""
    keys = KeyRing.load(keys_dir)
    # Before anything of the database is read: what is decided meanwhile is not taken for lost.
    heads, findings = _kept_heads(keys_dir, keys)
    with database.read() as connection:
        log = _Log(keys)
        query = select(evidence_steps).order_by(evidence_steps.c.log_index)
        for row in connection.execution_options(yield_per=AT_ONCE).execute(query):
            log.take(row)
        findings += [*log.findings, *_tail(connection, log, heads)]
        later = waiting = 0
        for ids in _batches(connection):
            for inspection_id, (steps, found) in _check(connection, keys, ids).items():
                if not steps and log.closed is None and _nothing(found):
                    waiting += 1
                    continue
                later += bool(steps) and steps[0].kind == "recorded_before"
                findings += [*found, *log.out_of_time(inspection_id, steps)]
    return EvidenceReport(log.count, later, waiting, tuple(findings))


def check_inspection(connection: Connection, keys: KeyRing, inspection_id: str) -> tuple[list[Step], list[Finding]]:
    """The sound steps of one inspection, and what of it is not as it was signed."""
    return _check(connection, keys, [inspection_id])[inspection_id]


def _check(connection: Connection, keys: KeyRing, ids: Sequence[str]) -> dict[str, tuple[list[Step], list[Finding]]]:
    rows, chains = _rows(connection, ids), chains_of(connection, ids)
    checked = {}
    for inspection_id in ids:
        chain, stored = chains[inspection_id], rows[inspection_id]
        steps, findings = open_chain(chain, keys, inspection_id)
        if not findings and not view_is_signed(steps, chain[-1], keys):
            findings.append(Finding("changed-view", "its readable form is not the one that was signed", inspection_id))
        findings += [stored] if isinstance(stored, Finding) else compare(inspection_id, steps, stored)
        checked[inspection_id] = steps, findings
    return checked


def _rows(connection: Connection, ids: Sequence[str]) -> Mapping[str, Rows | Finding]:
    """The rows of some inspections; a finding where one holds what the service never wrote, such as no date."""
    try:
        return rows_of(connection, ids)
    except (ValueError, TypeError) as error:
        if len(ids) > 1:
            return {one: found for each in ids for one, found in _rows(connection, [each]).items()}
        return {ids[0]: Finding("changed-row", f"its rows cannot be read: {error}", ids[0])}


def view_is_signed(steps: Sequence[Step], last: Signed, keys: KeyRing) -> bool:
    """Whether the signature that was made with the last of `steps` is that of their readable form."""
    return keys.check_canonical(steps[-1].key_id, view_of(steps), last.view_signature or "")


@dataclass(slots=True)
class _Log:
    """Goes through the log in order: whether each step names the one before it, and what changed meanwhile.

    Signatures are checked with the inspections, but for those of the log's own steps.
    """

    keys: KeyRing
    count: int = 0
    last: Head = field(default_factory=lambda: Head(-1, None))
    closed: int | None = None
    """Where all that was there before steps were signed had been signed."""
    retired: dict[str, int] = field(default_factory=dict)
    """Where keys were used for the last time."""
    findings: list[Finding] = field(default_factory=list)

    def take(self, row: Row[Any]) -> None:
        expected, self.count = self.last.index + 1, self.count + 1
        if row.log_index > expected:
            lost = f"step {expected}" if row.log_index == expected + 1 else f"steps {expected} to {row.log_index - 1}"
            self.findings.append(Finding("missing-step", f"{lost} of the log are gone", row.inspection_id))
        step = self._step(row)
        if step is not None and row.log_index == expected and step.log_prev != self.last.sha256:
            self._add(row, "misplaced-step", "does not name the one before it")
        if step is not None and _columns(row) != (step.log_index, step.inspection, step.kind, _seq(step)):
            self._add(row, "misplaced-step", "is not the one that its columns tell of")
        if step is not None and step.inspection is None:
            self._own(row, step)
        self.last = Head(row.log_index, sha256(str(row.jws)))

    def out_of_time(self, inspection_id: str, steps: Sequence[Step]) -> Iterator[Finding]:
        """Steps that were signed when that could not be any more."""
        for step in steps:
            if self.retired.get(step.key_id, step.log_index) < step.log_index:
                what = f"step {step.seq} is signed by the key {step.key_id} after that had been replaced"
                yield Finding("retired-key", what, inspection_id)
            if step.kind == "recorded_before" and self.closed is not None and step.log_index > self.closed:
                what = "it appeared after all old inspections had been signed, and was not signed when it was graded"
                yield Finding("signed-late", what, inspection_id)

    def _step(self, row: Row[Any]) -> Step | None:
        signed = Signed(str(row.jws))
        try:
            return trusted_step(signed) if row.inspection_id is not None else open_step(signed, self.keys)
        except (RegradeError, ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
            if row.inspection_id is None:
                self._add(row, "changed-step", f"is not as it was signed ({error})")
            return None

    def _own(self, row: Row[Any], step: Step) -> None:
        if step.kind == DONE and self.closed is None:
            self.closed = row.log_index
        elif step.kind == ROTATED:
            self.retired[str(step.body["from"])] = row.log_index

    def _add(self, row: Row[Any], code: Any, what: str) -> None:
        self.findings.append(Finding(code, f"step {row.log_index} of the log {what}", row.inspection_id))


def _columns(row: Row[Any]) -> tuple[Any, ...]:
    return row.log_index, row.inspection_id, row.kind, row.seq


def _seq(step: Step) -> int | None:
    return None if step.inspection is None else step.seq


def _nothing(findings: Sequence[Finding]) -> bool:
    """Whether no more is wrong with an inspection than that nothing of it is signed."""
    return [finding.code for finding in findings] == ["unsigned-row"]


def _kept_heads(keys_dir: Path, keys: KeyRing) -> tuple[list[Head], list[Finding]]:
    """How far the log has come by what is kept beside the keys."""
    lost = lost_heads(keys_dir, keys)
    findings = [Finding("lost-tail", _lost(head)) for head in lost]
    try:
        head = read_head(keys_dir / FILE, keys)
    except (RegradeError, ValueError, KeyError, TypeError) as error:
        return [], [*findings, Finding("changed-head", f"{FILE} beside the keys is damaged: {error}")]
    return [] if head is None else [head], findings


def _lost(head: Head) -> str:
    return (
        f"the service found the log of steps cut off when it started: step {head.index} was signed by {head.at}. "
        f"If you have restored a backup on purpose, remove evidence-lost-{head.index}.jws beside the keys"
    )


def _tail(connection: Connection, log: _Log, heads: Sequence[Head]) -> Iterator[Finding]:
    if head_of(connection) != log.last:
        yield Finding("lost-tail", f"the log ends at step {log.last.index}, and was written further")
    for head in heads:
        query = select(evidence_steps.c.jws).where(evidence_steps.c.log_index == head.index)
        jws = connection.execute(query).scalar()
        if head.index > log.last.index:
            what = f"the log ends at step {log.last.index}, and step {head.index} was signed by {head.at}"
            yield Finding("lost-tail", what)
        elif jws is not None and sha256(str(jws)) != head.sha256:
            yield Finding("misplaced-step", f"step {head.index} of the log is another than was signed by {head.at}")


def _batches(connection: Connection) -> Iterator[list[str]]:
    """The ids of all inspections that there are, and of those that there are only steps of."""
    last = ""
    query = select(inspections.c.id).order_by(inspections.c.id).limit(AT_ONCE)
    while ids := list(connection.execute(query.where(inspections.c.id > last)).scalars()):
        yield ids
        last = ids[-1]
    known = exists().where(inspections.c.id == evidence_steps.c.inspection_id).correlate(evidence_steps)
    mine = evidence_steps.c.inspection_id
    gone = select(mine).where(mine.is_not(None), ~known).distinct()
    ids = list(connection.execute(gone).scalars())
    yield from (ids[at : at + AT_ONCE] for at in range(0, len(ids), AT_ONCE))
