"""Problem documents (RFC 9457): every error that a client may see, its stable type and its status."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from regrade.models.errors import PhotoError, RegradeError, UnknownCategoryError
from regrade.serving.base import errors
from regrade.serving.base.i18n import LANGUAGES, say, text

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:regrade:problem:"

KINDS: Mapping[str, tuple[int, str]] = {
    "unauthenticated": (401, "No valid API key"),
    "forbidden": (403, "The API key's role does not allow this"),
    "cross-site": (403, "Not sent by the desk's own page"),
    "not-found": (404, "Not found"),
    "method-not-allowed": (405, "Method not allowed"),
    "not-multipart": (415, "Not multipart/form-data"),
    "malformed-multipart": (400, "Malformed multipart body"),
    "not-installed": (501, "Not installed"),
    "unknown-transfer-coding": (501, "Unknown transfer coding"),
    "encoded-content": (415, "Compressed content"),
    "encoded-part": (415, "Part in base64 or the like"),
    "unknown-part": (422, "Unknown part"),
    "missing-item": (422, "No item"),
    "duplicate-item": (422, "Two items"),
    "no-photos": (422, "No photos"),
    "too-many-photos": (422, "Too many photos"),
    "item-too-large": (413, "Item too large"),
    "body-too-large": (413, "Request too large"),
    "upload-too-slow": (408, "Upload too slow"),
    "request-too-slow": (408, "Request too slow"),
    "upload-aborted": (400, "Upload aborted"),
    "photo-too-large": (413, "Photo too large"),
    "photo-unsupported-type": (415, "Photo of an unsupported type"),
    "photo-heic-unsupported": (415, "HEIC photo, which this service cannot read"),
    "photo-empty": (422, "Empty photo"),
    "photo-truncated": (422, "Truncated photo"),
    "photo-unreadable": (422, "Unreadable photo"),
    "photo-animated": (422, "Animated image"),
    "photo-too-many-pixels": (422, "Photo with too many pixels"),
    "photo-bad-dimensions": (422, "Photo too narrow or too long"),
    "photo-too-complex": (422, "Photo file of too many parts"),
    "photo-too-slow": (422, "Photo takes too long to decode"),
    "photo-not-staged": (409, "Photo was not sent ahead"),
    "upload-hash-mismatch": (422, "Bytes of another hash"),
    "upload-total-mismatch": (422, "Another number of bytes than was said before"),
    "upload-gap": (409, "Bytes before these are missing"),
    "upload-budget": (429, "Too many photos without an item"),
    "bad-content-range": (400, "Content-Range that cannot be"),
    "invalid-json": (422, "Not JSON"),
    "invalid-item": (422, "Invalid item"),
    "invalid-declared-value": (422, "Invalid declared value"),
    "unknown-category": (422, "Unknown category"),
    "unknown-currency": (422, "Unknown currency"),
    "invalid-request": (422, "Invalid request"),
    "invalid-query": (422, "Invalid query"),
    "action-not-permitted": (422, "Action not permitted"),
    "bad-tensors": (400, "Not a well-formed inference request"),
    "not-tensors": (415, "Not an inference request"),
    "invalid-idempotency-key": (422, "Invalid Idempotency-Key"),
    "erased": (410, "Erased"),
    "events-gone": (410, "Events no longer kept"),
    "link-expired": (410, "Link has ended"),
    "adapter-unusable": (409, "Adapter cannot be used"),
    "too-many-webhooks": (409, "Too many webhooks"),
    "secret-overlap": (409, "Secret before still in use"),
    "idempotency-conflict": (409, "Idempotency-Key used for another request"),
    "no-trial-possible": (409, "Version cannot be tried in shadow"),
    "bundle-spoilt": (409, "Model bundle cannot be activated"),
    "lease-lost": (409, "Lease expired or held by somebody else"),
    "desk-alone": (403, "The desk decides on this item"),
    "not-open": (409, "Nothing to decide, or somebody else decides"),
    "undo-refused": (409, "Decision cannot be undone"),
    "revision-refused": (409, "Item cannot be graded anew"),
    "ask-refused": (409, "Nothing to ask or to answer"),
    "blind": (403, "Hidden until the blind review is done"),
    "code-wrong": (404, "Code wrong, used or expired"),
    "too-many-attempts": (429, "Too many wrong attempts"),
    "sign-in-refused": (401, "Not signed in"),
    "account-refused": (409, "Not possible with this station or person"),
    "busy": (503, "Busy"),
    "insufficient-storage": (507, "No room to store it"),
    "photo-damaged": (500, "Stored photo damaged or missing"),
    "headers-too-large": (431, "Request headers too large"),
    "bad-request": (400, "Not an HTTP request"),
    "internal": (500, "Internal error"),
}
"""Slug → status and title. A slug never changes its meaning; the full type is `TYPE_PREFIX` + slug."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem, ready to be answered. `members` are added to the document."""

    slug: str
    detail: str
    members: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return KINDS[self.slug][0]

    def body(self) -> bytes:
        """The document, JSON in UTF-8."""
        status, title = KINDS[self.slug]
        document = {
            "type": TYPE_PREFIX + self.slug,
            "title": title,
            "status": status,
            "detail": self.detail,
            **self.members,
        }
        return json.dumps(document, ensure_ascii=False).encode()

    def response(self, path: str = "") -> Response:
        """The HTTP answer to who asked for `path` (without the root path)."""
        headers = {"Vary": "Accept-Language", **self.headers}
        if path == "/v2" or path.startswith("/v2/"):
            # Clients of the Open Inference Protocol know one form of errors, and look for it in this media type alone.
            told = json.dumps({"error": self.detail}, ensure_ascii=False).encode()
            return Response(told, self.status, headers, "application/json")
        return Response(self.body(), self.status, headers, MEDIA_TYPE)


