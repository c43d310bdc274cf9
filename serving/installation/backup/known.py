"""Which backups of an installation there are: remembered in its data directory, to be named when they are needed."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from regrade.models.files import write_atomically

NAME: Final = "backups.json"
MOST: Final = 10


@dataclass(frozen=True, slots=True)
class Known:
    """A snapshot that was whole when it was made, at the moment `at`, in the backup folder `folder`."""

    folder: str
    snapshot: str
    at: str

    @property
    def moment(self) -> str:
        """When it was made, as people write it."""
        return f"{datetime.fromisoformat(self.at):%Y-%m-%d %H:%M} UTC"


def known(data_dir: Path) -> list[Known]:
    """The snapshots that are remembered, the oldest first; none where the list cannot be read."""
    try:
        return [Known(**one) for one in json.loads((data_dir / NAME).read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return []


def remember(data_dir: Path, made: Known) -> None:
    """Add a snapshot to the list."""
    kept = [one for one in known(data_dir) if one != made][-(MOST - 1) :]
    data = json.dumps([asdict(one) for one in (*kept, made)], indent=1).encode() + b"\n"
    write_atomically(data_dir / NAME, data, private=True)


def advice(data_dir: Path) -> str:
    """Which backup to take, in words."""
    for one in reversed(known(data_dir)):
        if (Path(one.folder) / "snapshots" / f"{one.snapshot}.json").is_file():
            return (
                f"The newest backup known is of {one.moment}; `regrade restore {one.folder} --snapshot {one.snapshot} "
                "--data-dir NEW` puts it into a new folder."
            )
    if (found := known(data_dir)[-1:]) != []:
        return f"The newest backup known, of {found[0].moment} in {found[0].folder}, cannot be reached from here."
    return "No backup of it is known here; if you have one, `regrade restore BACKUP --data-dir NEW` brings it back."
