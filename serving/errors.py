"""What the steps of a request may raise. None knows HTTP; `problems.py` says how each is answered."""

from collections.abc import Sequence
from dataclasses import dataclass

from regrade.models.errors import RegradeError


class SettingsError(RegradeError):
    """Settings that are unsafe or make no sense; the message names them."""


class DataDirError(RegradeError):
    """The data directory cannot be used: taken by another server, not writable, or damaged."""


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One wrong field: where it is (`declared_value.amount`) and what is expected there."""

    field: str
    message: str


class UploadError(RegradeError):
    """A request body that is refused. `code` is stable and part of the HTTP contract.

    Codes: `not-multipart`, `malformed-multipart`, `unknown-part`, `missing-item`, `duplicate-item`,
    `item-too-large`, `body-too-large`, `photo-too-large`, `too-many-photos`, `no-photos`, `upload-too-slow`.
    """

    def __init__(self, code: str, message: str, *, photo: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.photo = photo


class UploadAborted(RegradeError):  # noqa: N818 - not a fault of ours, and nobody is left to read an answer
    """The client went away before its body was complete."""


class InvalidFieldsError(RegradeError):
    """JSON or a query whose fields are wrong; `faults` names each.

    `code` is stable and part of the HTTP contract: `invalid-json`, `invalid-item`, `invalid-declared-value`,
    `unknown-category`, `unknown-currency`, `invalid-request`, `invalid-query`, `action-not-permitted`.
    """

    def __init__(self, code: str, what: str, faults: Sequence[FieldFault]) -> None:
        listed = "; ".join(f"{fault.field}: {fault.message}" if fault.field else fault.message for fault in faults)
        super().__init__(f"The {what} is not valid. {listed}")
        self.code = code
        self.faults = tuple(faults)


class IdempotencyKeyError(RegradeError):
    """An Idempotency-Key that is empty, too long, or not printable ASCII."""


class IdempotencyConflictError(RegradeError):
    """The Idempotency-Key was used before, with another body."""


class BusyError(RegradeError):
    """No room for another request. `retry_after` is in whole seconds; `reason` is a label for metrics."""

    def __init__(self, reason: str, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after = retry_after


class NotFoundError(RegradeError):
    """What was asked for is not there."""


class LeaseError(RegradeError):
    """A review lease that has expired, belongs to somebody else, or was never given."""
