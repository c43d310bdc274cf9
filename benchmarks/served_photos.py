"""CPU time and bytes of a 12 megapixel photo on its way to a browser: as it was sent, and as it is shown now.

    .venv/bin/python benchmarks/served_photos.py         # writes benchmarks/results/served_photos.json

Times the CPU seconds of all threads of this process, and the clock; HEIC and AVIF are decoded in a process of their
own, so that the clock alone tells what they take, which other processes on the machine slow down. A photo is read from
a store on disk, its hash is checked (`sent` is no more than that), and it is made what is shown. `first` makes a
picture that has to be encoded, `again` finds it in the cache.
"""

import hashlib
import io
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pillow_heif
from photos import SIZES, photo_of
from PIL import Image
from rig import parser, percentiles, write

from regrade.models.photos.intake import IntakeLimits, open_photo
from regrade.serving.storage.photostore import LocalPhotoStore
from regrade.serving.storage.picture_cache import PictureCache
from regrade.serving.storage.records import StoredPhoto
from regrade.serving.storage.thumbnails import Thumbnails

ROOM = 1 << 30
UNITS = {"cpu_ms": time.process_time, "clock_ms": time.perf_counter}


def photos_of(megapixels: float) -> dict[str, bytes]:
    """The same photo with a phone's EXIF: upright, on its side, and as HEIC and AVIF."""
    plain = photo_of(1, *SIZES[megapixels])
    image = Image.open(io.BytesIO(plain))
    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif.update({0x010F: "Maker", 0x0110: "Phone", 0x0132: "2026:11:28 09:30:00", 0x0112: 1})
    exif.get_ifd(0x8825).update({1: "N", 2: (31.0, 14.0, 5.5), 3: "E", 4: (121.0, 28.0, 9.0)})
    exif.get_ifd(0x8769)[0x927C] = bytes(20_000)
    found = {"jpeg": _with_exif(plain, exif.tobytes())}
    exif[0x0112] = 6
    found["jpeg_on_its_side"] = _with_exif(plain, exif.tobytes())
    for name, kind, options in (("heic", "HEIF", {"quality": 60}), ("avif", "AVIF", {"quality": 65, "speed": 9})):
        out = io.BytesIO()
        image.save(out, kind, **options)
        found[name] = out.getvalue()
    return found


def _with_exif(jpeg: bytes, exif: bytes) -> bytes:
    return jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:]


def measure(megapixels: float, rounds: int) -> dict[str, Any]:
    """By kind of photo: milliseconds and bytes of each way of answering; and what opening it costs before decoding."""
    with tempfile.TemporaryDirectory() as folder:
        store = LocalPhotoStore(Path(folder) / "photos")
        cache = PictureCache(Path(folder) / "cache", ROOM)
        shown = Thumbnails(store, cache, IntakeLimits())
        return {name: _measured(data, store, cache, shown, rounds) for name, data in photos_of(megapixels).items()}


def _measured(
    data: bytes, store: LocalPhotoStore, cache: PictureCache, shown: Thumbnails, rounds: int
) -> dict[str, Any]:
    sha256 = hashlib.sha256(data).hexdigest()
    store.publish(store.stage([(data, sha256)]))
    about = open_photo(data, sha256=sha256)
    photo = StoredPhoto(0, sha256, about.media_type, len(data), about.width, about.height)

    def anew(make: Callable[[], object]) -> Callable[[], object]:
        def made() -> object:
            cache.forget(sha256)
            return make()

        return made

    steps: dict[str, Callable[[], object]] = {
        "sent": lambda: store.read(sha256),
        "full_first": anew(lambda: shown.full(photo)),
        "full_again": lambda: shown.full(photo),
        "thumbnail_first": anew(lambda: shown.get(photo, 320)),
        "thumbnail_again": lambda: shown.get(photo, 320),
    }
    times = {name: _times(step, rounds) for name, step in steps.items()}
    sizes = {"sent": len(data), "full": len(shown.full(photo).data), "thumbnail": len(shown.get(photo, 320))}
    return {
        **{unit: {name: percentiles(taken[unit], (50, 95)) for name, taken in times.items()} for unit in UNITS},
        "bytes": sizes,
    }


def _times(step: Callable[[], object], rounds: int) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {unit: [] for unit in UNITS}
    for _ in range(rounds):
        before = [clock() for clock in UNITS.values()]
        step()
        for (unit, clock), start in zip(UNITS.items(), before, strict=True):
            taken[unit].append((clock() - start) * 1000)
    return taken


def main() -> None:
    made = parser(__doc__, service=False)
    made.add_argument("--rounds", type=int, default=15)
    options = made.parse_args()
    megapixels, rounds = (0.5, 2) if options.quick else (12, options.rounds)
    photos = measure(megapixels, rounds)
    found = {"megapixels": megapixels, "rounds": rounds, "photos": photos}
    write(found, "served_photos", out=options.out)
    print(json.dumps({name: {k: v["p50"] for k, v in one["cpu_ms"].items()} for name, one in photos.items()}))


if __name__ == "__main__":
    main()
