"""Codes that are shown to one person and typed or scanned by another, once, within a short time.

They are short enough to be typed, and so could be gone through by whoever has their hashes: those are keyed by a secret
that is no part of the database. Guessing over the network is what `Guesses` is for.
"""

import hashlib
import hmac
import re
import secrets
from pathlib import Path
from typing import Final, Literal

from regrade.serving.storage.keyfile import load_key

ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without 0 and O, 1, I and L, and U, which is read as V."""
LENGTHS: Final = {"pair": 8, "invite": 16}
"""Of a pairing code, 39 bits for ten minutes; of an invitation, 78 bits for days."""

Kind = Literal["pair", "invite"]


class Codes:
    """Makes codes, and hashes of them: HMAC-SHA-256 (RFC 2104) under a secret of the installation."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    def load(cls, directory: Path) -> "Codes":
        """Those of the secret kept in `directory`, made there on first use. Raises `DataDirError` for a damaged one."""
        return cls(load_key(directory / "codes.key"))

    def make(self, kind: Kind) -> tuple[str, str]:
        """A new code as people read it, `ABCD-EFGH`, and its hash."""
        code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTHS[kind]))
        digest = self.digest(kind, code)
        assert digest is not None
        return "-".join(re.findall("....", code)), digest

    def digest(self, kind: Kind, typed: str) -> str | None:
        """The hash of a code as somebody typed it; None where it cannot be one."""
        code = re.sub(r"[\s-]", "", typed).upper()
        if len(code) != LENGTHS[kind] or not set(code) <= set(ALPHABET):
            return None
        return hmac.digest(self._secret, f"{kind}:{code}".encode(), hashlib.sha256).hex()
