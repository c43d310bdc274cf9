"""What an item costs by the size and the number of its photos, on a service that has nothing else to do.

    .venv/bin/python benchmarks/sizes.py            # about 6 minutes; writes benchmarks/results/sizes.{json,png}

Items of 1, 4 and 12 photos of 0.5, 2, 12 and 48 megapixels, one at a time through `regrade serve` with its defaults.
Cost is the median latency and the CPU seconds of the server per item. Where the work grows by some factor, the cost
must not grow by more: `steepest` is the largest slope between neighbours on the log-log plot, 1 being proportional.
"""

import argparse
import itertools
from math import log
from typing import Any

from charts import sizes_figure
from load import saturate
from photos import SIZES, item_body, item_of, photo_of, twin
from rich.progress import Progress
from rig import Service, cores, declared, parser, percentiles, write

MEGAPIXELS = (0.5, 2, 12, 48)
COUNTS = (1, 4, 12)
STEEP = 1.15
"""A slope above this is called superlinear; below it is what noise and rounding do."""


def measure(options: argparse.Namespace, progress: Progress) -> list[dict[str, Any]]:
    """One entry for each size and count."""
    found = []
    task = progress.add_task("sizes", total=len(options.megapixels) * len(options.counts))
    with Service(folder=options.folder) as service:
        for megapixels in options.megapixels:
            rendered = [photo_of(seed, *SIZES[megapixels]) for seed in range(2)]
            for count in options.counts:
                progress.update(task, description=f"{count} × {megapixels:g} megapixels")
                photos = [twin(rendered[n % 2], n) for n in range(count)]
                body, kind = item_body(photos, item_of(declared(options)))
                headers = service.headers | {"Content-Type": kind}
                saturate(service.url, "/v1/inspections", headers, [body], 1, 0.5)  # its sizes are new to the service
                before = service.cpu_s()
                load = saturate(service.url, "/v1/inspections", headers, [body], 1, options.seconds)
                used = service.cpu_s() - before
                if any(answer.status != 201 for answer in load.answers):
                    raise RuntimeError(f"an idle service answered {sorted({a.status for a in load.answers})}")
                items = len(load.answers)
                found.append(
                    {
                        "megapixels": megapixels,
                        "photos": count,
                        "body_mb": round(len(body) / 2**20, 2),
                        "items": items,
                        "latency_ms": percentiles([a.latency * 1000 for a in load.answers], (50, 95)),
                        "cpu_ms_per_item": round(used / items * 1000, 1),
                        "cpu_ms_per_photo": round(used / items / count * 1000, 1),
                        "client_cpu_ms_per_item": round(load.client_cpu_s / items * 1000, 1),
                        "rss_mb": round(service.rss_mb(), 1),
                        "peak_rss_mb_so_far": round(service.peak_mb(), 1),
                    }
                )
                progress.advance(task)
    return found


def steepest(found: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """For latency and CPU: the largest log-log slope between neighbours along the sizes and along the counts."""
    slopes: dict[str, list[dict[str, Any]]] = {"latency": [], "cpu": []}
    for a, b in itertools.permutations(found, 2):
        along = "photos" if a["megapixels"] == b["megapixels"] else "megapixels"
        other = "megapixels" if along == "photos" else "photos"
        values = sorted({one[along] for one in found})
        if a[other] != b[other] or values.index(b[along]) - values.index(a[along]) != 1:
            continue
        work = log(b[along] / a[along])
        costs = {
            "latency": log(b["latency_ms"]["p50"] / a["latency_ms"]["p50"]),
            "cpu": log(b["cpu_ms_per_item"] / a["cpu_ms_per_item"]),
        }
        step = {"along": along, "at_" + other: a[other], "from": a[along], "to": b[along]}
        for name, cost in costs.items():
            slopes[name].append({"slope": round(cost / work, 2), **step})
    worst = {name: max(steps, key=lambda step: step["slope"]) for name, steps in slopes.items() if steps}
    return {name: step | {"superlinear": step["slope"] > STEEP} for name, step in worst.items()}


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--seconds", type=float, default=12.0, help="of each size and count")
    made.add_argument("--megapixels", type=float, nargs="+", default=MEGAPIXELS, choices=sorted(SIZES))
    made.add_argument("--counts", type=int, nargs="+", default=COUNTS, help="photos an item")
    options = made.parse_args()
    if options.quick:
        options.seconds, options.megapixels, options.counts = 1.0, (0.5, 2), (1, 4)
    with Progress() as progress:
        found = measure(options, progress)
    result = {
        "category": options.category,
        "cores": cores(),
        "settings": {},
        "seconds": options.seconds,
        "steepest": steepest(found),
        "sizes": found,
    }
    write(result, "sizes", sizes_figure(result), options.out)
    for name, step in result["steepest"].items():
        print(f"{name}: steepest slope {step['slope']} ({'superlinear' if step['superlinear'] else 'not superlinear'})")


if __name__ == "__main__":
    main()
