"""Files and folders for their owner's eyes alone, whatever the umask: photos of people's goods, and keys."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from regrade.models.files import create_private

FILE: Final = 0o600
FOLDER: Final = 0o700

_FOLDERS: Final = ("photos", "photos-s3", "cache", "keys", "uploads")
_FILES: Final = ("regrade.db*", "serve.lock", "labels.*", "*.json")
"""What an installation keeps in its data directory. Anything else that lies there is not ours to change."""
_CHECKED: Final = ".private"


def open_to_others(data_dir: Path, *, thoroughly: bool = True) -> Iterator[Path]:
    """What of an installation others than its owner may read or write; not `thoroughly`, nothing below its folders."""
    if _is_open(data_dir):
        yield data_dir
    for pattern in _FILES:
        yield from filter(_is_open, sorted(data_dir.glob(pattern)))
    for folder in (data_dir / name for name in _FOLDERS):
        if _is_open(folder):
            yield folder
        if thoroughly:
            yield from _below(folder)


def close_to_others(path: Path) -> bool:
    """Leave `path` to its owner alone; False where it is somebody else's, or a folder that everybody may write to."""
    about = path.lstat()
    if about.st_uid != os.geteuid() or about.st_mode & stat.S_ISVTX:
        return False
    path.chmod(FOLDER if stat.S_ISDIR(about.st_mode) else FILE)
    return True


def mend(data_dir: Path) -> None:
    """Close what earlier versions left open: the folders at once, so that nothing in them can be reached."""
    for path in open_to_others(data_dir, thoroughly=False):
        with suppress(OSError):
            close_to_others(path)


def mend_thoroughly(data_dir: Path) -> int:
    """Close each file too, once for an installation; how many there were. May take a while."""
    if (data_dir / _CHECKED).exists():
        return 0
    closed = 0
    for path in open_to_others(data_dir):
        with suppress(OSError):
            closed += close_to_others(path)
    create_private(data_dir / _CHECKED, b"")
    return closed


def _below(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        for name in sorted([*folders, *files]):
            if _is_open(path := Path(root, name)):
                yield path


def _is_open(path: Path) -> bool:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return False
    return not stat.S_ISLNK(mode) and bool(mode & 0o077)
