"""What the steps of a request may raise. None knows HTTP; `problems.py` says how each is answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from regrade.models.errors import RegradeError
from regrade.serving.base.i18n import LANGUAGES, Message, say, text


class SpokenError(RegradeError):
    """An error that a person at a bench or desk may read, in a language of theirs."""

    def __init__(self, message: Message | str) -> None:
        super().__init__(str(message))
        self.message = message

    def to(self, lang: str) -> str:
        """What it says, in `lang`."""
        return say(self.message, lang)


class SettingsError(RegradeError):
    """Settings that are unsafe or make no sense; the message names them."""


class RubricError(RegradeError):
    """A rubric that is wrong, or whose version does not fit what it says; the message names file, line and field."""


class ReplayError(RegradeError):
    """A replay that cannot be run as it was asked for; the message says what to ask for."""


class DataDirError(RegradeError):
    """The data directory cannot be used: taken by another server, not writable, or damaged."""


class DatabaseError(RegradeError):
    """The database cannot be opened: a wrong URL, no driver, no server there, or a schema that cannot be used."""


class DamagedDatabaseError(DatabaseError):
    """The database's files are damaged, or lack what was acknowledged; it must not be opened as if nothing were."""


class NewerDatabaseError(DatabaseError):
    """The database was written by a newer version, whose data this one would not understand."""


class BackupError(RegradeError):
    """A backup that cannot be made or restored: not one, damaged, in use, or not to be put there."""


class ListenError(RegradeError):
    """The address cannot be listened on: the port is taken or not allowed, or the host is unknown."""


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One wrong field: where it is (`declared_value.amount`) and what is expected there."""

    field: str
    message: Message | str

    def to(self, lang: str) -> str:
        """Both, in `lang`."""
        message = say(self.message, lang)
        return text("problem.field", lang, field=self.field, message=message) if self.field else message


class UploadError(SpokenError):
    """A request body that is refused. `code` is stable and part of the HTTP contract.

    Codes: `not-multipart`, `malformed-multipart`, `encoded-part`, `unknown-part`, `missing-item`, `duplicate-item`,
    `item-too-large`, `body-too-large`, `photo-too-large`, `too-many-photos`, `no-photos`, `upload-too-slow`,
    `request-too-slow`, `upload-hash-mismatch`, `upload-total-mismatch`, `bad-content-range`.
    """

    def __init__(self, code: str, message: Message | str, *, photo: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.photo = photo


class NotStagedError(SpokenError):
    """Photos that an item names and that were not sent ahead, by their hashes; `photo` is the index of the first."""

    def __init__(self, hashes: tuple[str, ...], photo: int) -> None:
        super().__init__(Message("problem.not_staged", {"photos": ", ".join(hashes)}))
        self.hashes = hashes
        self.photo = photo


class UploadGapError(SpokenError):
    """A part of a photo that begins beyond what is there of it: its first `offset` bytes."""

    def __init__(self, offset: int) -> None:
        super().__init__(Message("problem.upload_gap", {"offset": offset}))
        self.offset = offset


class BudgetError(SpokenError):
    """A key has as many bytes of photos waiting for their items as it may. `retry_after` is in whole seconds."""

    def __init__(self, message: Message, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UploadAborted(RegradeError):  # noqa: N818 - not a fault of ours, and nobody is left to read an answer
    """The client went away before its body was complete."""


class InvalidFieldsError(RegradeError):
    """JSON or a query whose fields are wrong; `faults` names each.

    `code` is stable and part of the HTTP contract: `invalid-json`, `invalid-item`, `invalid-declared-value`,
    `unknown-category`, `unknown-currency`, `invalid-request`, `invalid-query`, `action-not-permitted`.
    """

    def __init__(
        self, code: str, what: Literal["item", "request", "review", "query"], faults: Sequence[FieldFault]
    ) -> None:
        self.code = code
        self.what = what
        self.faults = tuple(faults)
        super().__init__(self.to(LANGUAGES[0]))

    def to(self, lang: str) -> str:
        """The sentence that lists all faults, in `lang`."""
        listed = text("problem.fault_separator", lang).join(fault.to(lang) for fault in self.faults)
        return text(f"problem.invalid_{self.what}", lang, faults=listed)


class IdempotencyKeyError(RegradeError):
    """An Idempotency-Key that is empty, too long, or not printable ASCII."""


class IdempotencyConflictError(SpokenError):
    """The Idempotency-Key was used before, with another body."""


class BusyError(SpokenError):
    """No room for another request. `retry_after` is in whole seconds; `reason` is a label for metrics."""

    def __init__(self, reason: str, message: Message, retry_after: int) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after = retry_after


class StorageError(SpokenError):
    """There is no room for what was asked, or the disk cannot be written; nothing of it was stored.

    `fault` is `full`, `read_only` or `failing` where a write has failed, `away` or `photos_away` where a server does
    not answer, None where none was tried. `retry_after` is in whole seconds.
    """

    retry_after = 30

    def __init__(self, message: Message | str, fault: str | None = None) -> None:
        super().__init__(message)
        self.fault = fault


class TensorError(RegradeError):
    """An inference request (Open Inference Protocol) that is not well-formed, or not what its model takes; the message
    says which tensor, and what is wrong with it."""


class DatabaseAwayError(StorageError):
    """The database's server does not answer, or is too busy to: it is restarted, or something is in its way."""

    retry_after = 2

    def __init__(self) -> None:
        super().__init__(Message("problem.database_away"), "away")


