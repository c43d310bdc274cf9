"""Whether half of a real photo is ever taken for a whole one, whatever its end is made to look like.

    .venv/bin/python benchmarks/half_photos.py --photos FOLDER   # some minutes for 400 photos; results/half_photos.json

Of each photo, and of itself saved as an optimised and as a progressive JPEG, with restarts, as PNG and WebP, a part is
kept, and put behind it is: nothing, an end marker, zeros, zeros and an end marker, random bytes and an end marker (or
lengths and checksums that fit). `taken` counts the parts that `open_photo` takes, by kind and end, of `tried`; `left`
lists each with the share of rows that differ from the whole photo. Parts whose pixels are those of the whole, for it
ends plain, are no halves: they are `unharmed`. `refused_whole` lists whole photos that are refused.
"""

import io
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from odd_photos import encoded, entropy_start, mended_png, mended_webp
from PIL import Image
from rich.progress import track
from rig import PROJECT, parser, write

from regrade.models.errors import PhotoError
from regrade.models.photos.intake import open_photo

SHARES: Final = (0.2, 0.5, 0.7, 0.9, 0.98)
END: Final = b"\xff\xd9"
LARGEST: Final = 700
"""Long side, in pixels, that photos are reduced to before they are saved anew: PNG is slow."""


def kinds(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The photo itself, where it is a JPEG, and saved anew."""
    if data.startswith(b"\xff\xd8"):
        yield "as it is", data
    with Image.open(io.BytesIO(data)) as opened:
        image = opened.convert("RGB")
    image.thumbnail((LARGEST, LARGEST))
    yield "optimised", encoded(image, optimize=True, quality=85)
    yield "progressive", encoded(image, progressive=True, quality=85)
    yield "restarts", encoded(image, restart_marker_rows=1, quality=85)
    yield "PNG", encoded(image, "PNG", compress_level=1)
    yield "WebP", encoded(image, "WEBP", method=0)
    yield "WebP, lossless", encoded(image, "WEBP", method=0, lossless=True, quality=0)


def parts(kind: str, whole: bytes, share: float) -> Iterator[tuple[str, bytes]]:
    """A part of a file with each end, by what that is."""
    if kind == "PNG":
        yield "lengths that fit", mended_png(whole, share)
    elif kind.startswith("WebP"):
        yield "lengths that fit", mended_webp(whole, share)
    else:
        begin = entropy_start(whole)
        part = whole[: begin + int((len(whole) - begin) * share)].rstrip(b"\xff")
        missing = len(whole) - len(part)
        yield "an end", part + END
        yield "zeros and an end", part + bytes(missing) + END
        rubbish = random.Random(len(part)).randbytes(missing).replace(b"\xff", b"\xfe")
        yield "rubbish and an end", part + rubbish + END
    part = whole[: int(len(whole) * share)]
    yield "nothing", part
    yield "zeros", part + bytes(len(whole) - len(part))


def taken_with(data: bytes, whole: bytes) -> float | None:
    """The share of rows that differ from those of the whole photo; None where the file is refused."""
    try:
        rgb = open_photo(data).rgb
    except PhotoError:
        return None
    differs = (rgb != open_photo(whole).rgb).any(axis=(1, 2))
    return float(np.mean(differs))


def main() -> None:
    """Run from the command line."""
    made = parser(__doc__, service=False)
    made.add_argument("--photos", type=Path, default=PROJECT / "serving/examples/photos", help="folder of photos")
    made.add_argument("--count", type=int, default=400, help="photos, evenly of all in the folder")
    options = made.parse_args()
    files = sorted(path for path in options.photos.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    files = files[:: max(1, len(files) // (3 if options.quick else options.count))]
    tried: Counter[str] = Counter()
    left: list[dict[str, object]] = []
    refused_whole: list[str] = []
    unharmed = 0
    for file in track(files):
        name = str(file.relative_to(options.photos))
        for kind, whole in kinds(file.read_bytes()):
            if taken_with(whole, whole) is None:
                refused_whole.append(f"{name}, {kind}")
                continue
            for share in SHARES:
                for end, part in parts(kind, whole, share):
                    tried[f"{kind}, {end}"] += 1
                    rows = taken_with(part, whole)
                    unharmed += rows == 0
                    if rows:
                        left.append({"photo": name, "kind": kind, "end": end, "share": share, "rows": round(rows, 3)})
    taken = Counter(f"{one['kind']}, {one['end']}" for one in left)
    result = {
        "photos": len(files),
        "tried": {"all": tried.total(), **tried},
        "taken": {"all": taken.total(), **taken},
        "unharmed": unharmed,
        "refused_whole": refused_whole,
        "left": left,
    }
    print(write(result, "half_photos", out=options.out))


if __name__ == "__main__":
    main()
