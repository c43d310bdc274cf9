"""Training pictures for the backbone: real photos in many stagings, with damage and harmless edits drawn onto them.

Every picture comes with a grid that says for each defect type and each place whether it is there, is not there, or is
not known. Edited and untouched photos go through the same staging (crop, light, noise, compression), so that nothing
but the damage tells them apart. What is drawn depends on photo, variant and seed alone; an interrupted build goes on.
"""

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import albumentations as A
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from regrade.datasets.category import Category
from regrade.datasets.manifest import Record, scaled
from regrade.datasets.synth.catalogue import VERSION, scene_of, synthesize, synthesize_harmless
from regrade.datasets.synth.scene import PhotoScene
from regrade.models.photos.intake import open_photo
from regrade.models.registry.bundle import sha256
from regrade.models.types import DEFECT_TYPES
from regrade.training.run.progress import bar
from regrade.training.run.seeding import seeded
from regrade.training.run.workers import SPAWNED

STRIDE: Final = 16
"""Pixels of the input to a cell of the grid."""
LOCAL_TYPES: Final = tuple(t for t in DEFECT_TYPES if t != "open")
"""Defects that have a place. An open flap is a state of the whole carton."""
UNKNOWN: Final = 255
_COMMON: Final = frozenset({"stain", "dirt", "wear", "scuff", "scratch"})
"""What a photo that nobody graded may well show; anything else is rare enough to be taken for absent."""
_SHARD: Final = 32
_RECIPE: Final = 5
"""Counts up with any change of this file that changes the pictures."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to make a picture of a photo."""

    name: str
    kind: str
    """`clean`, `harmless` or `damaged`."""
    close: bool = False
    draw: int = 0
    """The set it belongs to: each epoch takes another."""


