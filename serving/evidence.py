"""Evidence bundles: what was seen, what was decided, by whom and when, signed so that others can check it.

The signature is Ed25519 (RFC 8032) over the RFC 8785 form of `payload`.
"""

import base64
import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from regrade.models.files import create_private
from regrade.serving.auth import ApiKey
from regrade.serving.canonical import canonical_json
from regrade.serving.errors import DataDirError
from regrade.serving.photostore import make_directories
from regrade.serving.records import DECISION, DEFECTS, DISPOSITION, RESULT, Inspection, Review

FORMAT = "regrade-evidence/1"


class Signer:
    """The key of one installation. `key_id` is the start of the SHA-256 of the public key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_id = hashlib.sha256(self._public).hexdigest()[:16]

    @classmethod
    def load(cls, directory: Path) -> "Signer":
        """The key kept in `directory`, made there on first use. Raises `DataDirError` for a damaged one."""
        path = directory / "evidence-ed25519.pem"
        make_directories(directory, 0o700)
        if not path.exists():
            made = Ed25519PrivateKey.generate()
            create_private(path, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        try:
            key = load_pem_private_key(path.read_bytes(), password=None)
        except ValueError as error:
            raise DataDirError(f"The signing key {path} is damaged. Restore it from a backup.") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise DataDirError(f"The signing key {path} is not an Ed25519 key. Restore it from a backup.")
        return cls(key)

    def public(self) -> dict[str, str]:
        """What anyone needs to check a signature: the raw public key in base64."""
        return {
            "algorithm": "Ed25519",
            "key_id": self.key_id,
            "public_key": base64.b64encode(self._public).decode(),
        }

    def sign(self, payload: dict[str, Any]) -> dict[str, Any]:
        """The bundle of `payload` (JSON values): itself, its signature and the public key."""
        value = base64.b64encode(self._key.sign(canonical_json(payload))).decode()
        return {"payload": payload, "signature": {**self.public(), "canonicalization": "RFC8785", "value": value}}


def verify(bundle: dict[str, Any], public_key: str) -> bool:
    """Whether `bundle` was signed with the key whose public half, raw in base64, is `public_key`."""
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key))
    try:
        key.verify(base64.b64decode(bundle["signature"]["value"]), canonical_json(bundle["payload"]))
    except (InvalidSignature, KeyError, ValueError):
        return False
    return True


def payload(inspection: Inspection, keys: dict[str, ApiKey]) -> dict[str, Any]:
    """All that is known of an inspection, as JSON values. `keys` maps ids to the keys that had a part in it."""
    decision = inspection.decision
    return {
        "format": FORMAT,
        "inspection": inspection.id,
        "status": inspection.status,
        "received": {"at": inspection.created_at.isoformat(), "by": _who(inspection.key_id, keys)},
        "item": dict(inspection.item),
        "photos": [asdict(photo) for photo in inspection.photos],
        "models": dict(inspection.result.models),
        "model_output": RESULT.dump_python(inspection.result, mode="json"),
        "policy": None if decision is None else decision.disposition.policy,
        "decision": None if decision is None else DECISION.dump_python(decision, mode="json"),
        "reviews": [_review(review, keys) for review in inspection.reviews],
    }


def _review(review: Review, keys: dict[str, ApiKey]) -> dict[str, Any]:
    return {
        "at": review.decided_at.isoformat(),
        "by": {**_who(review.key_id, keys), "name": review.reviewer},
        "model_condition": review.model_condition,
        "condition": review.condition,
        "disposition": DISPOSITION.dump_python(review.disposition, mode="json"),
        "disposition_source": review.disposition_source,
        "defects": None if review.defects is None else DEFECTS.dump_python(review.defects, mode="json"),
        "note": review.note,
        "kind": review.kind,
        "blind": review.blind,
        "rubric": review.rubric,
        "seller_grade": review.seller_grade,
        "undone_at": None if review.undone_at is None else review.undone_at.isoformat(),
    }


def _who(key_id: str, keys: dict[str, ApiKey]) -> dict[str, str | None]:
    key = keys.get(key_id)
    return {"key_id": key_id, "name": key.name if key else None, "role": key.role if key else None}
