"""CPU time of all networks together for one photo on one core, INT8 and FP32, side by side in one run.

    .venv/bin/python benchmarks/model_cost.py            # writes benchmarks/results/model_cost.json

Times the CPU seconds of the calling thread, not the clock: another process on the machine does not count. Photos are
the demo photos that come with the project, decoded beforehand; quality gate, backbone, detector and heads are in it.
"""

import json
import time
from typing import Any

import numpy as np
from rig import PROJECT, parser, percentiles, write

from regrade.models.grader import Grader
from regrade.models.photos.intake import open_photo

PHOTOS = sorted((PROJECT / "serving" / "examples" / "photos").glob("*.jpg"))


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
        "ms_per_photo": {name: percentiles(values, (50, 95)) for name, values in times.items()},
        "fp32_over_int8": {"median": float(np.median(ratio)), "min": float(ratio.min()), "max": float(ratio.max())},
        "photos": len(photos),
        "rounds": rounds,
        "bundles": {info.category: info.version for info in graders["int8"].describe() if info.active},
    }


def main() -> None:
    made = parser(__doc__, service=False)
    made.add_argument("--rounds", type=int, default=10)
    options = made.parse_args()
    found = measure(1 if options.quick else options.rounds)
    write(found, "model_cost", out=options.out)
    print(json.dumps(found["ms_per_photo"], indent=1))


if __name__ == "__main__":
    main()
