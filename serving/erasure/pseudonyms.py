"""Pseudonyms: texts that stand in place of others, each time the same; nobody can compute them without the key."""

import hashlib
import hmac
from pathlib import Path

from regrade.serving.storage.keyfile import load_key


class Pseudonyms:
    """By HMAC-SHA-256 (RFC 2104) under a secret: the likely texts are few, and a plain hash of each can be tried."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    def load(cls, directory: Path) -> "Pseudonyms":
        """Those of the secret kept in `directory`, made there on first use. Raises `DataDirError` for a damaged one."""
        return cls(load_key(directory / "erasure.key"))

    def of_request(self, idempotency_key: str) -> str:
        """What stands in place of an idempotency key."""
        return f"erased:{self._digest('request', idempotency_key)}"

    def of_seller(self, seller: str) -> str:
        """What stands in place of a seller's name."""
        return f"seller-{self._digest('seller', seller)[:16]}"

    def _digest(self, kind: str, text: str) -> str:
        return hmac.digest(self._secret, f"{kind}:{text}".encode(), hashlib.sha256).hex()
