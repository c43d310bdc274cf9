"""Features of photos through the very graph and the very preprocessing that serving uses, cached on disk.

A cached row is found by what made it (photo, view, backbone, preprocessing), so an interrupted extraction goes on
where it stopped, and a changed photo or backbone is never mistaken for the old one.
"""

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from regrade.datasets.manifest import Record
from regrade.models.arch.efficientnet_lite import FEATURES
from regrade.models.bundle import sha256
from regrade.models.intake import open_photo
from regrade.models.preprocess import model_input
from regrade.models.runtime import Model

VIEWS = ("plain", "mirrored", "shifted", "restaged")
"""Views of a photo that a head is fitted on. `plain` is what serving sees; the others keep the head from leaning on
side, framing, exposure and compression, which differ from bench to bench."""
_SHARD = 64


@dataclass(frozen=True, slots=True)
class Extractor:
    """Extracts pooled features with one backbone file at one input side."""

    model: Model
    digest: str
    side: int
    cache: Path

    @classmethod
    def of(cls, onnx_file: bytes, side: int, cache: Path) -> "Extractor":
        """An extractor for the backbone in `onnx_file`, caching under `cache`."""
        digest = sha256(onnx_file)
        path = cache / f"{digest}.onnx"
        if not path.exists():
            cache.mkdir(parents=True, exist_ok=True)
            path.write_bytes(onnx_file)
        return cls(Model(path), digest, side, cache / "features")

    def extract(self, records: Sequence[Record], view: str, pixels_of: "PixelsOf | None" = None) -> NDArray[np.float32]:
        """Features of `records` in this view, float32 (n, D), in order. Ctrl-C loses at most 64 photos.

        `pixels_of` makes the view (`view_of` when None); a photo for which it has none gets a row of NaN.
        """
        pixels_of = pixels_of or view_of
        store = _Store(self.cache / f"{self.digest[:16]}-{self.side}-{view}.npz")
        missing = [r for r in records if r.sha256 not in store.rows]
        with _bar() as progress:
            task = progress.add_task(f"features, {view}", total=len(records), completed=len(records) - len(missing))
            for start in range(0, len(missing), _SHARD):
                for record in missing[start : start + _SHARD]:
                    store.rows[record.sha256] = self._row(pixels_of(record, view, self.side))
                    progress.advance(task)
                store.save()
        return np.stack([store.rows[r.sha256] for r in records])

    def _row(self, pixels: NDArray[np.uint8] | None) -> NDArray[np.float32]:
        if pixels is None:
            return np.full(FEATURES, np.nan, dtype=np.float32)
        row: NDArray[np.float32] = self.model.run({"pixels": pixels[np.newaxis]}, ("features",))[0][0]
        return row


PixelsOf = Callable[[Record, str, int], NDArray[np.uint8] | None]
"""(record, view, side) → uint8 (side, side, 3), or None where the view cannot be made of this photo."""


class _Store:
    """Rows by photo hash in one .npz, replaced atomically."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[str, NDArray[np.float32]] = {}
        if path.exists():
            with np.load(path) as data:
                self.rows = dict(zip(data["keys"].tolist(), data["rows"], strict=True))

    def save(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.savez(file, keys=np.array(list(self.rows)), rows=np.stack(list(self.rows.values())))
        partial.replace(self.path)


def view_of(record: Record, view: str, side: int) -> NDArray[np.uint8]:
    """The model input of one view of a photo, uint8 (side, side, 3); the same for the same photo, always."""
    rgb = open_photo(record.file.read_bytes()).rgb
    if view == "plain":
        return model_input(rgb, side)
    if view == "mirrored":
        return model_input(np.ascontiguousarray(rgb[:, ::-1]), side)
    rng = seeded(record, view)
    image = _crop(Image.fromarray(rgb), rng, least=0.8 if view == "shifted" else 0.6)
    if view == "restaged":
        image = _restage(image, rng)
    return model_input(np.asarray(image), side)


def seeded(record: Record, view: str) -> np.random.Generator:
    """A generator that is the same for the same photo and view, wherever and whenever it runs."""
    digest = hashlib.sha256(f"{record.sha256}/{view}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def _crop(image: Image.Image, rng: np.random.Generator, least: float) -> Image.Image:
    share_w, share_h = rng.uniform(least, 1.0, 2)
    width, height = max(32, round(image.width * share_w)), max(32, round(image.height * share_h))
    left = int(rng.integers(0, max(1, image.width - width + 1)))
    top = int(rng.integers(0, max(1, image.height - height + 1)))
    return image.crop((left, top, left + width, top + height))


def _restage(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Another camera, lamp and upload: brightness, contrast, white balance, mirror, JPEG."""
    image = ImageEnhance.Brightness(image).enhance(float(rng.uniform(0.7, 1.3)))
    image = ImageEnhance.Contrast(image).enhance(float(rng.uniform(0.8, 1.2)))
    gains = rng.uniform(0.9, 1.1, 3)
    pixels = np.clip(np.asarray(image, dtype=np.float32) * gains, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        pixels = np.ascontiguousarray(pixels[:, ::-1])
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=int(rng.integers(50, 95)))
    return Image.open(buffer).convert("RGB")


def _bar() -> Progress:
    return Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
