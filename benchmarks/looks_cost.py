"""CPU time of the networks a photo where its category is declared, for bundles of one release and of another.

    .venv/bin/python benchmarks/looks_cost.py 2026.11.3 2026.11.4    # writes benchmarks/results/looks_cost.json

Times the CPU seconds of the calling thread; versions take turns on each photo, so that what else the machine does hits
both. Photos are those of the bench's test split, decoded beforehand; quality gate, backbone, parts, detector and heads
are in it. The median is what most photos pay, the mean what all pay together; `closer` is the share that pays for parts
or a detector. Needs the bench photos.
"""

import argparse
import json
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np

from regrade.datasets.manifest import Record, locate_manifest, read_manifest
from regrade.models.grader import Grader
from regrade.models.photos.intake import DEFAULT_LIMITS, open_photo
from regrade.models.registry.bundle import shipped_root, versions
from regrade.training.judge.predictions import ANY_PHOTO

HERE: Final = Path(__file__).parent


def measure(category: str, records: list[Record], asked: list[str]) -> dict[str, Any]:
    """Milliseconds a photo by version, and how they compare, photo by photo."""
    graders = {v: Grader.load(quality=ANY_PHOTO, versions={category: v}) for v in asked}
    spent: dict[str, list[float]] = {v: [] for v in asked}
    closer = dict.fromkeys(asked, 0)
    for grader in graders.values():
        grader.warm_up()
    for record in records:
        for version, grader in graders.items():
            limits = replace(DEFAULT_LIMITS, working_side=grader.working_side)
            photo = open_photo(record.file.read_bytes(), limits=limits)
            begun = time.thread_time()
            seen = grader.look(photo, category)
            grader.conclude([seen], category)
            spent[version].append((time.thread_time() - begun) * 1000)
            closer[version] += bool(seen.parts or seen.detections)
    figures = {
        v: {
            "median_ms": round(float(np.median(ms)), 2),
            "mean_ms": round(float(np.mean(ms)), 2),
            "closer": round(closer[v] / len(records), 3),
        }
        for v, ms in spent.items()
    }
    first, last = (np.array(spent[v]) for v in (asked[0], asked[-1]))
    ratio = {"median": round(float(np.median(last / first)), 3), "mean": round(float(last.sum() / first.sum()), 3)}
    return {"photos": len(records), **figures, f"{asked[-1]} over {asked[0]}": ratio}


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("versions", nargs="+")
    made.add_argument("--most", type=int, default=80, help="photos a category")
    made.add_argument("--out", type=Path, default=HERE / "results" / "looks_cost.json")
    options = made.parse_args()
    records = [r for r in read_manifest(locate_manifest()) if r.split == "test" and r.condition]
    found: dict[str, Any] = {
        "command": f"benchmarks/looks_cost.py {' '.join(options.versions)}",
        "date": date.today().isoformat(),
    }
    for category in ("packaging", "electronics", "apparel"):
        if set(options.versions) <= set(versions(shipped_root(), category)):
            mine = [r for r in records if r.category == category][: options.most]
            found[category] = measure(category, mine, options.versions)
    options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
