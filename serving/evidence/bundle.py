"""Evidence bundles: the signed steps of one inspection in one JSON object, and how anybody checks one.

Checking needs the bundle and the public key: no database, no server, no network.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from regrade.models.errors import RegradeError
from regrade.serving.evidence.keys import KeyRing, SignatureError, UnknownKeyError
from regrade.serving.evidence.sealed import name_of_disclosure, nested
from regrade.serving.evidence.steps import FORMAT, Finding, Signed, Step, open_chain
from regrade.serving.evidence.view import view_of

FIRST_FORMAT: Final = "regrade-evidence/1"
"""That of bundles that were signed when they were read, by releases before steps were."""
SELLER: Final = "seller"
"""The `audience` of a bundle from which what is personal was withheld."""


class BundleFormatError(RegradeError):
    """A file that is no evidence of a format that is read here."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo as evidence has it. `size` is in bytes."""

    index: int
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Checked:
    """What a bundle is worth: `findings` is empty where it is as it was signed, by the keys `key_ids`.

    `withheld` counts the personal fields that a bundle for a seller leaves out, by design or by whoever handed it on.
    `steps` are empty for a bundle of the first format. `photos` are those that it speaks of, without erased ones.
    """

    format: str
    payload: Mapping[str, Any]
    steps: tuple[Step, ...]
    key_ids: tuple[str, ...]
    photos: tuple[Photo, ...]
    findings: tuple[Finding, ...]
    withheld: int = 0


def make_bundle(chain: Sequence[Signed], steps: Sequence[Step], keys: KeyRing) -> dict[str, Any]:
    """The bundle of an inspection, of its stored `chain` and the sound `steps` in it. Nothing is signed here."""
    signer = keys.get(steps[-1].key_id) if steps else None
    told = signer.public() if signer else {"algorithm": "Ed25519", "key_id": "", "public_key": ""}
    value = chain[-1].view_signature if chain else None
    return {
        "payload": view_of(steps),
        "signature": {**told, "canonicalization": "RFC8785", "value": value or ""},
        "steps": [signed.text for signed in chain],
        "keys": [keys[key_id].jwk for key_id in dict.fromkeys(step.key_id for step in steps)],
    }


def for_seller(chain: Sequence[Signed], keys: KeyRing, disclosed: Collection[str]) -> dict[str, Any]:
    """The bundle that a seller is given: all steps, and of what is personal only what has a name in `disclosed`.

    It can be checked as far as each step's own signature goes: what is there is as it was signed, and what is withheld
    is counted. Its readable part was never signed as a whole, and carries no signature.
    """
    shown = [replace(one, disclosures=_named(one.disclosures, disclosed), view_signature=None) for one in chain]
    return {**make_bundle(shown, open_chain(shown, keys)[0], keys), "audience": SELLER}


def _named(disclosures: Iterable[str], names: Collection[str]) -> tuple[str, ...]:
    return tuple(text for text in disclosures if name_of_disclosure(text) in names)


def read_bundle(data: bytes) -> dict[str, Any]:
    """The bundle in a file, unchecked. Raises `BundleFormatError` for anything else."""
    try:
        bundle: dict[str, Any] = json.loads(data, object_pairs_hook=_once)
        if not nested(bundle) and isinstance(bundle["payload"], dict) and isinstance(bundle["signature"], dict):
            json.dumps(bundle, ensure_ascii=False).encode()
            if bundle["payload"].get("format") in (FORMAT, FIRST_FORMAT):
                return bundle
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BundleFormatError(_NOT_EVIDENCE) from error
    raise BundleFormatError(_NOT_EVIDENCE)


def check_bundle(bundle: Mapping[str, Any], keys: KeyRing) -> Checked:
    """Check a bundle, of this format or the first one, with the keys that are trusted."""
    return (_check_first if bundle["payload"]["format"] == FIRST_FORMAT else _check)(bundle, keys)


