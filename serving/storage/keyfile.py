"""Secret keys of an installation: random bytes in a file that its owner alone can read, made on first use."""

import secrets
from pathlib import Path
from typing import Final

from regrade.models.files import create_private
from regrade.serving.base.errors import DataDirError
from regrade.serving.storage.photostore import make_directories

KEY_BYTES: Final = 32


def load_key(path: Path) -> bytes:
    """The key in `path`, made there where there is none. Raises `DataDirError` for a damaged one."""
    make_directories(path.parent)
    if not path.exists():
        create_private(path, secrets.token_bytes(KEY_BYTES))
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise DataDirError(f"The key {path} is damaged. Restore it from a backup.")
    return key
