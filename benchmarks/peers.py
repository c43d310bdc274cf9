"""`regrade serve` beside what one would otherwise put together around the same networks, on the same photos.

    .venv/bin/python benchmarks/peers.py --setup    # once: makes .venv-peers (needs a package index)
    .venv/bin/python benchmarks/peers.py            # about 15 minutes; writes benchmarks/results/peers.{json,png}

Peers (`peers/`): FastAPI with torch in eager FP32, and FastAPI, LitServe and BentoML with ONNX Runtime and the same
INT8 files, each with one worker process a core and one thread in each, as their documentation recommends. All get the
same requests, items of four photos of a declared category, run the same networks and answer probabilities and boxes.
`regrade serve` does more for each item: it hashes and durably stores photos, gates their quality, and decides a
disposition. First the throughput of a saturated server (closed loop), then latency at an equal open-loop load, a share
of what the best peer sustains; the servers take turns in every round, the others being suspended meanwhile. Ratios are
paired by round, with 95% bootstrap intervals. An interrupted run goes on where it was (`--fresh`: from the beginning).
"""

import argparse
import json
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np
from launched import Launched
from load import Answer, replay, saturate
from load import poisson as poisson_moments
from peer_servers import (
    OURS,
    PATH,
    PEERS,
    cpu_of,
    require_environment,
    resume,
    rss_mb,
    server_of,
    set_up,
    suspend,
    versions,
)
from peers_figure import peers_figure
from photos import SIZES, bodies_of, photo_of
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rig import bootstrap_ratio, commit, cores, interval, parser, percentiles, write

PER_ITEM: Final = 4
DEFAULT: Final = ("fastapi_torch", "fastapi_ort", "fastapi_ort_draft", "litserve_ort", "bentoml_ort")
PACKAGES: Final = ("torch", "fastapi", "uvicorn", "litserve", "bentoml", "onnxruntime", "pillow", "ultralytics", "timm")
Cells = dict[str, dict[str, Any]]
"""What was measured: `phase/size/server/round` → numbers."""


def pace(answers: list[Answer], began: float) -> float:
    """Photos per second from the beginning to the last success.

    Between the first and the last of some window it would be wild: a slow server answers several items at once, and
    then none for seconds.
    """
    done = [a.ended for a in answers if 200 <= a.status < 300]
    if not done:
        raise RuntimeError(f"no item was answered; the statuses were {sorted({a.status for a in answers})}")
    return PER_ITEM * len(done) / (max(done) - began)


class Bench:
    """The servers, the requests and the results so far, which are on disk after every measurement."""

    def __init__(self, options: argparse.Namespace, bodies: dict[str, tuple[list[bytes], str]]) -> None:
        self.options, self.bodies = options, bodies
        self.servers: dict[str, Launched] = {}
        told = {name: str(value) for name, value in vars(options).items() if name not in ("fresh", "setup")}
        told["commit"] = commit()
        self._file: Path = options.out / "peers.partial.json"
        self._settings = told
        self.cells: Cells = {}
        self.started: dict[str, Any] = {}
        if self._file.exists() and not options.fresh:
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            if kept["settings"] == told:
                self.cells = kept["cells"]

    def keep(self, cell: str, numbers: dict[str, Any]) -> None:
        """Add a measurement to those on disk."""
        self.cells[cell] = numbers
        self._file.parent.mkdir(parents=True, exist_ok=True)
        part = self._file.with_suffix(".part")
        part.write_text(json.dumps({"settings": self._settings, "cells": self.cells}), encoding="utf-8")
        part.replace(self._file)

    def forget(self) -> None:
        """Remove the partial results: the whole ones are written."""
        self._file.unlink(missing_ok=True)

    def warm(self, name: str) -> None:
        """Send a server work until every worker process has been busy."""
        server, before = self.servers[name], cpu_of(self.servers[name])
        wanted = 1 if name == OURS else cores()
        bodies, kind = self.bodies[min(self.bodies, key=float)]
        for _ in range(10):
            saturate(server.url, PATH, server.headers | {"Content-Type": kind}, bodies, 3 * cores(), 2.0)
            busy = [pid for pid, used in cpu_of(server).items() if used - before.get(pid, 0.0) > 0.2]
            if len(busy) >= wanted:
                return
        raise RuntimeError(f"of the workers of {name} only {len(busy)} get work")

    def saturation(self, name: str, size: str) -> dict[str, Any]:
        """One saturated measurement of a server."""
        server, seconds = self.servers[name], self.options.seconds
        bodies, kind = self.bodies[size]
        headers = server.headers | {"Content-Type": kind}
        resume(server)
        before = cpu_of(server)
        load = saturate(server.url, PATH, headers, bodies, self.options.in_flight, seconds)
        used = {pid: spent - before.get(pid, 0.0) for pid, spent in cpu_of(server).items()}
        memory = rss_mb(server)
        suspend(server)
        good = sum(200 <= a.status < 300 for a in load.answers)
        return {
            "photos_per_s": round(pace(load.answers, load.began), 3),
            "items": good,
            "failed": len(load.answers) - good,
            "cpu_ms_per_photo": round(1000 * sum(used.values()) / max(1, good * PER_ITEM), 2),
            "cpu_s_of_busiest": [round(spent, 2) for spent in sorted(used.values(), reverse=True)[:3]],
            "rss_mb": round(memory, 1),
        }

    def latency(self, name: str, size: str, number: int, items_per_s: float) -> dict[str, Any]:
        """One open-loop measurement of a server; all get requests at the same moments."""
        server = self.servers[name]
        bodies, kind = self.bodies[size]
        moments = poisson_moments(items_per_s, self.options.latency_seconds, seed=number)
        order = [n % len(bodies) for n in range(len(moments))]
        resume(server)
        answers = replay(server.url, PATH, server.headers | {"Content-Type": kind}, bodies, moments, order).answers
        suspend(server)
        good = [a for a in answers if 200 <= a.status < 300]
        return {"latency_ms": [round(a.latency * 1000, 2) for a in good], "failed": len(answers) - len(good)}


