"""What `regrade regrade` costs beside bare grading on the same cores, and whether each photo has one row after kills.

    .venv/bin/python benchmarks/bulk.py            # about 10 minutes; writes benchmarks/results/bulk.json

Blocks of real bench photos (REGRADE_BENCH or ../shared/data/bench) are graded by turns: bare (read, decode, look,
conclude on as many threads, nothing kept) and into Parquet, as the command does it. Neighbours are compared.

Then the command itself grades a folder and is killed (SIGKILL) five times, each time once a part more is there; what it
has written in the end is counted.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rig import PROJECT, REGRADE, bootstrap_ratio, cores, interval, parser, write

from regrade.models.grader import Grader
from regrade.serving.bulk.output import Made, Output, read_graded
from regrade.serving.bulk.run import graded, run
from regrade.serving.bulk.work import Work

BENCH = Path(os.environ.get("REGRADE_BENCH", PROJECT.parent / "shared" / "data" / "bench"))


def pace(photos: Sequence[Path], blocks: int, size: int) -> dict[str, Any]:
    """Photos a second, bare and into Parquet, of blocks that take turns."""
    grader = Grader.load()
    grader.warm_up()
    bare: list[float] = []
    bulk: list[float] = []
    for block in range(blocks):
        some = [Work(str(path), (str(path),)) for path in photos[block * size : (block + 1) * size]]
        for kept in (True, False) if block % 2 else (False, True):
            begun = time.perf_counter()
            (_into_parquet if kept else _bare)(grader, some)
            (bulk if kept else bare).append(len(some) / (time.perf_counter() - begun))
    return {
        **{"blocks": blocks, "photos_a_block": size, "threads": cores()},
        **{"bare_photos_per_s": [round(one, 2) for one in bare], "bulk_photos_per_s": [round(one, 2) for one in bulk]},
        "bulk_over_bare": interval(bootstrap_ratio(bulk, bare)),
    }


def _read(name: str) -> bytes:
    return Path(name).read_bytes()


def _bare(grader: Grader, some: Sequence[Work]) -> None:
    with ThreadPoolExecutor(cores()) as threads:
        for _ in threads.map(lambda one: graded(grader, _read, one).photos, some):
            pass


def _into_parquet(grader: Grader, some: Sequence[Work]) -> None:
    with tempfile.TemporaryDirectory() as folder, Output(Path(folder)) as output:
        output.begin(Made({"kind": "folder"}, dict(grader.versions), "", ""), some)
        run(output, grader, _read, cores(), lambda *_: None)


def killed(photos: Sequence[Path], part: int, kills: int) -> dict[str, Any]:
    """What is there after `kills` kills and one run to the end."""
    with tempfile.TemporaryDirectory() as made:
        folder, out = Path(made) / "photos", Path(made) / "out"
        folder.mkdir()
        for number, path in enumerate(photos):
            (folder / f"{number:06}.jpg").symlink_to(path)
        data = Path(made) / "data"
        command = [str(REGRADE), "regrade", "--from", str(folder), "--out", str(out), "--part", str(part)]
        at = []
        for _ in range(kills):
            there = _parts(out)
            process = subprocess.Popen([*command, "--data-dir", str(data)], stderr=subprocess.DEVNULL)
            while _parts(out) == there and process.poll() is None:
                time.sleep(0.01)
            if process.poll() is not None:
                raise RuntimeError("it ended before it was killed: give it more photos")
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            at.append(_parts(out) * part)
        begun = time.monotonic()
        subprocess.run([*command, "--data-dir", str(data)], check=True, capture_output=True)
        good = Counter(row["id"] for row in read_graded(out))
        bad = Counter(row["id"] for row in _bad(out))
    found = good + bad
    return {
        **{"photos": len(photos), "part": part, "kills": kills, "kept_at_each_kill": at},
        "seconds_of_the_last_run": round(time.monotonic() - begun, 1),
        **{"graded": len(good), "bad": len(bad), "missing": len(photos) - len(found)},
        "more_than_once": sum(count > 1 for count in found.values()),
    }


def _parts(out: Path) -> int:
    return len(list((out / "graded").glob("part-*.parquet")))


def _bad(out: Path) -> list[dict[str, Any]]:
    from pyarrow import parquet

    return [row for file in (out / "bad").glob("part-*.parquet") for row in parquet.read_table(file).to_pylist()]


def main() -> None:
    made = parser(__doc__, service=False)
    made.add_argument("--photos", type=int, default=1000, help="photos that are graded through kills; by repetition")
    made.add_argument("--blocks", type=int, default=10, help="pairs of blocks whose pace is compared")
    options = made.parse_args()
    size, kills, part = 64, 5, 64
    if options.quick:
        options.photos, options.blocks, size, kills, part = 40, 2, 8, 2, 8
    there = sorted((BENCH / "images").glob("*.jpg"))
    if not there:
        sys.exit(f"There are no photos in {BENCH}/images. Name the bench with REGRADE_BENCH.")
    spread = there[:: max(1, len(there) // (options.blocks * size))]
    found = {
        "pace": pace((spread * (1 + options.blocks * size // len(spread))), options.blocks, size),
        "killed": killed([there[n % len(there)] for n in range(options.photos)], part, kills),
    }
    print(json.dumps(found, indent=1))
    print(write(found | {"at": datetime.now(UTC).isoformat(timespec="seconds")}, "bulk", out=options.out))


if __name__ == "__main__":
    main()
