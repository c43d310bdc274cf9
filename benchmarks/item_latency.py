"""End-to-end time of one item of four 12-megapixel photos, start-up time and memory, through the real service.

    .venv/bin/python benchmarks/item_latency.py            # writes benchmarks/results/item_latency.json

The service runs as its users run it, in its own process, with durable storage; this script is the only client and
sends one item at a time.
"""

import argparse
import json
import time
from typing import Any

import httpx
import numpy as np
from photos import bodies_of, photo_of, stamped
from rig import Service, declared, parser, percentiles, write

PER_ITEM = 4


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Start the service, post the items one after the other, and stop it."""
    width, height = (816, 612) if options.quick else (4032, 3024)
    photos = [photo_of(seed, width, height) for seed in range(8)]
    bodies, kind = bodies_of(photos, PER_ITEM, declared(options))
    items = 3 if options.quick else options.items
    times, server, peak = [], [], 0.0
    with (
        Service(folder=options.folder) as service,
        httpx.Client(base_url=service.url, headers=service.headers, timeout=60, trust_env=False) as client,
    ):
        for n in range(items + 2):
            body = stamped(bodies[n % len(bodies)], n)
            before = time.perf_counter()
            answer = client.post("/v1/inspections", content=body, headers={"Content-Type": kind})
            elapsed = (time.perf_counter() - before) * 1000
            if answer.status_code != 201:
                raise RuntimeError(f"{answer.status_code}: {answer.text[:300]}")
            peak = max(peak, service.rss_mb())
            if n >= 2:
                times.append(elapsed)
                server.append(answer.json()["timings_ms"]["total"])
    return {
        "category": options.category,
        "photos_per_item": PER_ITEM,
        "megapixels": round(width * height / 1e6, 1),
        "mean_photo_mb": round(float(np.mean([len(p) for p in photos])) / 2**20, 2),
        "items": items,
        "end_to_end_ms": percentiles(times, (50, 95)),
        "server_total_ms": percentiles(server, (50, 95)),
        "start_to_ready_s": round(service.ready_s, 2),
        "peak_resident_mb": round(peak, 1),
    }


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--items", type=int, default=30)
    options = made.parse_args()
    found = measure(options)
    write(found, "item_latency", out=options.out)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
