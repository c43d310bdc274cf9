"""A short measurement of this machine: what a photo costs its cores, and what the whole service makes of them.

First photos are decoded and looked at on as many threads as the service uses; then the service itself runs in a
process of its own, on a temporary data directory, and takes items through HTTP: one at a time, then as many at once
as keep every core busy. What the client spends is taken off again: in a warehouse, the stations do that.
"""

import math
import os
import platform
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from regrade.models.errors import RegradeError
from regrade.models.grader import Grader
from regrade.models.photos.intake import IntakeLimits, open_photo
from regrade.serving.base.errors import DataDirError
from regrade.serving.base.settings import Settings
from regrade.serving.planning.enlarge import camera_photo
from regrade.serving.planning.service_process import Posted, ServiceProcess

LOOK_SHARE, ALONE_SHARE = 0.4, 0.2
"""How the seconds are divided: threads alone, items one at a time, and the rest for all cores through HTTP."""
FREE_BYTES = 2 * 2**30
"""What must be free on the disk: a fast machine stores some hundred megabytes a second."""


class MeasureError(RegradeError):
    """The machine cannot be measured: no room on the disk, or photos that would not be graded."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The machine before anything was run on it. `pressure` is the share of the last 10 s in which some task waited
    for a core, None where the kernel does not tell; `quota` the cores that a container may use, None for all."""

    cpu: str
    cores: int
    quota: float | None
    load_average: float
    pressure: float | None


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was found. Times in s, sizes in bytes.

    `look_s` (S,): to decode and look at a photo, all cores busy; `on_core`: the share of that time that the thread
    really ran; `alone_s` (A,): items sent one at a time; `core_s`: core-seconds of the whole service for one photo;
    `photos_per_s`: through HTTP, all cores busy; `refused`: answers 503 meanwhile; `stored_bytes`: growth of the data
    directory for one item; `memory_bytes`: the most that the service held, None where the kernel does not tell;
    `free_bytes`: on the disk of the data directory.
    """

    taken_at: datetime
    surroundings: Surroundings
    photo_bytes: float
    body_bytes: float
    look_s: NDArray[np.float64]
    on_core: float
    alone_s: NDArray[np.float64]
    core_s: float
    photos_per_s: float
    refused: int
    stored_bytes: float
    memory_bytes: int | None
    free_bytes: int


def measure(settings: Settings, photos: int, megapixels: float, category: str | None, seconds: float) -> Measurement:
    """Measure with items of `photos` photos of `megapixels` million pixels, for about `seconds` seconds.

    `category` is what the stations declare, None for nothing. Raises `MeasureError`, or what the service raises
    where it cannot start.
    """
    surroundings = look_around(settings.worker_count)
    pool = [camera_photo(index, megapixels) for index in range(min(4, max(photos, 2)))]
    look_s, on_core = _looks(settings, pool, category, seconds * LOOK_SHARE)
    with temporary_directory(settings.data_dir) as name:
        folder = Path(name)
        service = ServiceProcess(settings, folder, category)
        before = _size(folder)
        with service:
            # The first request opens what is opened only once.
            service.post([pool[n % len(pool)] for n in range(photos)])
            alone = service.load(pool, photos, at_once=1, seconds=seconds * ALONE_SHARE, at_least=4)
            # Enough that cores have photos while some items are sent and others stored.
            at_once = math.ceil(2 * settings.worker_count / photos) + 3
            rest = seconds * (1 - LOOK_SHARE - ALONE_SHARE)
            together = service.load(pool, photos, at_once=at_once, seconds=rest, at_least=2 * at_once)
            memory = service.memory_bytes()
        # Only now: a running SQLite keeps a journal whose size says nothing of what an item needs.
        stored = (_size(folder) - before) / (1 + len(alone.seconds) + len(together.seconds))
        free = shutil.disk_usage(folder.parent).free
    return Measurement(
        taken_at=datetime.now(UTC),
        surroundings=surroundings,
        photo_bytes=float(np.mean([len(data) for data in pool])),
        body_bytes=together.body_bytes,
        look_s=look_s,
        on_core=on_core,
        alone_s=np.asarray(alone.seconds),
        core_s=_core_seconds(together, photos, settings.worker_count),
        photos_per_s=len(together.seconds) * photos / together.elapsed,
        refused=together.refused,
        stored_bytes=stored,
        memory_bytes=memory,
        free_bytes=free,
    )


def look_around(cores: int) -> Surroundings:
    """What can be told of the machine without running anything on it."""
    return Surroundings(_cpu(), cores, cpu_quota(Path("/sys/fs/cgroup")), os.getloadavg()[0], _pressure())


def cpu_quota(cgroup: Path) -> float | None:
    """The cores that the control group `cgroup` may use (cgroup v2, `cpu.max`), None where it has no limit."""
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def temporary_directory(data_dir: Path) -> "tempfile.TemporaryDirectory[str]":
    """A directory on the file system on which `data_dir` is or would be. Raises `MeasureError`, `DataDirError`."""
    near = data_dir.absolute()
    while not near.is_dir():
        near = near.parent
    free = shutil.disk_usage(near).free
    if free < FREE_BYTES:
        raise MeasureError(
            f"Only {free / 2**30:.1f} GB are free at {near}; measuring needs {FREE_BYTES / 2**30:.0f} GB for a moment. "
            "Make room, or name a directory on another disk with --data-dir."
        )
    try:
        return tempfile.TemporaryDirectory(prefix="regrade-plan-", dir=near)
    except OSError as error:
        raise DataDirError(f"Nothing can be written in {near}: {error.strerror}. Name another --data-dir.") from error


def _looks(
    settings: Settings, pool: Sequence[bytes], category: str | None, seconds: float
) -> tuple[NDArray[np.float64], float]:
    """Seconds of each photo, (S,), on all threads at once, and the share of it in which they had a core."""
    grader = Grader.load(settings.bundle_store, precision=settings.precision)
    grader.warm_up()
    limits = IntakeLimits(max_bytes=settings.max_photo_bytes, working_side=grader.working_side)

    unhashed = "0" * 64

    def look(data: bytes) -> None:
        # The service hashes elsewhere, and looks with the hash in hand.
        quality = grader.look(open_photo(data, limits=limits, sha256=unhashed), category).quality
        if not quality.ok:
            raise MeasureError(
                f"Photos of this size do not pass the quality gate ({', '.join(quality.issues)}), so none would be "
                "graded. Give more --megapixels."
            )

    for data in pool:
        look(data)
    ready = threading.Barrier(settings.worker_count)

    def work(first: int) -> list[tuple[float, float]]:
        ready.wait()
        end = time.perf_counter() + seconds
        taken: list[tuple[float, float]] = []
        while len(taken) < 3 or time.perf_counter() < end:
            taken.append(_timed(look, pool[(first + len(taken)) % len(pool)]))
        return taken

    with ThreadPoolExecutor(settings.worker_count) as threads:
        runs = list(threads.map(work, range(settings.worker_count)))
    walls, cores = np.asarray([one for run in runs for one in run]).T
    return walls, min(1.0, float(cores.sum() / walls.sum()))


def _timed(look: Callable[[bytes], None], data: bytes) -> tuple[float, float]:
    wall, core = time.perf_counter(), time.thread_time()
    look(data)
    return time.perf_counter() - wall, time.thread_time() - core


def _core_seconds(run: Posted, photos: int, cores: int) -> float:
    # The client ran on the same cores; they were the service's for the rest of the time.
    return max(0.0, cores * run.elapsed - run.client_cpu_s) / (len(run.seconds) * photos)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _pressure() -> float | None:
    try:
        line = Path("/proc/pressure/cpu").read_text().splitlines()[0]
        return float(line.split("avg10=")[1].split()[0]) / 100
    except (OSError, ValueError, IndexError):
        return None
