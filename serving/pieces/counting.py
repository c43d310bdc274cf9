"""Counting the pieces of an item beside its grade: what the policy does with it follows from the count.

A count before anybody has decided makes the next revision of the inspection, of the same photos and the same grade.
Whoever decides counts in the decision itself (see `regrade.serving.review.decisions`).
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime

from regrade.models.grader import Grader
from regrade.models.pieces.types import Count, Piece, Pieces, same_pieces, spelt
from regrade.serving.access.keys import ApiKey
from regrade.serving.base.canonical import canonical_json
from regrade.serving.base.errors import RevisionError
from regrade.serving.base.i18n import Message
from regrade.serving.evidence import Provenance, Signer
from regrade.serving.grading.item_grading import SOFTWARE, status_of
from regrade.serving.inspections.regrade import Change, refuse_closed, regrade
from regrade.serving.inspections.store import FirstLooks, find
from regrade.serving.policy.stored import decide_stored
from regrade.serving.policy.terms import Policy
from regrade.serving.storage.database import Database
from regrade.serving.storage.records import Inspection


class Counting:
    """Records what was counted. Blocks on the database; `refuse_if_full` raises where there is no room for more."""

    def __init__(
        self,
        database: Database,
        policy: Callable[[], Policy],
        grader: Callable[[], Grader],
        first_look: FirstLooks,
        signer: Signer,
        refuse_if_full: Callable[[], None] = lambda: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database, self._policy, self._grader = database, policy, grader
        self._first_look, self._signer = first_look, signer
        self._refuse_if_full, self._now = refuse_if_full, now

    def count(self, inspection_id: str, by: ApiKey, found: Sequence[Piece]) -> tuple[Inspection, bool]:
        """Record that `found` is all that is there of an item, and decide on it anew by the policy in force. Returns
        the inspection, and whether the same had been counted already, which changes nothing.

        Raises `NotFoundError`, `ErasedError`, `StorageError`, and `RevisionError` where nothing is expected of the item
        or a person has decided on it.
        """
        policy, now = self._policy(), self._now()
        with self._database.write() as connection:
            before = find(connection, inspection_id, lock=True)
            before.refuse_erased()
            stands = before.pieces_now
            if before.pieces is None or stands is None:
                raise RevisionError(Message("problem.no_pieces"))
            pieces = spelt(found, before.pieces.expected)
            if stands.count is not None and same_pieces(stands.count.pieces, pieces):
                return before, True
            if (decided := before.decided_by) is not None:
                raise RevisionError(Message("problem.count_decided", {"by": decided.reviewer}))
            refuse_closed(connection, before, now, held=False)
            self._refuse_if_full()
            told = before.pieces.counted(Count(pieces, by.name, by.id, by.role, now))
            new = _decided(policy, before, told)
            provenance = Provenance(self._digests(before.result.models), policy.sha256, SOFTWARE)
            change = Change(by, now, "pieces", None, _digest(inspection_id, pieces), provenance)
            return regrade(connection, self._signer, self._first_look, new, change), False

    def _digests(self, versions: Mapping[str, str]) -> Mapping[str, str]:
        """By what it was graded, of the bundles that still grade: another one's digest would be a wrong one."""
        grader = self._grader()
        running, digests = grader.versions, grader.digests
        return {name: digests[name] for name, version in versions.items() if running.get(name) == version}


def _decided(policy: Policy, before: Inspection, pieces: Pieces) -> Inspection:
    """The next revision: what the policy does with the item by the same grade and what is there."""
    new = replace(before, pieces=pieces, revision=before.revision + 1)
    decision = None if before.status == "retake" else decide_stored(policy, new)
    return replace(new, decision=decision, status=status_of(before.result, decision))


def _digest(inspection_id: str, pieces: Sequence[Piece]) -> str:
    said = {"inspection": inspection_id, "pieces": [asdict(one) for one in pieces]}
    return hashlib.sha256(canonical_json(said)).hexdigest()
