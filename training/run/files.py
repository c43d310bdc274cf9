"""The JSON files of a run."""

import json
from pathlib import Path
from typing import Any

from regrade.models.errors import RunError


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
