"""What a snapshot holds: a small JSON file, the last that is written of it. A snapshot without one does not exist."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from regrade.serving.base.canonical import canonical_json
from regrade.serving.base.errors import BackupError

FORMAT: Final = "regrade-backup/1"


@dataclass(frozen=True, slots=True)
class Stored:
    """Content in a backup: its SHA-256 in hex, under which it lies there, and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Photos:
    """The photos of a snapshot: how many, their bytes in all, and the list of them, a line `sha256 size` for each."""

    count: int
    size: int
    listed: Stored


@dataclass(frozen=True, slots=True)
class Manifest:
    """One snapshot.

    `taken_at` is in ISO 8601, UTC. `database` is the path of the database among `files`, None where it is not in the
    backup. `files` are all files but the photos, by their path under the data directory. `lost` are photos that
    inspections have and that were gone or damaged already. `settings` are those that were not the default.
    """

    snapshot: str
    taken_at: str
    regrade: str
    schema: str
    inspections: int
    database: str | None
    files: Mapping[str, Stored]
    photos: Photos
    lost: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """The bytes that a restored installation takes."""
        return self.photos.size + sum(one.size for one in self.files.values())

    def dump(self) -> bytes:
        """The file's content; it tells a byte of itself that has gone bad."""
        document = {"format": FORMAT, **asdict(self), "lost": list(self.lost)}
        return json.dumps({**document, "digest": _digest(document)}, indent=1, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def load(cls, path: Path) -> Self:
        """The manifest in `path`. Raises `BackupError` where it is missing, damaged or of another format."""
        try:
            document = json.loads(path.read_bytes())
            digest, kind = document.pop("digest"), document.pop("format")
        except FileNotFoundError:
            raise BackupError(f"There is no snapshot {path.stem} in {path.parent.parent}.") from None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise BackupError(f"The manifest {path} is damaged.") from error
        if kind != FORMAT:
            raise BackupError(f"The manifest {path} is of the format {kind!r}; this version reads {FORMAT!r}.")
        if digest != _digest({"format": kind, **document}):
            raise BackupError(f"The manifest {path} is damaged: its digest does not fit.")
        files = {name: Stored(**one) for name, one in document.pop("files").items()}
        photos = document.pop("photos")
        listed = Stored(**photos.pop("listed"))
        return cls(files=files, photos=Photos(**photos, listed=listed), lost=tuple(document.pop("lost")), **document)


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(document)).hexdigest()