class ProblemError(RegradeError):
    """Raised by routes, which alone know HTTP."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def spoken_problem(error: RegradeError, lang: str) -> Problem:
    """What a page says of an expected error, in `lang`. Raises it again where it is our own fault."""
    problem = problem_of(error, lang)
    if problem is None:
        raise error
    return problem


def problem_of(error: RegradeError, lang: str) -> Problem | None:
    """The problem that an expected error is answered with, in `lang`; None for one that is our own fault."""
    match error:
        case ProblemError():
            return error.problem
        case PhotoError():
            slug = f"photo-{error.code.replace('_', '-')}"
            # The models room speaks English, with the figures of this photo; others have a text for each code.
            detail = str(error) if lang == LANGUAGES[0] else text(f"station.problem.{slug}", lang)
            if error.photo is not None:
                detail = text("problem.photo", lang, photo=error.photo, detail=detail)
            return Problem(slug, detail, {"photo": error.photo, "reason": error.code})
        case errors.UploadError():
            members = {} if error.photo is None else {"photo": error.photo}
            # What the client goes on sending cannot be told from another request.
            headers = {"Connection": "close"} if error.code in ("upload-too-slow", "request-too-slow") else {}
            return Problem(error.code, error.to(lang), members, headers)
        case errors.InvalidFieldsError():
            faults = [{"field": fault.field, "message": say(fault.message, lang)} for fault in error.faults]
            return Problem(error.code, error.to(lang), {"errors": faults})
        case errors.BusyError():
            detail = text("problem.busy", lang, why=error.to(lang), seconds=error.retry_after)
            headers = {"Retry-After": str(error.retry_after)}
            if error.reason == "draining":
                headers["Connection"] = "close"
            return Problem("busy", detail, {"retry_after": error.retry_after}, headers)
        case errors.DatabaseAwayError() | errors.PhotosAwayError():
            detail = text("problem.busy", lang, why=error.to(lang), seconds=error.retry_after)
            headers = {"Retry-After": str(error.retry_after)}
            return Problem("busy", detail, {"retry_after": error.retry_after}, headers)
        case errors.StorageError():
            detail = text("problem.storage", lang, why=error.to(lang), seconds=error.retry_after)
            headers = {"Retry-After": str(error.retry_after)}
            return Problem("insufficient-storage", detail, {"retry_after": error.retry_after}, headers)
        case errors.NotStagedError():
            return Problem("photo-not-staged", error.to(lang), {"photo": error.photo, "missing": list(error.hashes)})
        case errors.UploadGapError():
            return Problem("upload-gap", error.to(lang), {"offset": error.offset}, {"Upload-Offset": str(error.offset)})
        case errors.AttemptsError():
            headers = {"Retry-After": str(error.retry_after)}
            return Problem("too-many-attempts", error.to(lang), {"retry_after": error.retry_after}, headers)
        case errors.BudgetError():
            headers = {"Retry-After": str(error.retry_after)}
            return Problem("upload-budget", error.to(lang), {"retry_after": error.retry_after}, headers)
    for kind, slug in _SLUGS:
        if isinstance(error, kind):
            return Problem(slug, error.to(lang) if isinstance(error, errors.SpokenError) else str(error))
    return None


_SLUGS: tuple[tuple[type[RegradeError], str], ...] = (
    (UnknownCategoryError, "unknown-category"),
    (errors.TensorError, "bad-tensors"),
    (errors.UploadAborted, "upload-aborted"),
    (errors.IdempotencyKeyError, "invalid-idempotency-key"),
    (errors.IdempotencyConflictError, "idempotency-conflict"),
    (errors.NotFoundError, "not-found"),
    (errors.ErasedError, "erased"),
    (errors.RevisionErasedError, "erased"),
    (errors.EventsGoneError, "events-gone"),
    (errors.LinkExpiredError, "link-expired"),
    (errors.AdapterError, "adapter-unusable"),
    (errors.TooManyWebhooksError, "too-many-webhooks"),
    (errors.SecretOverlapError, "secret-overlap"),
    (errors.LeaseError, "lease-lost"),
    (errors.DeskAloneError, "desk-alone"),
    (errors.DecidedError, "not-open"),
    (errors.UndoError, "undo-refused"),
    (errors.RevisionError, "revision-refused"),
    (errors.AskError, "ask-refused"),
    (errors.BlindError, "blind"),
    (errors.SpoiltBundleError, "bundle-spoilt"),
    (errors.TrialError, "no-trial-possible"),
    (errors.PhotoDamagedError, "photo-damaged"),
    (errors.CodeError, "code-wrong"),
    (errors.SignInError, "sign-in-refused"),
    (errors.AccountError, "account-refused"),
)
