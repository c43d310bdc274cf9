"""What two pieces of our own code gain over the plain way: receiving large bodies, and writing photos past the cache.

    .venv/bin/python benchmarks/plain_paths.py           # writes benchmarks/results/plain_paths.json

Bodies go to two services in turns, one of which reads them as Starlette's stream; they hold no photos, so that all that
is done is to read and refuse them. Files are written and synced in turns on the disk of `--folder`, by one thread.
`cpu` is the processor time, user and system, of the service or of the thread.
"""

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from rig import Service, bootstrap_ratio, interval, parser, percentiles, write

from regrade.serving.storage import directio, private

STREAMED = """#!{python}
import regrade.serving.http.routes.api.inspections as inspections
inspections.receiver = lambda scope, announced: None
from regrade.serving.cli.main import main
main()
"""
SIZES_MB = (1, 4, 16)


class Streamed(Service):
    """A service that reads every body as a stream of small pieces."""

    def _launch(self, command: Any, environment: Any, folder: Path) -> None:
        program = folder / "streamed"
        program.write_text(STREAMED.format(python=sys.executable))
        program.chmod(0o700)
        super()._launch([program, *command[1:]], environment, folder)


def bodies(folder: Path | None, count: int) -> dict[str, Any]:
    """Milliseconds of CPU for a body, by its size, received whole and as a stream."""
    found: dict[str, Any] = {}
    with Service(folder=folder) as whole, Streamed(folder=folder) as streamed, httpx.Client(trust_env=False) as client:
        for megabytes in SIZES_MB:
            cpu: dict[str, list[float]] = {"whole": [], "streamed": []}
            for _ in range(count + 1):
                for name, service in (("whole", whole), ("streamed", streamed)):
                    cpu[name].append(_read_and_refused(client, service, megabytes))
            for values in cpu.values():
                del values[0]  # the first warms up
            found[f"{megabytes} MB"] = _compared(cpu, "streamed", "whole")
    return found


def _read_and_refused(client: httpx.Client, service: Service, megabytes: int) -> float:
    files = [("photos", ("1.jpg", bytes(2**20), "image/jpeg")) for _ in range(megabytes)]
    item = {"item": (None, json.dumps({"rma": "1", "category": "packaging"}))}
    begun = service.cpu_s()
    for _ in range(4):  # cpu_s() counts in steps of 10 ms
        answer = client.post(
            f"{service.url}/v1/inspections", headers=service.headers, files=[*files, *item.items()], timeout=60
        )
        assert answer.status_code in (415, 422), answer.text
    return (service.cpu_s() - begun) * 1000 / 4


def files(folder: Path | None, count: int) -> dict[str, Any]:
    """Milliseconds of CPU for a file of a photo's size, written past the page cache and through it."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="regrade-benchmark-", dir=folder) as made:
        for megabytes in SIZES_MB:
            data = os.urandom(megabytes * 2**20)
            cpu: dict[str, list[float]] = {"direct": [], "cached": []}
            for number in range(count):
                for name, how in (("direct", directio.write_new), ("cached", _write_cached)):
                    cpu[name].append(_written_and_synced(Path(made) / f"{name}-{number}", data, how))
            found[f"{megabytes} MB"] = _compared(cpu, "cached", "direct")
    return found


def _write_cached(path: Path, data: bytes) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, private.FILE)
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    return descriptor


def _written_and_synced(path: Path, data: bytes, how: Callable[[Path, bytes], int]) -> float:
    begun = _thread_cpu()
    descriptor = how(path, data)
    os.fsync(descriptor)
    used = _thread_cpu() - begun
    os.close(descriptor)
    path.unlink()
    return used * 1000


def _thread_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_THREAD)
    return used.ru_utime + used.ru_stime


def _compared(cpu: dict[str, list[float]], plain: str, ours: str) -> dict[str, Any]:
    ratio = bootstrap_ratio([max(value, 0.01) for value in cpu[plain]], [max(value, 0.01) for value in cpu[ours]])
    return {
        **{f"{name}_cpu_ms": percentiles(values, (50, 95), 2) for name, values in cpu.items()},
        f"{plain}_over_{ours}": interval(ratio),
        "n": len(cpu[ours]),
    }


def main() -> None:
    """Run from the command line."""
    options = parser(__doc__).parse_args()
    count = 3 if options.quick else 30
    started = time.monotonic()
    result: dict[str, Any] = {"bodies": bodies(options.folder, count), "files": files(options.folder, count)}
    result["seconds"] = round(time.monotonic() - started)
    print(write(result, "plain_paths", out=options.out))
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