def variants(clean: int, harmless: int, damaged: int, close: int) -> tuple[Variant, ...]:
    """So many variants of each kind; `close` of the damaged and half as many of the others are close-ups."""
    out = []
    near_by_kind = (("clean", clean, close // 2), ("harmless", harmless, close // 2), ("damaged", damaged, close))
    for kind, count, near in near_by_kind:
        out += [Variant(f"{kind}-{i}", kind, close=i < near) for i in range(count)]
    return tuple(out)


def drawn_anew(ways: Sequence[Variant], draws: int) -> tuple[Variant, ...]:
    """`ways` and, of each, as many more as make `draws` sets, every one drawn by itself."""
    return tuple(
        way if draw == 0 else replace(way, name=f"{way.name}-{draw}", draw=draw)
        for draw in range(draws)
        for way in ways
    )


@dataclass(frozen=True, slots=True)
class TrainingPicture:
    """A picture to train on: `rgb` uint8 (side, side, 3); `grid` uint8 (types, side/16, side/16) of 0, 1 or `UNKNOWN`;
    `row` of its photo among the records; `kind` of its variant, `clean` where nothing of a drawing is left; `draw`: the
    set it is of."""

    rgb: NDArray[np.uint8]
    grid: NDArray[np.uint8]
    row: int
    kind: str
    draw: int = 0


class Corpus:
    """The pictures of `records` in these variants, built in shards under `folder`."""

    def __init__(
        self,
        records: Sequence[Record],
        categories: Mapping[str, Category],
        ways: Sequence[Variant],
        *,
        side: int,
        seed: int,
        folder: Path,
    ) -> None:
        self.records, self.categories, self.ways = records, categories, ways
        self.side, self.seed = side, seed
        self.folder = folder / f"pictures-{side}-v{VERSION}.{_RECIPE}-s{seed}"

    def build(self, workers: int | None = None) -> None:
        """Make what is missing, on every core, under a progress bar. Ctrl-C loses the shards in the making."""
        self.folder.mkdir(parents=True, exist_ok=True)
        missing = [job for job in self._jobs() if not job.path.exists()]
        if not missing:
            return
        with ProcessPoolExecutor(workers or os.cpu_count(), SPAWNED) as pool, bar() as progress:
            task = progress.add_task("pictures", total=len(missing))
            for _ in pool.map(_build_shard, missing):
                progress.advance(task)

    @property
    def files(self) -> list[Path]:
        """The shards, in order; whether they are built or not."""
        return [job.path for job in self._jobs()]

    def __iter__(self) -> Iterator[TrainingPicture]:
        for job in self._jobs():
            with np.load(job.path, allow_pickle=False) as shard:
                jpegs, sizes, grids = shard["jpegs"].tobytes(), shard["sizes"], shard["grids"]
                kinds, rows, draws = shard["kinds"], shard["rows"], shard["draws"]
            at = 0
            for size, grid, kind, row, draw in zip(sizes, grids, kinds, rows, draws, strict=True):
                rgb = np.asarray(Image.open(io.BytesIO(jpegs[at : at + size])).convert("RGB"))
                at += int(size)
                yield TrainingPicture(rgb, grid, job.start + int(row), str(kind), int(draw))

    def _jobs(self) -> "list[_Job]":
        jobs = []
        for start in range(0, len(self.records), _SHARD):
            part = tuple(self.records[start : start + _SHARD])
            names = "+".join(w.name + ("c" if w.close else "") for w in self.ways)
            key = sha256("\n".join([*(r.sha256 for r in part), names]).encode())
            path = self.folder / f"{key[:20]}.npz"
            jobs.append(_Job(part, start, tuple(self.ways), dict(self.categories), self.side, self.seed, path))
        return jobs


@dataclass(frozen=True, slots=True)
class _Job:
    records: tuple[Record, ...]
    start: int
    ways: tuple[Variant, ...]
    categories: dict[str, Category]
    side: int
    seed: int
    path: Path


def _build_shard(job: _Job) -> None:
    cv2.setNumThreads(1)
    jpegs, sizes, grids, kinds, rows, draws = bytearray(), [], [], [], [], []
    for row, record in enumerate(job.records):
        for picture in pictures_of(record, job.categories[record.category], job.ways, job.side, job.seed):
            data = cv2.imencode(".jpg", picture.rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
            jpegs += data
            sizes.append(len(data))
            grids.append(picture.grid)
            kinds.append(picture.kind)
            rows.append(row)
            draws.append(picture.draw)
    partial = job.path.with_suffix(".partial.npz")
    np.savez_compressed(
        partial,
        jpegs=np.frombuffer(bytes(jpegs), dtype=np.uint8),
        sizes=np.array(sizes, dtype=np.int64),
        grids=np.array(grids, dtype=np.uint8).reshape(
            len(grids), len(LOCAL_TYPES), job.side // STRIDE, job.side // STRIDE
        ),
        kinds=np.array(kinds, dtype="U8"),
        rows=np.array(rows, dtype=np.int64),
        draws=np.array(draws, dtype=np.int64),
    )
    partial.replace(job.path)


def pictures_of(
    record: Record, category: Category, ways: Sequence[Variant], side: int, seed: int
) -> Iterator[TrainingPicture]:
    """The pictures of one photo, none for one of the test split. A damaged one has its own damage."""
    if record.split == "test":
        return
    photo = open_photo(record.file.read_bytes())
    scene = scene_of(photo.rgb, category.outline, record.item_type, record.largest_item_at(photo.rgb.shape[1]))
    known = known_grid(record, photo.rgb.shape[:2])
    for way in ways:
        rng = seeded(record, f"{way.name}-{seed}")
        made = _paint(scene, record, category, way, known, rng)
        if made is None:
            continue
        rgb, masks, kind = made
        if way.close:
            rgb, masks = _close_up(rgb, masks, scene, rng, drawn=kind == "damaged")
        yield replace(_staged(rgb, masks, kind, side, rng), draw=way.draw)


Masks = NDArray[np.uint8]
"""(h, w, types) of 0, 1 or `UNKNOWN`."""


def _paint(
    scene: PhotoScene, record: Record, category: Category, way: Variant, known: Masks, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], Masks, str] | None:
    if way.kind == "clean":
        return scene.rgb, known, "clean"
    if record.condition == "damaged" or category.synthesis is None:
        return None
    if way.kind == "harmless":
        if not category.synthesis.harmless:
            return None
        return synthesize_harmless(scene, category.synthesis.harmless, rng), known, "harmless"
    recipes = category.synthesis
    # Every second one is edited harmlessly first, or an edit would always mean a sound item.
    made = synthesize(scene, recipes.damage, rng, before=recipes.harmless) if recipes.damage else None
    if made is None:
        return None
    masks = known.copy()
    here = made.mask > 0.35
    for defect in made.defects:
        if defect.type in LOCAL_TYPES:
            x1, y1, x2, y2 = (round(v) for v in defect.box)
            region = masks[y1:y2, x1:x2, LOCAL_TYPES.index(defect.type)]
            region[here[y1:y2, x1:x2]] = 1
    return made.rgb, masks, "damaged"


def known_grid(record: Record, size: tuple[int, int]) -> Masks:
    """What the labels of a photo say of each defect type at each place.

    A drawn box is the defect in its middle and unknown at its rim. A type that a labeller named without drawing it may
    be anywhere. Absence of a box on a damaged photo proves nothing; absence of a name on a graded one does.
    """
    masks = np.zeros((*size, len(LOCAL_TYPES)), dtype=np.uint8)
    scale = size[1] / record.width
    drawn = {d.type for d in record.defects}
    for k, kind in enumerate(LOCAL_TYPES):
        unlabelled = record.condition is None and kind in _COMMON
        named = kind in record.defect_codes or record.condition == "damaged"
        if unlabelled or (named and kind not in drawn):
            masks[..., k] = UNKNOWN
    for defect in record.defects:
        if defect.type not in LOCAL_TYPES:
            continue
        layer = masks[..., LOCAL_TYPES.index(defect.type)]
        x1, y1, x2, y2 = scaled(defect.box, scale)
        rim_x, rim_y = (x2 - x1) * 0.2, (y2 - y1) * 0.2
        layer[round(y1) : round(y2) + 1, round(x1) : round(x2) + 1] = UNKNOWN
        layer[round(y1 + rim_y) : round(y2 - rim_y) + 1, round(x1 + rim_x) : round(x2 - rim_x) + 1] = 1
    return masks


def _close_up(
    rgb: NDArray[np.uint8], masks: Masks, scene: PhotoScene, rng: np.random.Generator, drawn: bool
) -> tuple[NDArray[np.uint8], Masks]:
    """A crop of a quarter to three quarters of the photo's sides around what was drawn, or around part of the item."""
    height, width = rgb.shape[:2]
    share = float(rng.uniform(0.28, 0.75))
    h, w = int(height * share), int(width * share)
    spots = (masks == 1).any(axis=2) if drawn else scene.item > 0.5
    rows, columns = np.nonzero(spots)
    if not len(rows):
        rows, columns = np.array([height // 2]), np.array([width // 2])
    pick = int(rng.integers(len(rows)))
    top = int(np.clip(rows[pick] - h * rng.uniform(0.25, 0.75), 0, height - h))
    left = int(np.clip(columns[pick] - w * rng.uniform(0.25, 0.75), 0, width - w))
    return rgb[top : top + h, left : left + w], masks[top : top + h, left : left + w]


@cache
def _staging() -> Any:
    return A.Compose(
        [
            A.HorizontalFlip(p=0.5),
            A.Affine(scale=(0.75, 1.15), translate_percent=(-0.06, 0.06), rotate=(-8, 8), shear=(-4, 4), p=0.6,
                     border_mode=cv2.BORDER_REFLECT_101),
            A.Perspective(scale=(0.02, 0.07), p=0.25),
            A.RandomBrightnessContrast(0.3, 0.25, p=0.6),
            A.HueSaturationValue(8, 25, 10, p=0.4),
            A.RandomGamma((75, 130), p=0.3),
            A.OneOf(
                [A.GaussianBlur((3, 5), p=1), A.MotionBlur((3, 5), p=1), A.Downscale(scale_range=(0.5, 0.9), p=1)],
                p=0.25,
            ),
            A.OneOf([A.GaussNoise(std_range=(0.01, 0.05), p=1), A.ISONoise(p=1)], p=0.25),
            A.ImageCompression(quality_range=(45, 95), p=0.8),
        ]
    )  # fmt: skip


def _staged(rgb: NDArray[np.uint8], masks: Masks, kind: str, side: int, rng: np.random.Generator) -> TrainingPicture:
    staging = _staging()
    staging.set_random_seed(int(rng.integers(2**31)))
    out = staging(image=np.ascontiguousarray(rgb), mask=np.ascontiguousarray(masks))
    grid = cells(out["mask"], side // STRIDE)
    if kind == "damaged" and not (grid == 1).any():
        kind = "clean"
    return TrainingPicture(cv2.resize(out["image"], (side, side), interpolation=cv2.INTER_AREA), grid, 0, kind)


def cells(masks: Masks, count: int) -> NDArray[np.uint8]:
    """(h, w, types) → (types, count, count): 1 where enough of the cell shows the defect, unknown where only a little
    of it does or where it is not known."""
    grid = np.zeros((masks.shape[2], count, count), dtype=np.uint8)
    for k in range(masks.shape[2]):
        layer = masks[..., k]
        if not layer.any():
            continue
        present = cv2.resize((layer == 1).astype(np.float32), (count, count), interpolation=cv2.INTER_AREA)
        doubtful = cv2.resize((layer == UNKNOWN).astype(np.float32), (count, count), interpolation=cv2.INTER_AREA)
        grid[k] = np.where(present > 0.03, 1, np.where(present + doubtful > 0.004, UNKNOWN, 0))
    return grid
