"""A peak day, replayed: nothing is lost, latency over the day, memory over time.

    .venv/bin/python benchmarks/peak_day.py --minutes 30        # writes benchmarks/results/peak_day.{json,png}
    .venv/bin/python benchmarks/peak_day.py --items 30000       # the whole day, at its own pace: 10 hours
    .venv/bin/python benchmarks/peak_day.py --soak 25           # the peak's rate throughout: results/soak.{json,png}

The day (`day.py`): a lunch dip, a peak hour of 3 times the average, 1 to 8 photos an item of 0.5 to 12 megapixels. A
replay of N minutes keeps the day's shape and the real rates (a peak of 12.5 photos/s) and sends as many items as fit:
the shape is the day's, the number is not, unless it lasts for 10 hours. Arrivals are an open loop. Afterwards each
item that was answered 201 must be listed, a sample of photos must come back byte by byte, and `regrade store verify`
must find all photos whole. After an interruption the same command goes on where it stopped.
"""

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from charts import day_figure
from day import HOURS, MEAN_PHOTOS, MEGAPIXELS, PEAK, PHOTOS, Items, arrivals, items
from day_log import DayLog, slope_mb_per_hour
from kept import check_kept
from load import Answer, replay
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rig import Service, declared, interval, parser, percentiles, write

WINDOWS = 60
"""Parts of the day for which latencies are told: 10 minutes each of a day of 10 hours."""
WARM_UP = 0.2
"""Part of the replay after which memory must not grow any more."""
MIN_SOAK = 20.0
SEED = 7


def send(service: Service, made: Items, options: argparse.Namespace, log: DayLog) -> None:
    """Send what is left of the day; every second is logged."""
    seconds, first = options.minutes * 60, log.second
    day = arrivals(options.peak, seconds, len(made.bodies), SEED, steady=options.steady).since(first)
    counts = Counter(status for _, _, status, _, _ in log.answers)
    cpu_before = log.memory[-1][2] if log.memory else 0.0
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task(options.name, total=seconds, said="")

        def watch(began: float, fresh: list[Answer]) -> None:
            shift = first - began
            rows = [
                (round(a.scheduled + shift, 4), round(a.ended + shift, 4), a.status, a.body, a.stamp) for a in fresh
            ]
            log.add(service.rss_mb(), round(cpu_before + service.cpu_s(), 2), rows, began - first)
            counts.update(a.status for a in fresh)
            said = f"{counts[201]} items stored, {counts[503]} refused, {log.memory[-1][1]:.0f} MB"
            progress.update(task, completed=min(seconds, log.second), said=said)

        headers = service.headers | {"Content-Type": made.kind}
        replay(
            service.url, "/v1/inspections", headers, made.bodies, day.moments, day.order, options.clients, watch=watch
        )


def summary(log: DayLog, made: Items, options: argparse.Namespace) -> dict[str, Any]:
    """What the log tells."""
    answers, seconds = log.array(), options.minutes * 60
    memory = np.array(log.memory).reshape(-1, 3)
    warm = memory[(memory[:, 0] >= WARM_UP * seconds) & (memory[:, 0] <= seconds)]
    slope = slope_mb_per_hour(warm[:, :2])
    photos = np.array(made.photos)[answers[:, 3].astype(int)]
    stored = answers[:, 2] == 201
    latency = (answers[:, 1] - answers[:, 0]) * 1000
    edges = np.linspace(0, seconds, WINDOWS + 1)
    windows: list[dict[str, Any]] = []
    for low, high in pairwise(edges):
        inside = (answers[:, 0] >= low) & (answers[:, 0] < high)
        windows.append(
            {
                "second": round(float(low), 3),
                "offered_photos_per_s": round(float(photos[inside].sum() / (high - low)), 2),
                "stored_photos_per_s": round(float(photos[inside & stored].sum() / (high - low)), 2),
                "latency_ms": percentiles(latency[inside & stored].tolist(), (50, 99)),
            }
        )
    return {
        "items": len(answers),
        "photos": int(photos.sum()),
        "statuses": dict(sorted(Counter(str(row[2]) for row in log.answers).items())),
        "latency_ms": percentiles(latency[stored].tolist()),
        "peak_window": max(windows, key=lambda window: window["offered_photos_per_s"]),
        "memory_mb": {
            "at_start": float(memory[0, 1]) if len(memory) else None,
            "median_after_warm_up": round(float(np.median(warm[:, 1])), 1) if len(warm) else None,
            "max": round(float(memory[:, 1].max()), 1) if len(memory) else None,
            "slope_mb_per_hour_after_warm_up": None if slope is None else interval(slope, 1),
        },
        "server_cpu_s_per_photo": round(log.memory[-1][2] / max(1, int(photos[stored].sum())), 4),
        "resumed_at": log.resumed,
        "windows": windows,
        "memory": [[round(second, 1), round(mb, 1)] for second, mb, _ in log.memory],
    }


