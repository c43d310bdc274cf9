"""Which split every photo got in the exports of a data folder, so that no later one can give it another.

Splits follow from the key and from what links items to each other, and links can go: a decision is undone within its
minute, an option is set otherwise. What was handed out once therefore stands in a file that is only ever added to.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError

from regrade.datasets.validation import dataset_error
from regrade.models.errors import DatasetError
from regrade.models.files import write_atomically

LEDGER_NAME: Final = "labels.splits.json"
Split = Literal["train", "val", "test"]
Handed = tuple[Annotated[str, Field(min_length=1)], Split]
"""A group, and the split that it is in."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Group and split by photo hash, and by the group that an item would be by itself."""

    photos: Mapping[str, Handed] = field(default_factory=dict)
    groups: Mapping[str, Handed] = field(default_factory=dict)


_LEDGER = TypeAdapter(Ledger)


def read_ledger(data_dir: Path) -> Ledger:
    """What was handed out so far; nothing where nothing was exported yet. Raises `DatasetError` for a damaged file."""
    path = data_dir / LEDGER_NAME
    try:
        return _LEDGER.validate_json(path.read_bytes())
    except FileNotFoundError:
        return Ledger()
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}; exports need it to keep splits") from None
    except ValidationError as error:
        said = dataset_error(str(path), error)
        raise DatasetError(f"{said}; restore it from a backup, or photos may change their split") from None


def add_to_ledger(data_dir: Path, new: Ledger) -> None:
    """Add what is new; what stands there stays as it is."""
    old = read_ledger(data_dir)
    both = {"photos": {**new.photos, **old.photos}, "groups": {**new.groups, **old.groups}}
    write_atomically(data_dir / LEDGER_NAME, (json.dumps(both, sort_keys=True, indent=0) + "\n").encode())
