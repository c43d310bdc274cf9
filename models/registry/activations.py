"""The log of activations: one line of JSON a change of what is active, in the folder of bundles that it concerns."""

import getpass
import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

LOG_NAME: Final = "activations.jsonl"


@dataclass(frozen=True, slots=True)
class Activation:
    """One change of what is active. `at` is in ISO 8601, UTC; `before` is None where nothing was active.

    `before` and `after` are the same where a site decided to keep what was only the default until then.
    """

    at: str
    category: str
    before: str | None
    after: str
    by: str
    reason: str

    @classmethod
    def now(cls, category: str, before: str | None, after: str, by: str | None, reason: str) -> Self:
        """A change that happens now; `by` None takes the login name."""
        return cls(datetime.now(UTC).isoformat(timespec="seconds"), category, before, after, by or login(), reason)

    def to_line(self) -> str:
        """As it stands in the log."""
        return json.dumps(asdict(self), ensure_ascii=False)


def read_log(root: Path) -> tuple[Activation, ...]:
    """The changes that the log under `root` holds, oldest first; a line that a crash cut short is left out."""
    try:
        lines = (root / LOG_NAME).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ()
    found = []
    for line in lines:
        try:
            found.append(Activation(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return tuple(found)


def login() -> str:
    """The name of whoever runs this process."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"
