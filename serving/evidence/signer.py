"""The private key that an installation signs evidence with.

keys/evidence-ed25519.pem           the private key, Ed25519 (RFC 8032)
keys/evidence-<key id>.pub.pem      a public key; those of former private keys stay
keys/evidence-head.jws              how far the log of steps has come
"""

import base64
import logging
from functools import partial
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from regrade.models.files import create_private, sync_folder
from regrade.serving.base.canonical import canonical_json
from regrade.serving.base.errors import DataDirError
from regrade.serving.evidence.head import HEAD_TYPE, HeadFile
from regrade.serving.evidence.keys import ALGORITHM, JWS, PUBLIC, KeyRing, PublicKey
from regrade.serving.storage.photostore import make_directories

log = logging.getLogger("regrade")

TYPE: Final = "regrade-evidence+sd-jwt"
PRIVATE: Final = "evidence-ed25519.pem"


class Signer:
    """The private key of one installation. `known` are the public keys that it has ever signed with; `directory`,
    where there is one, is the folder that they are kept in."""

    def __init__(self, key: Ed25519PrivateKey, directory: Path | None = None) -> None:
        self._key = key
        self.directory = directory
        self.public_key = PublicKey(key.public_key())
        self.key_id = self.public_key.key_id
        if directory is not None:
            self._publish(directory)
        self.known = KeyRing([self.public_key]) if directory is None else KeyRing.load(directory)
        self.head = None if directory is None else HeadFile(directory, partial(self.sign, kind=HEAD_TYPE), self.known)

    @classmethod
    def load(cls, directory: Path) -> "Signer":
        """The key kept in `directory`, made there on first use. Raises `DataDirError` for a damaged one."""
        make_directories(directory)
        path = directory / PRIVATE
        if not path.exists():
            if former := sorted(directory.glob(PUBLIC.format(key_id="*"))):
                log.warning("%s is gone; evidence is signed with a new key. Before: %s", path, former[-1].name)
            create_private(path, _pem(Ed25519PrivateKey.generate()))
        return cls(_private(path), directory)

    @classmethod
    def generate(cls, directory: Path | None = None) -> "Signer":
        """A new key, which is kept nowhere."""
        return cls(Ed25519PrivateKey.generate(), directory)

    @classmethod
    def renew(cls, directory: Path) -> "Signer":
        """A new key in place of the one in `directory`, whose public half is kept. No service may be using it."""
        signer = cls.generate(directory)
        fresh = directory / f".{PRIVATE}.new"
        fresh.unlink(missing_ok=True)
        create_private(fresh, _pem(signer._key))
        fresh.replace(directory / PRIVATE)
        sync_folder(directory)
        return signer

    def _publish(self, directory: Path) -> None:
        """Keep the public half in `directory`, for when the private one has been replaced."""
        path = directory / PUBLIC.format(key_id=self.key_id)
        if not path.exists():
            create_private(path, self.public_key.pem.encode())

    def public(self) -> dict[str, str]:
        """What anyone needs to check a signature: the raw public key in base64."""
        return self.public_key.public()

    def sign(self, payload: bytes, kind: str = TYPE) -> str:
        """`payload` as a compact JWS; `kind` is its `typ`."""
        return JWS.encode(payload, self._key, algorithm=ALGORITHM, headers={"kid": self.key_id, "typ": kind})

    def sign_canonical(self, value: Any) -> str:
        """The signature, in base64, over the RFC 8785 form of a JSON value."""
        return base64.b64encode(self._key.sign(canonical_json(value))).decode()


def _private(path: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except ValueError as error:
        raise DataDirError(f"The signing key {path} is damaged. Restore it from a backup.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise DataDirError(f"The signing key {path} is not an Ed25519 key. Restore it from a backup.")
    return key


def _pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