def best_peer(cells: Cells, size: str, names: list[str], rounds: int) -> tuple[str, float]:
    """The peer with the highest median throughput, and that, in photos per second."""
    medians = {
        name: float(np.median([cells[f"saturation/{size}/{name}/{n}"]["photos_per_s"] for n in range(rounds)]))
        for name in names
        if name != OURS
    }
    best = max(medians, key=lambda name: medians[name])
    return best, medians[best]


def p99_ratio(ours: list[list[float]], theirs: list[list[float]]) -> tuple[float, float, float]:
    """Ratio of the pooled 99th percentiles of paired rounds, with a 95% bootstrap interval over the rounds."""
    rng = np.random.default_rng(0)

    def ratio(rounds: list[int]) -> float:
        pooled = [np.percentile(np.concatenate([side[n] for n in rounds]), 99) for side in (ours, theirs)]
        return float(pooled[0] / pooled[1])

    drawn = [ratio(rng.integers(0, len(ours), len(ours)).tolist()) for _ in range(2000)]
    low, high = np.percentile(drawn, (2.5, 97.5))
    return ratio(list(range(len(ours)))), float(low), float(high)


def run(bench: Bench, names: list[str], progress: Progress) -> None:
    """All measurements that are not there yet: saturation in all rounds, then latency in all rounds."""
    options = bench.options
    sizes = list(bench.bodies)
    task = progress.add_task("saturation", total=options.rounds * len(sizes) * len(names))
    for number in range(options.rounds):
        order = names[number % len(names) :] + names[: number % len(names)]
        for size in sizes:
            for name in order:
                cell = f"saturation/{size}/{name}/{number}"
                progress.update(task, description=f"saturation, {size} MP, {name}")
                if cell not in bench.cells:
                    bench.keep(cell, bench.saturation(name, size))
                progress.advance(task)
    task = progress.add_task("latency", total=options.rounds * len(sizes) * len(names))
    for number in range(options.rounds):
        order = names[number % len(names) :] + names[: number % len(names)]
        for size in sizes:
            load = options.load * best_peer(bench.cells, size, names, options.rounds)[1]
            for name in order:
                cell = f"latency/{size}/{name}/{number}"
                own = np.median(
                    [bench.cells[f"saturation/{size}/{name}/{n}"]["photos_per_s"] for n in range(options.rounds)]
                )
                progress.update(task, description=f"latency, {size} MP, {name}")
                if cell not in bench.cells and own > load:  # the others' queues would only grow
                    bench.keep(cell, bench.latency(name, size, number, load / PER_ITEM))
                progress.advance(task)


