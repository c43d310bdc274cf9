"""Photos per second over HTTP with durable storage, as a share of the machine's ceiling, taking turns in one run.

    .venv/bin/python benchmarks/throughput.py       # about 8 minutes; writes benchmarks/results/throughput.{json,png}

Ceiling: decoding, networks and the conclusion in processes and in threads, as many as there are cores (`ceiling.py`);
the faster of the two counts. HTTP: `regrade serve` with its defaults, a closed loop that keeps it saturated, each 201
durable on disk, no photo sent twice. The load client runs on the same cores; `share_raw` leaves that as it is, and
`share_after_client_cpu` takes the client's CPU seconds out of the machine's capacity first. `share_of_cpu` compares CPU
seconds per photo, which another process on the machine hardly moves. Intervals are 95% by bootstrap over rounds.
"""

import argparse
from contextlib import ExitStack
from typing import Any

import numpy as np
from ceiling import Ceiling
from charts import throughput_figure
from load import Load, saturate
from photos import SIZES, bodies_of, photo_of
from rich.progress import Progress
from rig import Service, bootstrap_ratio, cores, declared, interval, parser, write

PER_ITEM = 4
WARM_UP_S = 2.0
KINDS = {"processes": (cores(), 1), "threads": (1, cores())}


def http_pace(load: Load, seconds: float, warm_up_s: float) -> float:
    """Photos per second while the server was saturated: the slope of a line through its 201s, counted over time.

    Items whose photos took turns end together, so that between any two 201s the pace would be wild. Of a load too short
    for that, its photos over its whole length. Raises RuntimeError where nothing was stored.
    """
    stored = sorted(answer.ended for answer in load.answers if answer.status == 201)
    if not stored:
        raise RuntimeError(f"not one item was stored; the statuses were {sorted({a.status for a in load.answers})}")
    saturated = [end for end in stored if load.began + warm_up_s <= end <= load.began + seconds]
    if len(saturated) < 10:
        return PER_ITEM * len(stored) / (stored[-1] - load.began)
    slope = np.polyfit(np.array(saturated) - load.began, np.arange(len(saturated)), 1)[0]
    return PER_ITEM * float(slope)


def measure_http(
    service: Service, bodies: list[bytes], headers: dict[str, str], in_flight: int, seconds: float, warm_up_s: float
) -> dict[str, float]:
    """One round over HTTP."""
    before = service.cpu_s()
    load = saturate(service.url, "/v1/inspections", headers, bodies, in_flight, seconds)
    used = service.cpu_s() - before
    stored = sum(answer.status == 201 for answer in load.answers)
    return {
        "http": http_pace(load, seconds, warm_up_s),
        "items": len(load.answers),
        "not_stored": len(load.answers) - stored,
        "client_share_of_cpu": load.client_cpu_s / (cores() * (load.ended - load.began)),
        "server_cpu_s_per_photo": used / (stored * PER_ITEM),
        "server_rss_mb": service.rss_mb(),
    }


def measure_size(megapixels: float, options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    """All rounds with photos of one size; the order within a round alternates."""
    photos = [photo_of(seed, *SIZES[megapixels]) for seed in range(8)]
    bodies, kind = bodies_of(photos, PER_ITEM, declared(options))
    task = progress.add_task(f"{megapixels:g} megapixels", total=options.rounds)
    rounds = []
    warm_up_s = min(WARM_UP_S, options.seconds / 4)
    with ExitStack() as stack:
        service = stack.enter_context(Service(folder=options.folder))
        headers = service.headers | {"Content-Type": kind}
        ceilings = {
            name: stack.enter_context(Ceiling(photos, PER_ITEM, declared(options), processes, threads))
            for name, (processes, threads) in KINDS.items()
        }
        for number in range(options.rounds):
            found: dict[str, float] = {}
            for name in (*KINDS, "http") if number % 2 == 0 else ("http", *reversed(KINDS)):
                if name == "http":
                    found |= measure_http(service, bodies, headers, options.in_flight, options.seconds, warm_up_s)
                else:
                    pace = ceilings[name].measure(options.seconds - warm_up_s)
                    found |= {name: pace.photos_per_s, f"{name}_cpu_s_per_photo": pace.cpu_s_per_photo}
            rounds.append({key: round(value, 5) for key, value in found.items()})
            progress.advance(task)
    return summary(photos, rounds)


def summary(photos: list[bytes], rounds: list[dict[str, float]]) -> dict[str, Any]:
    """Medians and paired ratios of the rounds."""
    of = {name: np.array([one[name] for one in rounds]) for name in rounds[0]}
    best = max(KINDS, key=lambda name: float(np.median(of[name])))
    available = 1 - of["client_share_of_cpu"]
    return {
        "mean_photo_mb": round(float(np.mean([len(photo) for photo in photos])) / 2**20, 2),
        "ceiling_by": best,
        "ceiling_photos_per_s": round(float(np.median(of[best])), 2),
        "http_photos_per_s": round(float(np.median(of["http"])), 2),
        "share_raw": interval(bootstrap_ratio(of["http"], of[best])),
        "share_after_client_cpu": interval(bootstrap_ratio(of["http"], of[best] * available)),
        "share_of_cpu": interval(bootstrap_ratio(of[f"{best}_cpu_s_per_photo"], of["server_cpu_s_per_photo"])),
        "client_share_of_cpu": round(float(np.median(of["client_share_of_cpu"])), 4),
        "server_cpu_ms_per_photo": round(float(np.median(of["server_cpu_s_per_photo"])) * 1000, 2),
        "ceiling_cpu_ms_per_photo": round(float(np.median(of[f"{best}_cpu_s_per_photo"])) * 1000, 2),
        "rounds": rounds,
    }


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--rounds", type=int, default=7)
    made.add_argument("--seconds", type=float, default=12.0, help="of each measurement within a round")
    made.add_argument("--in-flight", type=int, default=3 * cores(), help="items under way at any time")
    made.add_argument("--megapixels", type=float, nargs="+", default=[12, 2], choices=sorted(SIZES))
    options = made.parse_args()
    if options.quick:
        options.rounds, options.seconds, options.megapixels = 2, 2.0, [0.5]
    with Progress() as progress:
        sizes = {f"{size:g}": measure_size(size, options, progress) for size in options.megapixels}
    result = {
        "category": options.category,
        "photos_per_item": PER_ITEM,
        "in_flight": options.in_flight,
        "seconds": options.seconds,
        "settings": {},
        "megapixels": sizes,
    }
    write(result, "throughput", throughput_figure(result), options.out)
    for size, found in sizes.items():
        shares = ", ".join(f"{name} {found[name]['median']:.2f}" for name in found if name.startswith("share"))
        print(f"{size} MP: {found['http_photos_per_s']} of {found['ceiling_photos_per_s']} photos/s; {shares}")


if __name__ == "__main__":
    main()
