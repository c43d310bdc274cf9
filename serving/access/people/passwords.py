"""Passwords as they are kept: scrypt (RFC 7914), with its parameters beside each, so that they can be raised later."""

import base64
import hashlib
import hmac
import secrets
import unicodedata
from typing import Final

from regrade.serving.base.errors import FieldFault, InvalidFieldsError
from regrade.serving.base.i18n import Message

LEAST: Final = 12
MOST: Final = 200
"""Characters. Of its signs nothing is asked (NIST SP 800-63B, section 3.1.1.2): such rules make for guessable ones."""

_LOG2_N: Final = 15
_R: Final = 8
_P: Final = 3
"""One of the settings that OWASP's cheat sheet of password storage holds for equal: 32 MiB, 0.2 to 0.7 s of a core."""


def checked(password: str, name: str) -> str:
    """`password` as it is hashed. Raises `InvalidFieldsError` for one that is too short or too long, repeats a pattern,
    or is too short but for the `name` of whose it is."""
    found = _normal(password)
    if len(found) < LEAST:
        fault = FieldFault("password", Message("fault.password_short", {"least": LEAST}))
    elif len(found) > MOST:
        fault = FieldFault("password", Message("fault.too_long", {"limit": f"{MOST}"}))
    elif _repeats(found.casefold()):
        fault = FieldFault("password", Message("fault.password_repeats"))
    elif len(found.casefold().replace(_normal(name).casefold(), "")) < LEAST:
        fault = FieldFault("password", Message("fault.password_name", {"least": LEAST}))
    else:
        return found
    raise InvalidFieldsError("invalid-request", "request", [fault])


def _repeats(password: str) -> bool:
    """Whether it is one pattern over and over, such as `aaaa` or `abcabca`."""
    return any(password[period:] == password[:-period] for period in range(1, len(password) // 2 + 1))


def hashed(password: str) -> str:
    """What is kept of a password."""
    salt = secrets.token_bytes(16)
    return "$".join(["scrypt", str(_LOG2_N), str(_R), str(_P), _text(salt), _text(_derive(password, salt))])


def matches(password: str, kept: str | None) -> bool:
    """Whether `password` is the one of which `kept` is kept. It takes as long where nothing is: None."""
    kind, log2_n, r, p, salt, digest = (kept or NOTHING).split("$")
    if kind != "scrypt":
        return False
    found = _derive(password, base64.b64decode(salt), int(log2_n), int(r), int(p))
    return hmac.compare_digest(found, base64.b64decode(digest)) and kept is not None


def _derive(password: str, salt: bytes, log2_n: int = _LOG2_N, r: int = _R, p: int = _P) -> bytes:
    most = 2 * 128 * r * (1 << log2_n)
    given = _normal(password)[: 2 * MOST].encode("utf-8", "surrogatepass")
    return hashlib.scrypt(given, salt=salt, n=1 << log2_n, r=r, p=p, maxmem=most, dklen=32)


def _normal(password: str) -> str:
    # The same keys give different code points on different devices.
    return unicodedata.normalize("NFKC", password)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


NOTHING: Final = "$".join(["scrypt", str(_LOG2_N), str(_R), str(_P), _text(bytes(16)), _text(bytes(32))])
"""What is compared with where a name has no password."""
