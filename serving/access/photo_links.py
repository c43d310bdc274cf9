"""Links to photos that need no key: each names one photo, ends soon, and is signed by this installation.

They are for systems that take links to photos and have no key, such as those that adapters send to.
"""

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from regrade.serving.base.errors import LinkExpiredError, NotFoundError
from regrade.serving.base.i18n import Message
from regrade.serving.storage.keyfile import load_key

LONGEST: Final = timedelta(days=30)
"""The longest life of a link, also of one that was signed for longer."""
_LAST: Final = 253_402_300_799
_NUMBER: Final = re.compile(r"[0-9]{1,12}")


class PhotoLinks:
    """Makes and checks links, with a secret that is kept in a file: a copy of the database opens none."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    def load(cls, directory: Path) -> "PhotoLinks":
        """Those of the secret kept in `directory`, made there on first use. Raises `DataDirError` for a damaged one."""
        return cls(load_key(directory / "photo-links.key"))

    def link(self, inspection_id: str, index: int, now: datetime, life: timedelta) -> str:
        """Path and query of a link to the photo `index` of an inspection, good for `life`, at most `LONGEST`."""
        expires = int((now + min(life, LONGEST)).timestamp())
        signature = self._sign(inspection_id, index, expires)
        return f"/v1/photos/{inspection_id}/{index}?expires={expires}&signature={signature}"

    def check(self, inspection_id: str, index: int, expires: str, signature: str, now: datetime) -> None:
        """Raises `NotFoundError` for what was not signed here, and `LinkExpiredError` for what has ended."""
        until = int(expires) if _NUMBER.fullmatch(expires) else -1
        right = self._sign(inspection_id, index, until)
        # Compared first, and in a time that tells nothing: whoever guesses learns not even whether a link has ended.
        if not hmac.compare_digest(right.encode(), signature.encode()):
            raise NotFoundError(Message("problem.no_link", {}))
        moment = now.timestamp()
        if until <= moment or until > moment + LONGEST.total_seconds() + 60:
            # Bounded: years beyond 9999 can be signed, and not be written.
            at = datetime.fromtimestamp(min(until, _LAST), UTC).strftime("%Y-%m-%d %H:%M UTC")
            raise LinkExpiredError(Message("problem.link_expired", {"at": at}))

    def _sign(self, inspection_id: str, index: int, expires: int) -> str:
        told = f"regrade photo link {inspection_id} {index} {expires}"
        return hmac.digest(self._secret, told.encode(), hashlib.sha256).hex()
