"""Public keys of evidence: how they are written, read and checked with.

What is signed is a JWS in compact form (RFC 7515) with `alg` EdDSA (RFC 8037), by an Ed25519 key (RFC 8032).
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from jwt import InvalidTokenError, PyJWTError
from jwt.algorithms import OKPAlgorithm
from jwt.api_jws import PyJWS

from regrade.models.errors import RegradeError
from regrade.serving.base.canonical import canonical_json

ALGORITHM: Final = "EdDSA"
PUBLIC: Final = "evidence-{key_id}.pub.pem"
"""The file of a public key in an installation's folder of keys. Those of former private keys stay."""
JWS: Final = PyJWS(algorithms=[ALGORITHM])


class UnknownKeyError(RegradeError):
    """Something is signed by a key that is not among the known ones. `key_id` is the one that it names."""

    def __init__(self, key_id: str) -> None:
        # What is not signed by us may say anything, and is shown on a terminal.
        self.key_id = key_id if re.fullmatch(r"[\w.=-]{1,64}", key_id, re.ASCII) else "?"
        super().__init__(f"signed by the key {self.key_id}, which is not known here")


class SignatureError(RegradeError):
    """Something is not a JWS, or its signature does not fit what it says."""


class KeyFormatError(RegradeError):
    """Text that is no Ed25519 public key in a form that is read here."""


class PublicKey:
    """The public half of a key. `key_id` is the start of the SHA-256 of its 32 raw bytes, in hex."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self.key = key
        self.raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_id = hashlib.sha256(self.raw).hexdigest()[:16]

    @property
    def base64(self) -> str:
        """The 32 raw bytes."""
        return base64.b64encode(self.raw).decode()

    @property
    def jwk(self) -> dict[str, str]:
        """As a JSON Web Key (RFC 8037, 2)."""
        made: dict[str, str] = OKPAlgorithm.to_jwk(self.key, as_dict=True)
        return {"kty": made["kty"], "crv": made["crv"], "x": made["x"], "kid": self.key_id, "alg": ALGORITHM}

    @property
    def pem(self) -> str:
        """As SubjectPublicKeyInfo (RFC 8410) in PEM."""
        return self.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def public(self) -> dict[str, str]:
        """What anyone needs to check a signature: the raw public key in base64."""
        return {"algorithm": "Ed25519", "key_id": self.key_id, "public_key": self.base64}


class KeyRing(Mapping[str, PublicKey]):
    """The public keys that are trusted, by key id."""

    def __init__(self, keys: Iterable[PublicKey]) -> None:
        self._keys = {key.key_id: key for key in keys}

    def __getitem__(self, key_id: str) -> PublicKey:
        return self._keys[key_id]

    def __iter__(self) -> Any:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    @classmethod
    def load(cls, directory: Path) -> "KeyRing":
        """All keys that the installation with this folder of keys has ever signed with."""
        return cls(key for path in sorted(directory.glob(PUBLIC.format(key_id="*"))) for key in read_keys(_read(path)))

    def check(self, jws: str) -> tuple[str, bytes]:
        """The key id and the payload of a compact JWS.

        Raises `UnknownKeyError`, and `SignatureError` where it is changed or no JWS.
        """
        try:
            key_id = str(JWS.get_unverified_header(jws).get("kid"))
            if key_id not in self._keys:
                raise UnknownKeyError(key_id)
            opened = JWS.decode_complete(jws, self._keys[key_id].key, algorithms=[ALGORITHM])
        except (InvalidTokenError, ValueError) as error:
            raise SignatureError("the signature does not fit what it says") from error
        if not _strict(jws):
            raise SignatureError("it is not written as it was signed")
        payload: bytes = opened["payload"]
        return key_id, payload

    def check_canonical(self, key_id: str, value: Any, signature: str) -> bool:
        """Whether `signature`, in base64, is that of the key over the RFC 8785 form of `value`."""
        try:
            given = base64.b64decode(signature, validate=True)
            self._keys[key_id].key.verify(given, canonical_json(value))
        except (InvalidSignature, KeyError, TypeError, ValueError):
            return False
        return base64.b64encode(given).decode() == signature


def read_keys(text: str) -> list[PublicKey]:
    """The Ed25519 public keys in `text`: PEM, a JWK, a JWK Set, 32 raw bytes in base64 or base64url, or what
    `/v1/evidence/key` answers. Raises `KeyFormatError`."""
    try:
        if text.lstrip().startswith("{"):
            return _from_json(json.loads(text))
        if "-----BEGIN" in text:
            return [_public(load_pem_public_key(text.encode()))]
        return [_raw(text)]
    except (ValueError, TypeError, KeyError, RecursionError, PyJWTError) as error:
        raise KeyFormatError(
            "This is no Ed25519 public key. Give PEM, a JWK or 32 bytes in base64, as `regrade evidence key` prints."
        ) from error


def payload_of(jws: str) -> bytes:
    """What a compact JWS says, unchecked."""
    part = jws.split(".")[1]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def sha256(jws: str) -> str:
    """The SHA-256 of a compact JWS, in hex, by which what follows refers to it."""
    return hashlib.sha256(jws.encode()).hexdigest()


def _from_json(value: Any) -> list[PublicKey]:
    if "keys" in value:
        return [key for entry in value["keys"] for key in _from_json(entry)]
    if "public_key" in value:
        return [_raw(value["public_key"]), *(_raw(former["public_key"]) for former in value.get("former", ()))]
    return [_public(OKPAlgorithm.from_jwk(value))]


def _raw(text: str) -> PublicKey:
    given = "".join(text.split()).rstrip("=")
    padded = given + "=" * (-len(given) % 4)
    data = base64.b64decode(padded, altchars=b"-_" if set("-_") & set(given) else None, validate=True)
    return PublicKey(Ed25519PublicKey.from_public_bytes(data))


def _public(key: object) -> PublicKey:
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("not an Ed25519 public key")
    return PublicKey(key)


def _read(path: Path) -> str:
    return path.read_text(encoding="ascii", errors="replace")


def _strict(jws: str) -> bool:
    """Whether every part is the one base64url form (RFC 7515, 2) of its bytes: decoders overlook stray bits."""
    for part in jws.split("."):
        try:
            data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        except ValueError:
            return False
        if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != part:
            return False
    return True
