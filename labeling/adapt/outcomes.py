"""What came out of the last adaptation of each category, so that the same decisions are not taken up again."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from regrade.models.errors import DatasetError
from regrade.models.files import write_atomically

NAME: Final = "adaptations.json"
Kind = Literal["installed", "kept", "too_few", "nothing_new", "worse", "failed"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one category. `dataset` is the version of its decisions, `active` the manifest's SHA-256 of what graded then;
    `version` the bundle that was installed, None where none was; `told` says why in a sentence."""

    category: str
    kind: Kind
    dataset: str
    active: str
    told: str
    version: str | None = None
    details: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As it is printed and kept."""
        return asdict(self)


def last_outcomes(data_dir: Path) -> dict[str, dict[str, Any]]:
    """By category, as `keep` wrote them. Raises `DatasetError` for a damaged file."""
    path = data_dir / NAME
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read ({error}). Remove it: decisions are then taken up anew.") from None
    return found if isinstance(found, dict) else {}


def keep(data_dir: Path, outcome: Outcome) -> None:
    """Write down what came out."""
    known = {**last_outcomes(data_dir), outcome.category: outcome.to_json()}
    write_atomically(data_dir / NAME, (json.dumps(known, indent=1, ensure_ascii=False) + "\n").encode(), private=True)
