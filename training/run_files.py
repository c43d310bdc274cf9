"""Files that are there wholly or not at all, however the machine goes down."""

import json
import os
from pathlib import Path
from typing import Any

from regrade.models.errors import RunError


def write_atomically(path: Path, data: bytes) -> Path:
    """Write `data` to `path` through a file beside it, synced to disk with its folder; returns `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    sync_folder(path.parent)
    return path


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def append_line(path: Path, line: str) -> None:
    """Append one line, synced to disk. A torn line of an earlier crash is ended first, so that it spoils no other."""
    fresh = not path.exists()
    with path.open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                line = "\n" + line
        file.write((line + "\n").encode())
        file.flush()
        os.fsync(file.fileno())
    if fresh:
        sync_folder(path.parent)


def json_bytes(data: object) -> bytes:
    """`data` as indented JSON; ValueError for NaN, which JSON has not."""
    return (json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def read_json(path: Path) -> Any:
    """What a JSON file holds. Raises `RunError` where it is missing or spoilt."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{path} is missing. Run the stage that writes it first.") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read ({error}). Run the stage that writes it again.") from None
