"""Features of photos, whole and in parts, by one backbone: computed once, on two threads, and kept in a file.

A part is a crop of a share of both sides, squeezed to the backbone's input as the whole photo is; `PARTS` are those at
the four corners. What is kept goes by the photo's hash, so that an interrupted run goes on.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from regrade.datasets.manifest import Record
from regrade.models.networks.runtime import Model
from regrade.models.photos.intake import DEFAULT_LIMITS, open_photo
from regrade.models.photos.parts import WHOLE, Part, corners, part_input, working_side
from regrade.models.registry.bundle import sha256

SHARE: Final = 0.6
PARTS: Final[tuple[Part, ...]] = (WHOLE, *corners(SHARE))
_SAVED_EVERY: Final = 400


def part_features(
    records: Sequence[Record], network: bytes, side: int, cache: Path, parts: Sequence[Part] = PARTS
) -> NDArray[np.float32]:
    """float32 (n, len(parts), D): a row a record, in order."""
    file = cache / f"parts-{sha256(network)[:16]}-{side}-{len(parts)}.npz"
    known = _read(file)
    missing = list({r.sha256: r for r in records if r.sha256 not in known}.values())
    model = Model(network)
    limits = replace(DEFAULT_LIMITS, working_side=max(DEFAULT_LIMITS.working_side, working_side(side, SHARE)))

    def one(record: Record) -> NDArray[np.float32]:
        rgb = open_photo(record.file.read_bytes(), limits=limits).rgb
        seen = [model.run({"pixels": part_input(rgb, part, side)[np.newaxis]}, ("features",))[0][0] for part in parts]
        return np.stack(seen).astype(np.float32)

    with ThreadPoolExecutor(2) as pool:
        for start in track(range(0, len(missing), _SAVED_EVERY), f"features of {len(missing)} photos"):
            chunk = missing[start : start + _SAVED_EVERY]
            known.update(zip([r.sha256 for r in chunk], pool.map(one, chunk), strict=True))
            _write(file, known)
    return np.stack([known[r.sha256] for r in records])


def _read(file: Path) -> dict[str, NDArray[np.float32]]:
    if not file.exists():
        return {}
    with np.load(file) as data:
        return dict(zip(data["keys"].tolist(), data["rows"], strict=True))


def _write(file: Path, known: dict[str, NDArray[np.float32]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(f".{os.getpid()}.partial")
    with partial.open("wb") as out:
        np.savez(out, keys=np.array(list(known)), rows=np.stack(list(known.values())))
    partial.replace(file)
