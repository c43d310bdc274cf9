"""What the dearest photo files cost that intake takes, against what their structure says, and where each is decoded.

    .venv/bin/python benchmarks/intake_bounds.py      # about 4 minutes; writes benchmarks/results/intake_bounds.json

Files of 49 megapixels and up to 20 MB, of every kind and as dear to decode as its format lets them be, are decoded in
this process. `work` is what their structure says (megapixels of a baseline JPEG), `cpu_s` what decoding cost (the less
of two), `structure_ms` what finding the structure did. `quick`: whether the service decodes it on a thread, which it
cannot end. The same follows for the largest file of each kind that is quick; `longest_quick_s` is the dearest of all.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from odd_photos import ADAM7, ahead_of_pixels, chunk, encoded, many_scans, png_of
from PIL import Image
from rich.progress import Progress
from rig import parser, write

from regrade.models.photos.files.formats import FORMATS
from regrade.models.photos.files.pixels import decode
from regrade.models.photos.files.structure import QUICK
from regrade.models.photos.intake import DEFAULT_LIMITS, SLACK, sniff

SIDE: Final = 7_000
CHANNELS: Final = {0: 1, 2: 3, 3: 1, 6: 4}


def _noisy(side: int, kind: str, mode: str = "RGB", grain: int = 12, **options: Any) -> bytes:
    """Soft ground with `grain` grey levels of noise."""
    rng = np.random.default_rng(0)
    ground = Image.fromarray(rng.integers(60, 190, (side // 16, side // 16, 3), dtype=np.uint8)).resize((side, side))
    noise = rng.integers(0, max(grain, 1), (side, side, 1), dtype=np.uint8)
    return encoded(Image.fromarray(np.asarray(ground) + noise).convert(mode), kind, **options)


def _png(side: int, bits: int, colour: int, interlace: int = 0) -> bytes:
    """Rows of zeros behind the number of the filter that takes longest (Paeth)."""
    passes = ADAM7 if interlace else ((0, 0, 1, 1),)
    raw = bytearray()
    for x, y, across, down in passes:
        width, height = len(range(x, side, across)), len(range(y, side, down))
        raw += (b"\4" + bytes(-(-width * CHANNELS[colour] * bits // 8))) * height
    return png_of(side, side, bytes(raw), bits=bits, colour=colour, interlace=interlace)


KINDS: Final[Mapping[str, Callable[[int], bytes]]] = {
    "JPEG": lambda side: _noisy(side, "JPEG", quality=75),
    "JPEG without subsampling": lambda side: _noisy(side, "JPEG", quality=50, subsampling=0),
    "JPEG, a restart each unit": lambda side: _noisy(side, "JPEG", quality=40, restart_marker_blocks=1),
    "JPEG, CMYK": lambda side: _noisy(side, "JPEG", "CMYK", quality=30),
    "JPEG, progressive": lambda side: _noisy(side, "JPEG", quality=75, progressive=True),
    "JPEG, scans of a coefficient each": lambda side: many_scans(side // 2, side // 2, 63, in_order=True),
    "PNG": lambda side: _png(side, 8, 2),
    "PNG of noise": lambda side: _noisy(side * 5 // 14, "PNG", grain=250, compress_level=1),
    "PNG, interlaced": lambda side: _png(side, 8, 2, 1),
    "PNG, 16 bits and alpha": lambda side: _png(side, 16, 6),
    "PNG, 16 bits and alpha, interlaced": lambda side: _png(side, 16, 6, 1),
    "PNG, 16 bits": lambda side: _png(side, 16, 0),
    "PNG, one bit": lambda side: _png(side, 1, 0),
    "PNG, one bit, transparent": lambda side: ahead_of_pixels(_png(side, 1, 0), chunk(b"tRNS", bytes(2))),
    "PNG, transparent": lambda side: ahead_of_pixels(_png(side, 8, 2), chunk(b"tRNS", bytes(6))),
    "WebP": lambda side: _noisy(side, "WEBP", quality=50, method=0),
    "WebP, flat": lambda side: _noisy(side, "WEBP", grain=0, quality=20, method=0),
    "WebP with alpha": lambda side: _noisy(side, "WEBP", "RGBA", quality=30, method=0),
    "WebP, lossless": lambda side: _noisy(side, "WEBP", grain=2, lossless=True, quality=0, method=0),
}
"""How to make a file of `side` × `side` pixels, by what makes it dear."""


def measured(data: bytes) -> dict[str, Any]:
    """What a file's structure says, and what it costs."""
    media_type = sniff(data)
    before, structure, after = time.thread_time(), FORMATS[media_type].read(data), time.thread_time()
    assert structure.fault is None, structure.fault
    side, costs = round(DEFAULT_LIMITS.working_side * SLACK), []
    for _ in range(2):
        began = time.thread_time()
        decode(data, media_type, structure, side)
        costs.append(time.thread_time() - began)
    return {
        "megapixels": round(structure.width * structure.height / 1e6, 1),
        "megabytes": round(len(data) / 1e6, 2),
        "work": round(structure.work, 1),
        "quick": structure.quick,
        "structure_ms": round((after - before) * 1000, 2),
        "cpu_s": round(min(costs), 3),
    }


def largest_quick(make: Callable[[int], bytes], side: int) -> int:
    """The side, in pixels, of the largest file that is quick: work grows with the pixels."""
    data = make(side)
    work = FORMATS[sniff(data)].read(data).work
    return int(side * min(1.0, (QUICK / work) ** 0.5 * 0.999))


def main() -> None:
    """Run from the command line."""
    options = parser(__doc__, service=False).parse_args()
    whole: dict[str, Any] = {}
    quick: dict[str, Any] = {}
    with Progress() as progress:
        for name in progress.track(KINDS):
            side = SIDE // 7 if options.quick else SIDE
            whole[name] = measured(KINDS[name](side))
            quick[name] = measured(KINDS[name](largest_quick(KINDS[name], side)))
    result = {
        "quick_work": QUICK,
        "bound_s": DEFAULT_LIMITS.seconds,
        "longest_quick_s": max(one["cpu_s"] for one in quick.values()),
        "longest_s": max(one["cpu_s"] for one in whole.values()),
        "largest": whole,
        "largest_quick": quick,
    }
    print(write(result, "intake_bounds", out=options.out))


if __name__ == "__main__":
    main()
