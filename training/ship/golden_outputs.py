"""What a new bundle's networks make of the golden photos, for services to compare with (`regrade.models.golden`)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from regrade.models import golden
from regrade.models.registry.bundle import PRECISIONS
from regrade.models.registry.files import complete
from regrade.training.judge.predictions import open_grader
from regrade.training.run.files import json_bytes


def add_golden(root: Path, names: Sequence[str], version: str) -> None:
    """Add to the bundles of these `names` and this `version` under `root`, which were just written, what they make of
    the golden photos."""
    entries: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in names}
    for precision in PRECISIONS:
        grader = open_grader(root, version=version, precision=precision)
        for photo, by_bundle in golden.outputs(grader, names).items():
            for name, seen in by_bundle.items():
                entries[name].setdefault(precision, {})[photo] = seen.to_json()
    for name in names:
        complete(root / name / version, {golden.FILE: json_bytes(entries[name])})
