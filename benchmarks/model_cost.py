"""CPU time of all networks together for one photo on one core, INT8 and FP32, side by side in one run.

    .venv/bin/python benchmarks/model_cost.py            # writes benchmarks/results/model_cost.json

Times the CPU seconds of the calling thread, not the clock: another process on the machine does not count. Photos are
the demo photos that come with the project, decoded beforehand; quality gate, backbone, detector and heads are in it.
"""

import argparse
import json
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from item_latency import machine, percentiles

from regrade.models.grader import Grader
from regrade.models.intake import open_photo

HERE = Path(__file__).parent
PHOTOS = sorted((HERE.parent / "serving" / "demo" / "photos").glob("*.jpg"))


def measure(rounds: int) -> dict[str, Any]:
    """Milliseconds of CPU per photo for each precision, the two taking turns, and their ratio round by round."""
    photos = [open_photo(path.read_bytes()) for path in PHOTOS]
    graders = {precision: Grader.load(precision=precision) for precision in ("int8", "fp32")}
    for grader in graders.values():
        grader.warm_up()
    times: dict[str, list[float]] = {name: [] for name in graders}
    for _ in range(rounds):
        for name, grader in graders.items():
            start = time.thread_time()
            for photo in photos:
                grader.conclude([grader.look(photo)])
            times[name].append((time.thread_time() - start) / len(photos) * 1000)
    ratio = np.array(times["fp32"]) / np.array(times["int8"])
    return {
        "ms_per_photo": {name: percentiles(values) for name, values in times.items()},
        "fp32_over_int8": {"median": float(np.median(ratio)), "min": float(ratio.min()), "max": float(ratio.max())},
        "photos": len(photos),
        "rounds": rounds,
        "bundles": {info.category: info.version for info in graders["int8"].describe() if info.active},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "model_cost.json")
    options = parser.parse_args()
    found = {
        "command": f"benchmarks/model_cost.py --rounds {options.rounds}",
        "date": date.today().isoformat(),
        "machine": machine(),
        **measure(options.rounds),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found["ms_per_photo"], indent=1))


if __name__ == "__main__":
    main()