class PhotosAwayError(StorageError):
    """The bucket that photos are kept in does not answer, or refuses; `told` says to the log what it answered, and
    `lasting` that asking again is of no use: a key is wrong, or the bucket is not there."""

    retry_after = 5

    def __init__(self, told: str, *, lasting: bool = False, tried: bool = True) -> None:
        super().__init__(Message("problem.photos_away"), "photos_away" if tried else None)
        self.told = told
        self.lasting = lasting


class BucketError(RegradeError):
    """A bucket that photos cannot be kept in as it is; the message says what is wrong with it and what to do."""


class NotFoundError(SpokenError):
    """What was asked for is not there."""


class SpoiltBundleError(SpokenError):
    """A model bundle that cannot be activated, or tried: damaged, of an unknown format, or in a folder that cannot be
    written."""

    def __init__(
        self, category: str, version: str, fault: str, *, step: Literal["activated", "tried"] = "activated"
    ) -> None:
        # The models room speaks English; what it says of files is for an engineer.
        words = "problem.bundle_spoilt" if step == "activated" else "problem.bundle_untried"
        super().__init__(Message(words, {"category": category, "version": version, "fault": fault}))


class TrialError(SpokenError):
    """A version that cannot be tried in shadow although nothing is wrong with it."""


class ErasedError(SpokenError):
    """What was asked for has been erased; `key` says that an Idempotency-Key was what led to it."""

    def __init__(self, inspection_id: str, at: datetime, *, key: bool = False) -> None:
        params = {"inspection": inspection_id, "date": f"{at:%Y-%m-%d}"}
        super().__init__(Message("problem.erased_key" if key else "problem.erased", params))


class RevisionErasedError(SpokenError):
    """A former revision whose evidence cannot be checked by itself any more: something of it was erased since."""


class PhotoDamagedError(SpokenError):
    """A stored photo whose file is gone (`missing`) or holds other bytes than its hash says."""

    def __init__(self, sha256: str, *, missing: bool) -> None:
        super().__init__(Message("problem.photo_missing" if missing else "problem.photo_damaged", {"photo": sha256}))
        self.sha256 = sha256
        self.missing = missing


class LeaseError(SpokenError):
    """A review lease that has expired, belongs to somebody else, or was never given."""


class DeskAloneError(SpokenError):
    """An item on which the policy lets the desk alone decide."""


class DecidedError(SpokenError):
    """An item on which nobody needs to decide, or somebody else decides just now or has decided."""


class RevisionError(SpokenError):
    """An inspection that cannot be graded anew: a human has decided on it, or is about to, or it was just changed."""


class AskError(SpokenError):
    """What cannot be asked of an item, or answered: it is looked at blind, or nothing is asked of the station."""


class UndoError(SpokenError):
    """A decision that cannot be undone: too late, followed by another one, undone already, or somebody else's."""


class EventsGoneError(SpokenError):
    """A cursor of events that are no longer kept, or never were here."""

    def __init__(self, event_id: str) -> None:
        super().__init__(Message("problem.events_gone", {"cursor": event_id}))


class LinkExpiredError(SpokenError):
    """A link to a photo that was good once."""


class AdapterError(RegradeError):
    """An adapter that cannot be used: its file is wrong, or what it needs is not there."""


class BulkError(RegradeError):
    """Stored photos that cannot be graded anew: nowhere to read from or write to, or another work was begun there."""


class SecretOverlapError(SpokenError):
    """A webhook's secret that cannot be turned to another yet: the one before still signs."""


class TooManyWebhooksError(SpokenError):
    """There are as many webhooks as there may be."""


class BlindError(SpokenError):
    """What was asked for would tell a reviewer what they must not know before they have looked at the item blind."""


class CodeError(SpokenError):
    """A pairing code or an invitation that is wrong, used, replaced or expired: which of these is not told."""


class AttemptsError(SpokenError):
    """Too many wrong passwords or codes; nothing was looked at. `retry_after` is in whole seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(Message("problem.attempts", {"minutes": -(-retry_after // 60)}))
        self.retry_after = retry_after


class SignInError(SpokenError):
    """A password or passkey that is wrong, or of somebody who may not sign in."""


class AccountError(SpokenError):
    """What cannot be done with a station or a person: the name is taken, or an admin would disable themselves."""
