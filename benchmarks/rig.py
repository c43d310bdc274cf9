"""What every benchmark needs: the service in its own process, the machine's description, statistics, result files."""

import argparse
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx
import numpy as np
import psutil
from launched import Launched, free_port
from numpy.typing import ArrayLike

from regrade.serving.telemetry.process_memory import peak_bytes

PROJECT: Final = Path(__file__).resolve().parents[1]
RESULTS: Final = PROJECT / "benchmarks" / "results"
REGRADE: Final = Path(sys.executable).with_name("regrade")
LIBRARIES: Final = (
    "numpy",
    "onnxruntime",
    "pillow",
    "simplejpeg",
    "fastapi",
    "starlette",
    "uvicorn",
    "uvloop",
    "regrade",
)


class Service(Launched):
    """`regrade serve` in its own process with a fresh data directory, as a user starts it; ready once entered.

        with Service() as service:
            httpx.get(f"{service.url}/v1/inspections", headers=service.headers)

    `settings` become `REGRADE_…` in its environment. `folder` is where the data directory is made: it must be on the
    disk that is to be measured. With `keep`, the data directory is `keep`/data, may be there already, and stays.
    What the service says goes to `log`, and what it ended with to `exit_code`.
    """

    def __init__(
        self, settings: Mapping[str, object] | None = None, folder: Path | None = None, keep: Path | None = None
    ) -> None:
        self.settings = dict(settings or {})
        self._folder = folder
        self._keep = keep
        self.exit_code: int | None = None

    def __enter__(self) -> Self:
        self._made = tempfile.TemporaryDirectory(prefix="regrade-benchmark-", dir=self._folder)
        own = Path(self._made.name)
        self.data_dir = (self._keep or own) / "data"
        self.log = own / "log"
        command = [str(REGRADE), "keys", "create", "--data-dir", str(self.data_dir), "--role", "admin"]
        key = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        self.headers = {"Authorization": f"Bearer {key}"}
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        given = {f"REGRADE_{name.upper()}": str(value) for name, value in self.settings.items()}
        self._launch([REGRADE, "serve", "--port", str(port), "--data-dir", self.data_dir], given, own)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._made.cleanup()

    def stop(self) -> int:
        """End the service as an operator does (SIGTERM); its exit code. The data directory stays until the block ends.

        Raises `subprocess.TimeoutExpired` if it does not end within a minute, after killing it.
        """
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        self.exit_code = self.process.returncode
        return self.exit_code

    def rss_mb(self) -> float:
        """Resident memory now, in MiB, with that of its child processes."""
        return sum(process.memory_info().rss for process in self._processes()) / 2**20

    def peak_mb(self) -> float:
        """The most memory that was resident at once since the service started, in MiB; NaN where nobody tells."""
        found = peak_bytes(self.pid)
        return float("nan") if found is None else found / 2**20

    def cpu_s(self) -> float:
        """CPU seconds used so far, user and system, with those of its child processes."""
        times = [process.cpu_times() for process in self._processes()]
        return sum(used.user + used.system for used in times)

    def _processes(self) -> list[psutil.Process]:
        main = psutil.Process(self.pid)
        return [main, *main.children(recursive=True)]

    def _is_ready(self, client: httpx.Client) -> bool:
        return client.get(f"{self.url}/v2/health/ready").status_code == 200


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> dict[str, Any]:
    """What it runs on, and the versions of the libraries that matter."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "")
    flags = next((line.split(":")[1].split() for line in lines if line.startswith("flags")), [])
    return {
        "cpu": model or platform.processor(),
        "cores": cores(),
        "avx512_vnni": "avx512_vnni" in flags,
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "load_before": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: found for name in LIBRARIES if (found := _version(name))},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def percentiles(values: Sequence[float], levels: Sequence[int] = (50, 95, 99), digits: int = 1) -> dict[str, float]:
    """`p50`, … of `values` and their `max`; nothing for no values."""
    if not len(values):
        return {}
    found = {f"p{level}": round(float(np.percentile(values, level)), digits) for level in levels}
    return found | {"max": round(float(max(values)), digits)}


def bootstrap_ratio(a: ArrayLike, b: ArrayLike, seed: int = 0) -> tuple[float, float, float]:
    """Median of `a` / `b` over paired runs, and its 95% percentile bootstrap interval (Efron 1979).

    Raises ValueError for lists of different lengths or none.
    """
    above, below = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if above.shape != below.shape or not above.size:
        raise ValueError(f"paired runs are needed, not {above.size} and {below.size}")
    ratios = above / below
    drawn = np.random.default_rng(seed).choice(ratios, (10_000, len(ratios)))
    low, high = np.percentile(np.median(drawn, axis=1), (2.5, 97.5))
    return float(np.median(ratios)), float(low), float(high)


def interval(found: tuple[float, float, float], digits: int = 3) -> dict[str, float]:
    """A median with its interval, as results hold it."""
    return dict(zip(("median", "low", "high"), (round(value, digits) for value in found), strict=True))


def parser(doc: str | None, service: bool = True) -> argparse.ArgumentParser:
    """A parser with what all benchmarks take: `--quick` and `--out`; `--folder` and `--category` with a `service`."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--quick", action="store_true", help="some seconds on little work: does it run at all?")
    made.add_argument("--out", type=Path, default=RESULTS, help="folder that the JSON and the PNG are written to")
    if service:
        made.add_argument("--folder", type=Path, help="where data directories are made (default: the temporary folder)")
        made.add_argument("--category", default="packaging", help="declared of each item; 'none' lets the model decide")
    return made


def declared(options: argparse.Namespace) -> str | None:
    """The category that `--category` declares."""
    return None if options.category == "none" else str(options.category)


def _anywhere(argument: str) -> str:
    """An argument as it makes sense elsewhere: of an absolute path, where it lies is nobody's business."""
    return f"…/{Path(argument).name}" if argument.startswith("/") else argument


def write(result: Mapping[str, Any], name: str, figure: Any = None, out: Path = RESULTS) -> Path:
    """Write NAME.json, and NAME.png where there is a matplotlib `figure`, to `out`; the path of the JSON.

    Before the result stand the date, the command, the commit and what it ran on.
    """
    out.mkdir(parents=True, exist_ok=True)
    told = {
        "date": date.today().isoformat(),
        "command": " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *map(_anywhere, sys.argv[1:])]),
        "commit": commit(),
        "machine": machine(),
    }
    path = out / f"{name}.json"
    part = path.with_suffix(".part")
    text = json.dumps(told | dict(result), indent=1)
    # Rows of numbers on one line each: nobody reads them one below the other.
    text = re.sub(r"\[[\s\d.,eE+-]+\]", lambda found: re.sub(r"\s+", " ", found[0]), text)
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(path)
    if figure is not None:
        figure.savefig(path.with_suffix(".png"), dpi=130)
    return path


def commit() -> str:
    """The commit that is measured, with `-dirty` where tracked files differ from it; empty outside a repository."""
    command = ["git", "-C", str(PROJECT), "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"]
    found = subprocess.run(command, capture_output=True, text=True)
    return found.stdout.strip() if found.returncode == 0 else ""
