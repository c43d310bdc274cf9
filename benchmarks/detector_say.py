"""What hearing the detector changes, category by category, on photos of sources that nothing was fitted on.

    .venv/bin/python benchmarks/detector_say.py       # writes benchmarks/results/detector_say.json

The active bundles as they are, and the same with a detector that has no say in the condition: differences (with less
without) in damage AUROC, accuracy and macro-F1 with 95% intervals by a paired bootstrap, over all other sources and
over each that has damaged and undamaged photos; and the CPU time of the networks a photo with and without, as a ratio.
`has_a_say` of a category is what its bundle says. Needs the bench photos and those of the other sources beside them.
"""

import argparse
import json
import shutil
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
from labelled_photos import labelled_photos, resampled_by
from rich.progress import track

from regrade.datasets.manifest import Record
from regrade.models.estimates import Resamples
from regrade.models.grader import Grader
from regrade.models.photos.intake import open_photo
from regrade.models.registry.bundle import load_bundle, sha256, shipped_root
from regrade.models.types import CONDITIONS
from regrade.training.judge.predictions import ANY_PHOTO
from regrade.training.metrics.classification import SCORERS, difference

HERE: Final = Path(__file__).parent
SCORES: Final = ("damage_auroc", "accuracy", "macro_f1")


def silenced(root: Path, folder: Path) -> Path:
    """A copy of the bundles in `root` whose detectors have no say; what they box is looked for as before."""
    shutil.copytree(root, folder)
    for category in sorted(path.parent.name for path in folder.glob("*/ACTIVE")):
        bundle = load_bundle(folder, category)
        constants = {**json.loads((bundle.folder / "calibration.json").read_text()), "detector": None}
        data = json.dumps(constants).encode()
        (bundle.folder / "calibration.json").write_bytes(data)
        manifest = json.loads((bundle.folder / "manifest.json").read_text())
        manifest["files"]["calibration.json"] = sha256(data)
        (bundle.folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def measure(records: list[Record], category: str, graders: dict[str, Grader]) -> dict[str, Any]:
    """Figures of one category on `records`, all of them of it."""
    found: dict[str, list[list[float]]] = {name: [] for name in graders}
    spent: dict[str, list[float]] = {name: [] for name in graders}
    for record in track(records, category):
        photo = open_photo(record.file.read_bytes())
        for name, grader in graders.items():
            begun = time.thread_time()
            grade = grader.grade([photo], category).grade
            spent[name].append((time.thread_time() - begun) * 1000)
            assert grade is not None
            found[name].append(list(grade.probabilities.values()))
    p = {name: np.array(rows) for name, rows in found.items()}
    truth = np.array([CONDITIONS.index(r.condition or "") for r in records])
    with_it, without = (float(np.median(spent[name])) for name in ("with", "without"))
    return {
        "cpu_ms": {"with": round(with_it, 2), "without": round(without, 2), "ratio": round(without / with_it, 3)},
        "all": _differences(records, truth, p, range(len(records))),
        **{
            source: _differences(records, truth, p, [i for i, r in enumerate(records) if r.source == source])
            for source in sorted({r.source for r in records if _both(records, r.source)})
        },
    }


def _both(records: list[Record], source: str) -> bool:
    damaged = [r.condition == "damaged" for r in records if r.source == source]
    return min(sum(damaged), len(damaged) - sum(damaged)) >= 5


def _differences(records: list[Record], truth: Any, p: dict[str, Any], rows: Any) -> dict[str, Any]:
    rows = list(rows)
    drawn = Resamples.of(resampled_by([records[i] for i in rows]))
    return {
        "photos": len(rows),
        "damaged": int((truth[rows] == p["with"].shape[1] - 1).sum()),
        **{
            score: difference(SCORERS[score], p["with"][rows], p["without"][rows], truth[rows], drawn).to_json()
            for score in SCORES
        },
    }


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--bundles", type=Path, default=shipped_root())
    made.add_argument("--more", type=Path)
    made.add_argument("--out", type=Path, default=HERE / "results" / "detector_say.json")
    options = made.parse_args()
    photos = labelled_photos(options.more)
    result: dict[str, Any] = {"command": "benchmarks/detector_say.py", "date": date.today().isoformat()}
    with tempfile.TemporaryDirectory() as scratch:
        quiet = silenced(options.bundles, Path(scratch) / "bundles")
        graders = {
            name: Grader.load(root, quality=ANY_PHOTO) for name, root in (("with", options.bundles), ("without", quiet))
        }
        for grader in graders.values():
            grader.warm_up()
        for category in ("packaging", "apparel", "electronics"):
            bundle = load_bundle(options.bundles, category)
            records = [r for r in photos.more if r.category == category and r.condition]
            entry: dict[str, Any] = {"version": bundle.version, "has_a_say": bundle.calibration.detector is not None}
            if records:
                entry |= measure(records, category, graders)
            result[category] = entry
            print(category, json.dumps(entry))
            options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