def summary(cells: Cells, size: str, names: list[str], options: argparse.Namespace) -> dict[str, Any]:
    """Medians, percentiles and paired ratios of one photo size."""
    best, highest = best_peer(cells, size, names, options.rounds)
    rounds = range(options.rounds)
    found: dict[str, Any] = {
        "best_peer": best,
        "open_loop_photos_per_s": round(options.load * highest, 2),
        "servers": {},
    }
    of = {name: [cells[f"saturation/{size}/{name}/{n}"] for n in rounds] for name in names}
    paces = {name: [cell["photos_per_s"] for cell in of[name]] for name in names}
    waits = {
        name: [cells[f"latency/{size}/{name}/{n}"]["latency_ms"] for n in rounds]
        for name in names
        if f"latency/{size}/{name}/0" in cells
    }
    for name in names:
        told: dict[str, Any] = {
            "photos_per_s": round(float(np.median(paces[name])), 2),
            "photos_per_s_by_round": paces[name],
            "cpu_ms_per_photo": round(float(np.median([cell["cpu_ms_per_photo"] for cell in of[name]])), 2),
            "rss_mb": max(cell["rss_mb"] for cell in of[name]),
            "failed": sum(cell["failed"] for cell in of[name]),
        }
        told["latency_ms"] = (
            percentiles(np.concatenate(waits[name]).tolist()) if name in waits else "load not sustained"
        )
        if name in waits:
            told["latency_items"] = sum(len(one) for one in waits[name])
            told["latency_failed"] = sum(cells[f"latency/{size}/{name}/{n}"]["failed"] for n in rounds)
        if name != OURS:
            told["ours_over_this"] = interval(bootstrap_ratio(paces[OURS], paces[name]))
            its, own = ([cell["cpu_ms_per_photo"] for cell in of[one]] for one in (name, OURS))
            told["its_cpu_over_ours"] = interval(bootstrap_ratio(its, own))
            if name in waits and OURS in waits and all(waits[name]) and all(waits[OURS]):
                told["our_p99_over_its"] = interval(p99_ratio(waits[OURS], waits[name]))
        found["servers"][name] = told
    return found


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--setup", action="store_true", help="make .venv-peers and stop")
    made.add_argument("--fresh", action="store_true", help="forget what an interrupted run has measured")
    made.add_argument("--rounds", type=int, default=5)
    made.add_argument("--seconds", type=float, default=6.0, help="of each saturated measurement")
    made.add_argument("--latency-seconds", type=float, default=9.0, help="of each open-loop measurement")
    made.add_argument("--load", type=float, default=0.6, help="open-loop load as a share of the best peer's throughput")
    made.add_argument("--in-flight", type=int, default=3 * cores(), help="items under way at any time when saturated")
    made.add_argument("--megapixels", type=float, nargs="+", default=[12, 2], choices=sorted(SIZES))
    made.add_argument("--peers", nargs="+", default=list(DEFAULT), choices=sorted(PEERS))
    options = made.parse_args()
    if options.setup:
        set_up()
        return
    require_environment()
    # Ended by another, it must not leave suspended servers behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if options.quick:
        options.rounds, options.seconds, options.latency_seconds, options.megapixels = 2, 2.0, 2.0, [0.5]
    names = [OURS, *options.peers]
    bodies = {
        f"{size:g}": bodies_of([photo_of(seed, *SIZES[size]) for seed in range(8)], PER_ITEM, options.category)
        for size in options.megapixels
    }
    small, kind = bodies_of([photo_of(seed, *SIZES[0.5]) for seed in range(PER_ITEM)], PER_ITEM, options.category)
    bench = Bench(options, bodies)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with ExitStack() as stack, Progress(*columns) as progress:
        task = progress.add_task("start", total=len(names))
        for name in names:
            progress.update(task, description=f"start {name}")
            server = server_of(name, options.category, small[0], kind, options.folder)
            bench.servers[name] = stack.enter_context(server)
            stack.callback(resume, server)
            bench.started[name] = round(server.ready_s, 2)
            bench.warm(name)
            suspend(server)
            progress.advance(task)
        run(bench, names, progress)
    result = {
        "category": options.category,
        "photos_per_item": PER_ITEM,
        "in_flight": options.in_flight,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "latency_seconds": options.latency_seconds,
        "load": options.load,
        "note": "regrade serve also stores the photos durably, gates their quality and decides a disposition",
        "peer_versions": versions(PACKAGES),
        "ready_s": bench.started,
        "megapixels": {size: summary(bench.cells, size, names, options) for size in bodies},
    }
    write(result, "peers", peers_figure(result), options.out)
    bench.forget()
    for size, found in result["megapixels"].items():
        for name, told in found["servers"].items():
            ratio = told.get("ours_over_this", {}).get("median", 1.0)
            print(f"{size} MP, {name}: {told['photos_per_s']} photos/s (ours/this {ratio:.2f}), {told['latency_ms']}")


if __name__ == "__main__":
    main()
