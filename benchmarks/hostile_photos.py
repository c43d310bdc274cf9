"""Hostile and odd photos against a running service, while another station sends ordinary items all the time.

    .venv/bin/python benchmarks/hostile_photos.py                  # about a minute; writes results/hostile_photos.json
    .venv/bin/python benchmarks/hostile_photos.py --cases FOLDER   # other files, with their expected.json beside them

Each file is posted as an item of one photo, and again as one of two. `wrong` lists answers that are none of those
expected (`graded` is 201, `refused` is 415 or 422 with words); `slowest_s` is the longest that one took, by file.
`station` says how long the other station waited for its items meanwhile, and how they were answered.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
from odd_photos import (
    ahead_of_pixels,
    behind_start,
    chunk,
    encoded,
    entropy_start,
    many_scans,
    mended_png,
    mended_webp,
    picture,
    png_of,
    segment,
)
from PIL import Image
from rich.progress import track
from rig import Service, parser, percentiles, write

ITEM: Final = '{"rma": "1"}'
PAUSE_S: Final = 0.02
Case = tuple[bytes, tuple[str, ...]]


def cases() -> Mapping[str, Callable[[], Case]]:
    """Files, and the answers that are right."""
    photo, png = encoded(picture(1000, 750)), encoded(picture(), "PNG")
    half = photo[: (entropy_start(photo) + len(photo)) // 2]
    refused, graded, either = ("refused",), ("graded",), ("graded", "refused")
    return {
        "1,001 scans": lambda: (many_scans(7064, 7064, 1000), refused),
        "as many scans as it may have": lambda: (many_scans(4000, 4000, 63, in_order=True), either),
        "empty segments": lambda: (behind_start(photo, segment(0xE5, b"") * 2_000_000), refused),
        "fill bytes": lambda: (behind_start(photo, b"\xff" * 8_000_000), graded),
        "text chunks": lambda: (ahead_of_pixels(png, chunk(b"tEXt", b"k\0v") * 400_000), refused),
        "interlaced, 49 MP": lambda: (png_of(7000, 7000, bytes(21001 * 7000 + 200_000), interlace=1), either),
        "16 bits and alpha, 49 MP": lambda: (
            png_of(7000, 7000, bytes(56001 * 7000), bits=16, colour=6),
            either,
        ),
        "WebP, 49 MP": lambda: (encoded(Image.new("RGB", (7000, 7000), "grey"), "WEBP", method=0), either),
        "half, with an end": lambda: (half + b"\xff\xd9", refused),
        "half, with zeros and an end": lambda: (half + bytes(len(half)) + b"\xff\xd9", refused),
        "half a PNG": lambda: (mended_png(png, 0.5), refused),
        "half a WebP": lambda: (mended_webp(encoded(picture(), "WEBP"), 0.5), refused),
        "rubbish behind the end": lambda: (photo + b"\xff\x00\xaa" * 2000, graded),
    }


def cases_in(folder: Path) -> Mapping[str, Callable[[], Case]]:
    """The files of a folder, as its `expected.json` says: name → [answers, why]."""
    expected = json.loads((folder / "expected.json").read_text())
    return {name: partial(_case, folder / name, tuple(expected[name][0])) for name in expected}


def _case(file: Path, answers: tuple[str, ...]) -> Case:
    return file.read_bytes(), answers


class Station(threading.Thread):
    """Posts an ordinary item, again and again, until told to stop; `waits` in seconds."""

    def __init__(self, service: Service, photo: bytes) -> None:
        super().__init__()
        self._service, self._photo = service, photo
        self.ended = threading.Event()
        self.waits: list[float] = []
        self.statuses: Counter[int] = Counter()

    def run(self) -> None:
        with client_of(self._service) as client:
            while not self.ended.is_set():
                status, seconds = post(client, [self._photo])
                self.waits.append(seconds)
                self.statuses[status] += 1
                time.sleep(PAUSE_S)


def client_of(service: Service) -> httpx.Client:
    """A client with an admin's key."""
    return httpx.Client(base_url=service.url, headers=service.headers, timeout=120, trust_env=False)


def post(client: httpx.Client, photos: list[bytes]) -> tuple[int, float]:
    """The status of the answer, and the seconds until it came."""
    began = time.perf_counter()
    files = [("photos", ("photo", data, "application/octet-stream")) for data in photos]
    answer = client.post("/v1/inspections", files=files, data={"item": ITEM})
    return answer.status_code, time.perf_counter() - began


def answer_of(status: int) -> str:
    """The answer in a word."""
    return "graded" if status == 201 else "refused" if status in (415, 422) else str(status)


def measure(service: Service, files: Mapping[str, Callable[[], Case]], photos: int) -> dict[str, Any]:
    """All files, each as an item of so many photos."""
    ordinary = encoded(picture(1600, 1200))
    station = Station(service, ordinary)
    wrong, slowest = {}, {}
    with client_of(service) as client:
        for _ in range(3):
            post(client, [ordinary])
        station.start()
        for name in track(files, f"{photos} in an item"):
            data, expected = files[name]()
            status, seconds = post(client, [data] * photos)
            slowest[name] = round(seconds, 2)
            if answer_of(status) not in expected:
                wrong[name] = status
    station.ended.set()
    station.join()
    waits = percentiles(station.waits, digits=3)
    return {
        "wrong": wrong,
        "slowest_s": dict(sorted(slowest.items(), key=lambda pair: -pair[1])),
        "station": {"items": len(station.waits), "statuses": dict(station.statuses), "waits_s": waits},
    }


def main() -> None:
    """Run from the command line."""
    made = parser(__doc__)
    made.add_argument("--cases", type=Path, help="folder of files with an expected.json")
    options = made.parse_args()
    files = cases_in(options.cases) if options.cases else cases()
    if options.quick:
        files = {name: files[name] for name in list(files)[:3]}
    with Service(folder=options.folder) as service:
        result = {f"photos_{n}": measure(service, files, n) for n in (1, 2)}
    print(write({"files": len(files), **result}, "hostile_photos", out=options.out))


if __name__ == "__main__":
    main()
