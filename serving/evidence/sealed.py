"""Statements of which a part can be taken out later, and the rest still be checked.

This is SD-JWT (RFC 9901). What is personal is not in the signed text itself: in its place stands the digest of a
disclosure, which is a random salt with the name and the value. The disclosures are kept beside the signed text. Once
one is deleted its value is gone, as the salt keeps anybody from guessing it, and the signature still holds.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

DIGESTS: Final = "_sd"
ALGORITHM_NAME: Final = "_sd_alg"
ALGORITHM: Final = "sha-256"
SALT_BYTES: Final = 16
"""What RFC 9901, 9.3, recommends."""
MAX_DEPTH: Final = 64
"""How deep a statement that is read may be nested; ours are not ten deep."""


@dataclass(frozen=True, slots=True)
class Personal:
    """A JSON value, the member of an object, that must be possible to erase after it was signed."""

    value: Any


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One value that can be taken out. `path` says where it stands, such as `item.rma`; `text` is what is handed on:
    salt, name and value as JSON in base64url."""

    path: str
    text: str

    @property
    def digest(self) -> str:
        """What stands in the signed text for it."""
        return digest_of(self.text)


@dataclass(slots=True)
class Opened:
    """A statement with what its disclosures say put back in. `withheld` are the digests that none was there for,
    `unfit` says what is wrong with the disclosures."""

    value: dict[str, Any]
    withheld: tuple[str, ...] = ()
    unfit: tuple[str, ...] = ()


def seal(body: Mapping[str, Any]) -> tuple[dict[str, Any], list[Disclosure]]:
    """`body`, JSON values and `Personal` ones, as it is signed, and the disclosures of what is personal in it."""
    disclosures: list[Disclosure] = []
    sealed = _seal(body, "", disclosures)
    return {**sealed, ALGORITHM_NAME: ALGORITHM}, disclosures


def plain(value: Any) -> Any:
    """A body with what is personal as if it were not: what opening it gives, once sealed, with all disclosures."""
    if isinstance(value, dict):
        return {name: plain(entry.value if isinstance(entry, Personal) else entry) for name, entry in value.items()}
    return [plain(entry) for entry in value] if isinstance(value, list | tuple) else value


def unseal(claims: Mapping[str, Any], texts: Iterable[str]) -> Opened:
    """What `claims` say with the disclosures `texts`. Nothing is raised for unfit ones: `Opened` tells."""
    work = _Unsealing({digest_of(text): text for text in texts})
    value = work.open({name: entry for name, entry in claims.items() if name != ALGORITHM_NAME})
    work.unfit += ["a value that nothing was signed for" for _ in work.texts]
    if claims.get(ALGORITHM_NAME, ALGORITHM) != ALGORITHM:
        work.unfit.append(f"digests other than {ALGORITHM}")
    return Opened(value, tuple(work.withheld), tuple(work.unfit))


def digest_of(text: str) -> str:
    """The SHA-256 of a disclosure in base64url, without padding."""
    return _encode(hashlib.sha256(text.encode()).digest())


def name_of_disclosure(text: str) -> str | None:
    """The name of the member that a disclosure puts back; None where it cannot be read."""
    try:
        _, name, _ = json.loads(_decode(text))
    except (ValueError, TypeError, RecursionError):
        return None
    return name if isinstance(name, str) else None


def nested(value: Any) -> bool:
    """Whether a JSON value is nested deeper than `MAX_DEPTH`. Not recursive: what is read may be of anybody."""
    level: Sequence[Any] = [value]
    for _ in range(MAX_DEPTH):
        inner = [list(entry.values()) if isinstance(entry, dict) else entry for entry in level]
        level = [child for entry in inner if isinstance(entry, list) for child in entry]
        if not level:
            return False
    return True


def _seal(value: Any, path: str, out: list[Disclosure]) -> Any:
    if isinstance(value, list | tuple):
        return [_seal(entry, f"{path}{index}.", out) for index, entry in enumerate(value)]
    if not isinstance(value, dict):
        return value
    personal = {name: entry.value for name, entry in value.items() if isinstance(entry, Personal)}
    made = [_disclose(f"{path}{name}", name, entry) for name, entry in personal.items()]
    out += made
    clear = {name: _seal(entry, f"{path}{name}.", out) for name, entry in value.items() if name not in personal}
    # Sorted, so that their order tells nothing of which is which.
    return {**clear, DIGESTS: sorted(one.digest for one in made)} if made else clear


def _disclose(path: str, name: str, value: Any) -> Disclosure:
    salt = _encode(secrets.token_bytes(SALT_BYTES))
    return Disclosure(path, _encode(json.dumps([salt, name, value], allow_nan=False).encode()))


@dataclass(slots=True)
class _Unsealing:
    texts: dict[str, str]
    withheld: list[str] = field(default_factory=list)
    unfit: list[str] = field(default_factory=list)

    def open(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.open(entry) for entry in value]
        if not isinstance(value, dict):
            return value
        opened = {name: self.open(entry) for name, entry in value.items() if name != DIGESTS}
        for digest in value.get(DIGESTS, ()):
            self._put_back(opened, digest)
        return opened

    def _put_back(self, opened: dict[str, Any], digest: Any) -> None:
        text = self.texts.pop(digest, None) if isinstance(digest, str) else None
        if text is None:
            self.withheld.append(str(digest))
            return
        try:
            salt, name, entry = json.loads(_decode(text))
        except (ValueError, TypeError, RecursionError):
            salt = name = entry = None
        if not isinstance(salt, str) or not isinstance(name, str) or name in opened:
            self.unfit.append("a value that cannot be read")
            return
        opened[name] = entry


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