def check_photos(photos: Iterable[Photo], present: Collection[str]) -> list[Finding]:
    """The photos that are not among those whose SHA-256 are `present`."""
    gone = (photo for photo in photos if photo.sha256 not in present)
    return [Finding("photo-missing", f"no file is photo {photo.index}, SHA-256 {photo.sha256}") for photo in gone]


_OTHER_SIGNATURE = Finding("changed-view", "its signature is not that of its payload")
_NOT_EVIDENCE = "This is no evidence of a format that this regrade knows: a JSON file with payload and signature."


def _check(bundle: Mapping[str, Any], keys: KeyRing) -> Checked:
    findings: list[Finding] = []
    chain = []
    for place, text in enumerate(bundle.get("steps", ()) if isinstance(bundle.get("steps"), list) else ()):
        try:
            chain.append(Signed.of(str(text)))
        except SignatureError as error:
            findings.append(Finding("changed-step", f"step {place}: {error}"))
    steps, found = open_chain(chain, keys)
    in_part = bundle.get("audience") == SELLER
    findings += [one for one in found if not (in_part and one.code == "withheld-field")]
    if not findings:
        findings += _readable_parts(bundle, steps, keys)
    key_ids = tuple(dict.fromkeys(step.key_id for step in steps))
    withheld = sum(len(step.withheld) for step in steps) if in_part else 0
    return Checked(FORMAT, view_of(steps), tuple(steps), key_ids, _photos(steps), tuple(findings), withheld)


def _readable_parts(bundle: Mapping[str, Any], steps: Sequence[Step], keys: KeyRing) -> list[Finding]:
    """What is wrong with what stands in a bundle beside its steps, which are sound."""
    about, last = steps[0].inspection, keys[steps[-1].key_id]
    findings = []
    if bundle["payload"] != view_of(steps):
        findings.append(Finding("changed-view", "its payload is not what its steps say", about))
    # What a seller is given in part is covered by the signatures of its steps.
    if bundle.get("audience") != SELLER and not _fits(bundle["payload"], bundle["signature"], last.key_id, keys):
        findings.append(_OTHER_SIGNATURE)
    used = [keys[key_id].jwk for key_id in dict.fromkeys(step.key_id for step in steps)]
    if bundle.get("keys") != used:
        findings.append(Finding("unknown-key", "the keys in it are not those that it is signed with", about))
    return findings


def _fits(payload: Mapping[str, Any], signature: Mapping[str, Any], key_id: str, keys: KeyRing) -> bool:
    """Whether the member `signature` is all as it should be for `payload`."""
    value = str(signature.get("value"))
    told = {**keys[key_id].public(), "canonicalization": "RFC8785", "value": value}
    return signature == told and keys.check_canonical(key_id, payload, value)


def _photos(steps: Sequence[Step]) -> tuple[Photo, ...]:
    erased = {sha256 for step in steps for sha256 in step.body.get("photos_erased", ())}
    view = view_of(steps)
    told = [*view.get("photos", ()), *(photo for former in view.get("former", ()) for photo in former["photos"])]
    photos = {photo["sha256"]: Photo(photo["index"], photo["sha256"], photo["size"]) for photo in reversed(told)}
    return tuple(photo for sha256, photo in reversed(photos.items()) if sha256 not in erased)


def _check_first(bundle: Mapping[str, Any], keys: KeyRing) -> Checked:
    """One signature over the RFC 8785 form of the payload, made when it was read."""
    payload, signature = bundle["payload"], bundle["signature"]
    key_id, about = str(signature.get("key_id")), str(payload.get("inspection"))
    findings = []
    if key_id not in keys:
        findings.append(Finding("unknown-key", str(UnknownKeyError(key_id)), about))
    elif not _fits(payload, signature, key_id, keys):
        findings.append(_OTHER_SIGNATURE)
    photos = () if findings else tuple(Photo(p["index"], p["sha256"], p["size"]) for p in payload["photos"])
    return Checked(FIRST_FORMAT, payload, (), (key_id,), photos, tuple(findings))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are all different: of two alike each reader takes another."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("an object that has a name twice")
    return made
