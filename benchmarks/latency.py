"""Latency of items that arrive when they like, and what is still served when far too many do.

    .venv/bin/python benchmarks/latency.py          # about 20 minutes; writes benchmarks/results/latency.{json,png}

Open loop: items of four 12-megapixel photos arrive as a Poisson process at 1×, 3× and 10× of 3.3 photos/s, and at
12.5 photos/s, from several client processes on the same machine; latency counts from the scheduled moment to the last
byte of the answer. Then overload: 0.5 to 10 times what a closed loop gets out of the service. Goodput counts photos of
items that were answered 201 within the deadline, by when they were answered, after the load has settled; nothing is
sent again, and refusals are counted. The ratio of goodput at 10× to saturation is over pairs of runs, with a 95%
bootstrap interval.
"""

import argparse
import time
from collections import Counter
from typing import Any

import numpy as np
from charts import latency_figure
from load import Answer, Load, poisson, replay, saturate
from photos import SIZES, bodies_of, photo_of
from rich.progress import Progress
from rig import Service, bootstrap_ratio, cores, declared, interval, parser, percentiles, write

PER_ITEM = 4
DEADLINE_S = 10.0
BASE = 3.3
RATES = (BASE, 3 * BASE, 12.5, 10 * BASE)
OVERLOADS = (0.5, 0.75, 0.9, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
QUANTILES = [*range(100), 99.5, 99.9, 100]


class Bench:
    """A running service and the items to send it."""

    def __init__(self, service: Service, bodies: list[bytes], kind: str, clients: int) -> None:
        self.service = service
        self.bodies = bodies
        self.headers = service.headers | {"Content-Type": kind}
        self.clients = clients

    def offer(self, photos_per_s: float, seconds: float, seed: int) -> Load:
        """A Poisson load, with a second of rest after it."""
        moments = poisson(photos_per_s / PER_ITEM, seconds, seed)
        order = [n % len(self.bodies) for n in range(len(moments))]
        load = replay(self.service.url, "/v1/inspections", self.headers, self.bodies, moments, order, self.clients)
        time.sleep(1)
        return load

    def saturation(self, seconds: float, settle_s: float) -> float:
        """Photos per second that a closed loop gets out of the service."""
        load = saturate(self.service.url, "/v1/inspections", self.headers, self.bodies, 3 * cores(), seconds)
        time.sleep(1)
        return goodput(load, seconds, settle_s)


def good(answer: Answer) -> bool:
    """Whether an item was graded, stored and answered in time."""
    return answer.status == 201 and answer.latency <= DEADLINE_S


def goodput(load: Load, seconds: float, settle_s: float) -> float:
    """Photos per second of good answers that came from `settle_s` after the beginning to the end of the arrivals."""
    first, last = load.began + settle_s, load.began + seconds
    return PER_ITEM * sum(good(a) and first <= a.ended <= last for a in load.answers) / (seconds - settle_s)


def profile(load: Load, seconds: float, settle_s: float) -> dict[str, Any]:
    """What a load got: latencies of what was stored, and the share of everything else."""
    answers = load.answers
    stored = [a.latency * 1000 for a in answers if a.status == 201]
    statuses = Counter(a.status for a in answers)
    refused = [a for a in answers if a.status in (429, 503)]
    retry = [a.retry_after for a in refused if a.retry_after >= 0]
    return {
        "seconds": seconds,
        "items": len(answers),
        "offered_photos_per_s": round(PER_ITEM * len(answers) / seconds, 2),
        "goodput_photos_per_s": round(goodput(load, seconds, settle_s), 2),
        "latency_ms": percentiles(stored),
        "refused_share": round(len(refused) / max(1, len(answers)), 4),
        "refusal_ms": percentiles([a.latency * 1000 for a in refused]),
        "refused_with_retry_after": len(retry),
        "retry_after_s": percentiles(retry),
        "late": sum(a.status == 201 and not good(a) for a in answers),
        "statuses": {str(status): count for status, count in sorted(statuses.items())},
        "client_lag_ms": percentiles([(a.sent - a.scheduled) * 1000 for a in answers]),
        "client_share_of_cpu": round(load.client_cpu_s / (cores() * (load.ended - load.began)), 4),
        "latency_quantiles_ms": [round(float(q), 1) for q in np.percentile(stored, QUANTILES)] if stored else [],
    }


def measure(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    """All scenarios on one service."""
    size = 0.5 if options.quick else options.megapixels
    photos = [photo_of(seed, *SIZES[size]) for seed in range(8)]
    bodies, kind = bodies_of(photos, PER_ITEM, declared(options))
    settle_s = min(DEADLINE_S, options.overload_seconds / 3)
    task = progress.add_task("saturation", total=len(options.rates) + len(options.overloads) + options.rounds + 1)
    with Service(folder=options.folder) as service:
        bench = Bench(service, bodies, kind, options.clients)
        saturated = bench.saturation(options.overload_seconds, settle_s)
        progress.advance(task)
        rates = []
        for seed, rate in enumerate(options.rates):
            progress.update(task, description=f"{rate:g} photos/s")
            found = profile(bench.offer(rate, options.seconds, seed), options.seconds, min(settle_s, 2.0))
            rates.append({"photos_per_s": rate} | found)
            progress.advance(task)
        curve = []
        for seed, times in enumerate(options.overloads):
            progress.update(task, description=f"{times:g} × saturation")
            load = bench.offer(times * saturated, options.overload_seconds, 100 + seed)
            curve.append({"times_saturation": times} | profile(load, options.overload_seconds, settle_s))
            progress.advance(task)
        pairs = []
        for number in range(options.rounds):
            progress.update(task, description=f"pair {number + 1}: saturation and 10 ×")
            at_saturation = bench.saturation(options.overload_seconds, settle_s)
            overload = bench.offer(10 * at_saturation, options.overload_seconds, 200 + number)
            pairs.append((at_saturation, goodput(overload, options.overload_seconds, settle_s)))
            progress.advance(task)
        rss, peak = service.rss_mb(), service.peak_mb()
    before, after = zip(*pairs, strict=True)
    return {
        "category": options.category,
        "photos_per_item": PER_ITEM,
        "megapixels": size,
        "mean_photo_mb": round(float(np.mean([len(photo) for photo in photos])) / 2**20, 2),
        "deadline_s": DEADLINE_S,
        "client_processes": options.clients,
        "settings": {},
        "start_to_ready_s": round(service.ready_s, 2),
        "rss_at_end_mb": round(rss, 1),
        "peak_rss_mb": round(peak, 1),
        "saturation_photos_per_s": round(saturated, 2),
        "rates": rates,
        "overload": curve,
        "goodput_at_10x_over_saturation": interval(bootstrap_ratio(after, before)),
        "pairs": [{"saturation": round(a, 2), "goodput_at_10x": round(b, 2)} for a, b in pairs],
        "quantiles": QUANTILES,
    }


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--seconds", type=float, default=150.0, help="of each arrival rate")
    made.add_argument("--overload-seconds", type=float, default=30.0, help="of each point of the overload curve")
    made.add_argument("--rounds", type=int, default=5, help="pairs of saturation and 10 × overload")
    made.add_argument("--clients", type=int, default=2, help="client processes")
    made.add_argument("--megapixels", type=float, default=12, choices=sorted(SIZES))
    made.add_argument("--rates", type=float, nargs="+", default=RATES, help="photos per second")
    made.add_argument("--overloads", type=float, nargs="+", default=OVERLOADS, help="multiples of saturation")
    options = made.parse_args()
    if options.quick:
        options.seconds, options.overload_seconds, options.rounds = 3.0, 3.0, 1
        options.rates, options.overloads = (BASE, 12.5), (0.5, 2.0)
    with Progress() as progress:
        result = measure(options, progress)
    write(result, "latency", latency_figure(result), options.out)
    for found in result["rates"]:
        times = " ".join(f"{name} {value:.0f}" for name, value in found["latency_ms"].items())
        print(f"{found['photos_per_s']:5.1f} photos/s: {times} ms; refused {found['refused_share']:.1%}")
    ratio = result["goodput_at_10x_over_saturation"]
    print(f"goodput at 10 × over saturation: {ratio['median']:.2f} [{ratio['low']:.2f}, {ratio['high']:.2f}]")


if __name__ == "__main__":
    main()