def told(options: argparse.Namespace, made: Items) -> dict[str, Any]:
    """The parameters: a log of others is not gone on with."""
    return {
        "minutes": round(options.minutes, 2),
        "times_faster_than_the_day": None if options.steady else round(len(HOURS) * 60 / options.minutes, 2),
        "peak_photos_per_s": options.peak,
        "steady": options.steady,
        "category": options.category,
        "shape_by_hour": [PEAK] if options.steady else list(HOURS),
        "megapixels": {f"{size:g}": share for size, share in MEGAPIXELS.items() if size <= options.largest},
        "photos_per_item": {str(count): share for count, share in PHOTOS.items()},
        "different_bodies": len(made.bodies),
        "mean_item_mb": round(made.mean_mb, 2),
        "client_processes": options.clients,
        "settings": {},
    }


def parse() -> argparse.Namespace:
    """The options; `minutes`, `steady`, `name` and `largest` are settled here."""
    made = parser(__doc__)
    length = made.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, help="that the day is compressed into (default: 30)")
    length.add_argument("--items", type=int, help="how many items; the minutes follow from them")
    length.add_argument("--soak", type=float, metavar="MINUTES", help="keep the peak's rate for so long, at least 20")
    made.add_argument("--peak", type=float, default=12.5, help="photos per second of the peak hour")
    made.add_argument("--clients", type=int, default=2, help="client processes")
    made.add_argument("--bodies", type=int, default=48, help="different items in memory")
    options = made.parse_args()
    if options.soak is not None and options.soak < MIN_SOAK and not options.quick:
        made.error(f"a soak shorter than {MIN_SOAK:g} minutes says nothing about memory")
    options.steady, options.largest = options.soak is not None, 12
    options.name = "soak" if options.steady else "peak_day"
    if options.items:
        options.minutes = options.items * MEAN_PHOTOS / (options.peak / PEAK) / 60
    options.minutes = options.minutes or options.soak or 30.0
    if options.quick:
        options.minutes, options.bodies, options.largest = 0.25, 8, 0.5
    return options


def main() -> None:
    options = parse()
    made = items(options.bodies, declared(options), SEED, options.largest)
    state = (options.folder or Path(tempfile.gettempdir())) / f"regrade-{options.name}"
    parameters = told(options, made)
    log = DayLog.open(state / "log.jsonl", parameters)
    if not log.memory:
        shutil.rmtree(state / "data", ignore_errors=True)
    expected = made.mean_mb * options.peak / MEAN_PHOTOS * (1 if options.steady else 1 / PEAK) * options.minutes * 60
    if (free := shutil.disk_usage(state).free / 2**20) < 1.2 * expected:
        sys.exit(f"{expected / 1024:.0f} GB of photos would not fit into {state}: {free / 1024:.0f} GB are free.")
    with Service(keep=state) as service:
        try:
            send(service, made, options, log)
        except KeyboardInterrupt:
            write({"complete": False} | parameters | summary(log, made, options), options.name, out=options.out)
            sys.exit(f"Interrupted. The same command goes on from here; or remove {state}.")
        stored = {stamp: body for _, _, status, body, stamp in log.answers if status == 201}
        kept = check_kept(service, made.bodies, stored)
    result = {"complete": True} | parameters | {"kept": kept} | summary(log, made, options)
    write(result, options.name, day_figure(result), options.out)
    shutil.rmtree(state)
    slope = result["memory_mb"]["slope_mb_per_hour_after_warm_up"]
    print(f"{result['items']} items ({result['photos']} photos): {result['statuses']}; {kept['lost']} lost")
    print(f"latency {result['latency_ms']} ms; memory at most {result['memory_mb']['max']} MB, {slope} MB an hour")


if __name__ == "__main__":
    main()
