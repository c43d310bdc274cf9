"""A secret of the data folder, by which names are hidden and items are dealt to splits.

RMA numbers are few and guessable: a plain hash of one tells it to whoever tries them all. So hashes are keyed
(HMAC-SHA256), and the key stays with the service's data, where the names are anyway.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from regrade.datasets.manifest import SPLITS
from regrade.datasets.splitting import Shares
from regrade.models.errors import DatasetError
from regrade.models.files import create_private

KEY_NAME = "labels.key"
_BYTES = 32


@dataclass(frozen=True, slots=True)
class LabelKey:
    """The same key gives a name the same pseudonym, and an item the same split, in every export."""

    secret: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """Tells keys apart and reveals nothing of them: 16 hex digits."""
        return self._digest("key", "").hex()[:16]

    def pseudonym(self, kind: str, *names: str) -> str:
        """`kind-` and 16 hex digits for one or several names; kinds do not mix."""
        # Lengths go in, so that ("ab", "c") and ("a", "bc") differ.
        return f"{kind}-{self._digest(kind, ''.join(f'{len(name)}:{name}' for name in names)).hex()[:16]}"

    def split(self, group: str, shares: Shares) -> str:
        """The split of `group`, drawn with the probabilities `shares`; no other group has a say in it."""
        place = int.from_bytes(self._digest("split", group)[:8]) / 2**64
        for split, share in zip(SPLITS, shares, strict=True):
            place -= share
            if place < 0:
                return split
        return next(split for split, share in reversed([*zip(SPLITS, shares, strict=True)]) if share > 0)

    def _digest(self, kind: str, text: str) -> bytes:
        return hmac.digest(self.secret, f"{kind}\n{text}".encode(), hashlib.sha256)


def label_key(data_dir: Path) -> LabelKey:
    """The key kept in `data_dir`, made there at the first export, readable for its owner alone.

    Raises `DatasetError` where it is damaged or cannot be made.
    """
    path = data_dir / KEY_NAME
    try:
        if not path.exists():
            create_private(path, f"{secrets.token_hex(_BYTES)}\n".encode("ascii"))
        secret = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except OSError as error:
        raise DatasetError(
            f"{path}: {error.strerror}; exports need this key to hide names and to keep splits"
        ) from None
    except ValueError:
        secret = b""
    if len(secret) != _BYTES:
        raise DatasetError(
            f"{path}: damaged; restore it from a backup. With another key photos would change their split"
        )
    return LabelKey(secret)
