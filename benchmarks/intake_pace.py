"""Whether intake makes the pixels that Pillow makes, how fast, and which photos of a folder it refuses.

    .venv/bin/python benchmarks/intake_pace.py --photos FOLDER     # about 2 minutes; writes results/intake_pace.json

Every photo in the folder goes through `open_photo`, and through Pillow alone (open, draft, load, and the same steps to
sRGB), which is what intake was before it looked at a file's structure and at what libjpeg had to make up. `differing`
lists photos of which a single digit is another one, `refused` those that intake refuses and Pillow takes; both must be
empty for whole photos. `ratio` is CPU time over Pillow's, by photo, with its 95% interval: those of the folder, and
made photos of 12 and 48 megapixels.
"""

import io
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from photos import SIZES, photo_of
from PIL import Image
from rich.progress import track
from rig import PROJECT, bootstrap_ratio, interval, parser, write

from regrade.models.errors import PhotoError
from regrade.models.photos.files.pixels import to_srgb
from regrade.models.photos.intake import DEFAULT_LIMITS, SLACK, open_photo
from regrade.models.photos.orientation import orientation_of, upright

SIDE: Final = round(DEFAULT_LIMITS.working_side * SLACK)
KINDS: Final = (".jpg", ".jpeg", ".png", ".webp")
ROUNDS: Final = 3
NO_HASH: Final = "0" * 64
"""The service hashes elsewhere, and decodes with the hash in hand."""


def by_pillow(data: bytes) -> NDArray[np.uint8]:
    """The pixels that Pillow makes of a photo, uint8 (h, w, 3)."""
    with Image.open(io.BytesIO(data)) as image:
        scale = min(1.0, SIDE / max(image.size))
        image.draft(None, (max(1, round(image.width * scale)), max(1, round(image.height * scale))))
        image.load()
        rgb = to_srgb(image, SIDE, image.info.get("icc_profile") or b"")
    return np.asarray(upright(rgb, orientation_of(data)), dtype=np.uint8)


def by_intake(data: bytes) -> NDArray[np.uint8]:
    """Those that intake makes."""
    return open_photo(data, sha256=NO_HASH).rgb


def seconds(decode: Callable[[bytes], object], data: bytes) -> float:
    """CPU seconds that it takes."""
    began = time.process_time()
    decode(data)
    return time.process_time() - began


def ratio(photos: Sequence[bytes]) -> dict[str, float]:
    """CPU time of intake over Pillow's, paired by photo: the least of some rounds, in turns."""
    rounds = [[[seconds(decode, data) for decode in (by_intake, by_pillow)] for data in photos] for _ in range(ROUNDS)]
    ours, theirs = np.asarray(rounds).min(axis=0).T
    found = interval(bootstrap_ratio(ours, theirs))
    return found | {"photos": len(photos), "ms": round(1000 * float(np.median(ours)), 2)}


def compared(files: Sequence[Path], folder: Path) -> dict[str, Any]:
    """What is refused, and what comes out otherwise."""
    refused: dict[str, str] = {}
    differing: list[str] = []
    for file in track(files, "digits"):
        data, name = file.read_bytes(), str(file.relative_to(folder))
        try:
            if not np.array_equal(by_intake(data), by_pillow(data)):
                differing.append(name)
        except PhotoError as error:
            refused[name] = error.code
    return {"photos": len(files), "refused": refused, "differing": differing}


def main() -> None:
    """Run from the command line."""
    made = parser(__doc__, service=False)
    made.add_argument("--photos", type=Path, default=PROJECT / "serving/examples/photos", help="folder of photos")
    options = made.parse_args()
    files = sorted(path for path in options.photos.rglob("*") if path.suffix.lower() in KINDS)
    some = files[:: max(1, len(files) // (20 if options.quick else 400))]
    result = {
        **compared(some if options.quick else files, options.photos),
        "ratio": {
            "folder": ratio([file.read_bytes() for file in some]),
            "12 megapixels": ratio([photo_of(seed, *SIZES[12]) for seed in range(2 if options.quick else 12)]),
            **({} if options.quick else {"48 megapixels": ratio([photo_of(seed, *SIZES[48]) for seed in range(6)])}),
        },
    }
    print(write(result, "intake_pace", out=options.out))


if __name__ == "__main__":
    main()
