"""Grades of single photos kept on disk as they come, so that an interrupted evaluation goes on where it stopped."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from regrade.models.networks.detector import Detection
from regrade.models.registry.bundle import Bundle, shipped_root
from regrade.models.types import Defect


@dataclass(frozen=True, slots=True)
class Graded:
    """What the grader said of one photo: `probabilities` (k,) in the order of `labels`, and the rest of its grade.

    `detections` is all that its detector found, reported or not; None where it has no detector.
    """

    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    prediction_set: tuple[str, ...]
    auto_threshold: float | None
    defects: tuple[Defect, ...]
    issues: tuple[str, ...]
    detections: tuple[Detection, ...] | None = None

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Graded":
        """Read what `asdict` and JSON made of one; raises KeyError or TypeError for anything else."""
        return cls(
            labels=tuple(data["labels"]),
            probabilities=tuple(data["probabilities"]),
            prediction_set=tuple(data["prediction_set"]),
            auto_threshold=data["auto_threshold"],
            defects=tuple(Defect(**{**d, "box": tuple(d["box"])}) for d in data["defects"]),
            issues=tuple(data["issues"]),
            detections=None
            if data["detections"] is None
            else tuple(Detection(**{**d, "box": tuple(d["box"])}) for d in data["detections"]),
        )


def fingerprint(bundle: Bundle, precision: str, edit: str = "") -> str:
    """What makes a cached grade worthless when it changes: the bundle's files, the precision, the photo's edit, and
    the code of the grader."""
    parts = [(bundle.folder / "manifest.json").read_bytes(), f"{precision}|{edit}".encode()]
    code = [*sorted(shipped_root().parent.rglob("*.py")), Path(__file__), Path(__file__).with_name("predictions.py")]
    parts += [path.read_bytes() for path in code]
    return _digest(b"".join(parts))[:24]


class PredictionCache:
    """Grades by photo, in a JSON-lines file that is appended to after every photo.

    A line that an interruption cut off is skipped. Lines of another `fingerprint` are kept and not used.
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        self._path = path
        self._fingerprint = fingerprint
        self._known: dict[str, Graded] = {}
        if path.is_file():
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                self._read(line)

    def __len__(self) -> int:
        return len(self._known)

    def get(self, data: bytes) -> Graded | None:
        """The grade of the photo with these bytes, None if it is not known."""
        return self._known.get(_digest(data))

    def put(self, data: bytes, graded: Graded) -> None:
        """Remember the grade of the photo with these bytes, on disk at once."""
        key = _digest(data)
        line = json.dumps({"made_by": self._fingerprint, "photo": key, "graded": asdict(graded)})
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            # The newline comes first too, so that a line cut off before does not swallow this one.
            file.write(f"\n{line}\n")
        self._known[key] = graded

    def _read(self, line: str) -> None:
        try:
            row = json.loads(line)
            if row["made_by"] == self._fingerprint:
                self._known[row["photo"]] = Graded.from_json(row["graded"])
        except (ValueError, KeyError, TypeError):
            return


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
