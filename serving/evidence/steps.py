"""Steps in the life of an inspection: each is a signed statement that names the one before it.

A statement (the payload of its JWS) says

    format      regrade-evidence/2
    kind        what happened: graded, reviewed, undone, …
    inspection  which inspection it concerns; null for what concerns the log itself
    seq, prev   its place among the steps of the inspection, from 0; the SHA-256 of the one before, null for the first
    log         {"index", "prev"}: the same among all steps of the installation
    at          when it happened (RFC 3339)
    body        what happened
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

from regrade.models.errors import RegradeError
from regrade.serving.evidence.keys import KeyRing, SignatureError, UnknownKeyError, payload_of, sha256
from regrade.serving.evidence.sealed import Opened, nested, unseal

FORMAT: Final = "regrade-evidence/2"

FIRST: Final = ("graded", "recorded_before")
"""What can be the first step of an inspection."""

Code = Literal[
    "changed-step", "unknown-key", "retired-key", "missing-step", "misplaced-step", "changed-field", "withheld-field",
    "changed-view", "unsigned-row", "row-missing", "changed-row", "signed-late", "lost-tail", "changed-head",
    "photo-missing",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was signed. `code` is stable, `message` says it in English.

    `inspection` is None where it concerns the log as a whole. `fields` names what differs in a row.
    """

    code: Code
    message: str
    inspection: str | None = None
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        about = f"inspection {self.inspection}: " if self.inspection else ""
        return f"{self.code}: {about}{self.message}"


@dataclass(frozen=True)
class Signed:
    """A step as it is stored or sent: the compact JWS and the disclosures that are left of what is personal in it.

    `view_signature` is that over the readable form of all steps up to this one, where it is known.
    """

    jws: str
    disclosures: tuple[str, ...] = ()
    view_signature: str | None = None

    @cached_property
    def sha256(self) -> str:
        """What the step after it names as `prev`."""
        return sha256(self.jws)

    @property
    def text(self) -> str:
        """All of it in one string, as RFC 9901 has it: JWS~disclosure~disclosure~."""
        return "~".join((self.jws, *self.disclosures, ""))

    @classmethod
    def of(cls, text: str) -> "Signed":
        """The step in such a string. Raises `SignatureError` for another."""
        jws, *disclosures = text.split("~")
        if not text.isascii() or not disclosures or disclosures[-1]:
            raise SignatureError("it is not an SD-JWT")
        return cls(jws, tuple(disclosures[:-1]))


@dataclass(frozen=True, slots=True)
class Step:
    """A step whose signature holds. `body` has what is personal put back in as far as it is there."""

    kind: str
    inspection: str | None
    seq: int
    prev: str | None
    log_index: int
    log_prev: str | None
    at: str
    body: Mapping[str, Any]
    key_id: str
    sha256: str
    withheld: tuple[str, ...] = ()
    unfit: tuple[str, ...] = ()


def open_step(signed: Signed, keys: KeyRing) -> Step:
    """The step in `signed`. Raises `UnknownKeyError`, and `SignatureError` where it is not as it was signed."""
    key_id, payload = keys.check(signed.jws)
    try:
        return read_step(payload, key_id, signed)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise SignatureError("it is signed, but is no step of a form that is read here") from error


def trusted_step(signed: Signed) -> Step:
    """The step in `signed`, whose signature has been checked before."""
    return read_step(payload_of(signed.jws), "", signed)


def read_step(payload: bytes, key_id: str, signed: Signed) -> Step:
    """The step that `payload` states, with the disclosures of `signed`."""
    claims = json.loads(payload)
    if claims["format"] != FORMAT or nested(claims):
        raise ValueError(f"not of the format {FORMAT}")
    opened: Opened = unseal(claims, signed.disclosures)
    log = claims["log"]
    return Step(
        kind=str(claims["kind"]),
        inspection=claims["inspection"],
        seq=int(claims["seq"]),
        prev=claims["prev"],
        log_index=int(log["index"]),
        log_prev=log["prev"],
        at=str(claims["at"]),
        body=opened.value["body"],
        key_id=key_id,
        sha256=signed.sha256,
        withheld=opened.withheld,
        unfit=opened.unfit,
    )


def open_chain(
    chain: Sequence[Signed], keys: KeyRing, inspection: str | None = None
) -> tuple[list[Step], list[Finding]]:
    """The steps of one inspection, in order, and all that is wrong with them.

    `inspection` is the one that they should be of, the first step's where None. Steps whose signature does not hold
    are left out.
    """
    steps: list[Step] = []
    findings: list[Finding] = []
    before: Signed | None = None
    for place, signed in enumerate(chain):
        try:
            step = open_step(signed, keys)
        except RegradeError as error:
            code: Code = "unknown-key" if isinstance(error, UnknownKeyError) else "changed-step"
            findings.append(Finding(code, f"step {place}: {error}", inspection))
        else:
            inspection = inspection or step.inspection
            findings += _misplaced(step, place, before, inspection)
            findings += [Finding("changed-field", f"step {place} has {what}", inspection) for what in step.unfit]
            steps.append(step)
        before = signed
    if not chain:
        findings.append(Finding("unsigned-row", "nothing of it is signed", inspection))
    return steps, [*findings, *_taken_out(steps)]


def _misplaced(step: Step, place: int, before: Signed | None, inspection: str | None) -> list[Finding]:
    """What is wrong with where a step stands among its inspection's."""
    if step.inspection != inspection:
        return [Finding("misplaced-step", f"step {place} is of the inspection {step.inspection}", inspection)]
    if before is None:
        if step.seq == 0 and step.kind in FIRST:
            return []
        return [Finding("missing-step", f"it begins with step {step.seq} ({step.kind})", inspection)]
    if step.seq == place and step.prev == before.sha256:
        return []
    code: Code = "missing-step" if step.seq > place else "misplaced-step"
    return [Finding(code, f"step {step.seq} ({step.kind}) does not follow what stands before it", inspection)]


def _taken_out(steps: Sequence[Step]) -> Iterable[Finding]:
    """What is not there of the personal fields although no step says that it was erased."""
    erased = {digest for step in steps for digest in step.body.get("withheld", ())}
    for step in steps:
        missing = [digest for digest in step.withheld if digest not in erased]
        if missing:
            what = f"{len(missing)} personal fields of step {step.seq} are gone, and no step says that they were erased"
            yield Finding("withheld-field", what, step.inspection)
