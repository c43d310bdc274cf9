"""What the detector is trained on: photos with boxes in YOLO's format, real ones and ones with damage drawn on them.

Clean, harmlessly edited and damaged pictures are made from the same photos and written alike, so that nothing but the
damage tells them apart. What is drawn depends on photo, way and seed alone. A photo's pictures are done when its note
is written, which is last; an interrupted build goes on from there.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import yaml

from regrade.datasets.category import Category
from regrade.datasets.manifest import Record, scaled
from regrade.datasets.synth.catalogue import VERSION, recipe, scene_of, synthesize, synthesize_harmless
from regrade.datasets.synth.scene import PhotoScene
from regrade.models.errors import DatasetError
from regrade.models.photos.intake import IntakeLimits, open_photo
from regrade.models.types import DEFECT_TYPES
from regrade.training.data.close_up import Boxed, Labelled, close_up
from regrade.training.run.progress import bar
from regrade.training.run.seeding import seeded
from regrade.training.run.workers import SPAWNED

SIDE: Final = 640
"""Long side of a written picture, in pixels, at most."""
SPLITS: Final = ("train", "val")
STATES: Final = frozenset({"open"})
"""Defect codes that describe a state of the whole item and have no place on it."""
_DRAWN_AT: Final = IntakeLimits(working_side=960)
"""Drawn larger than written: a close-up keeps its detail, and a whole photo is smoothed as a camera's would be."""
_QUALITIES: Final = (70, 96)
_RECIPE: Final = 2
"""Counts up with any change of this file, or of `close_up`, that changes the pictures."""


def build_data(
    records: Sequence[Record],
    categories: Mapping[str, Category],
    folder: Path,
    *,
    seed: int,
    synthesis: bool,
    workers: int | None = None,
) -> Path:
    """Make what is missing of the pictures of `records` under `folder`, on every core, and name them all in the YAML
    file that is returned.

    Photos of the test split are never used. An undamaged photo gives one picture as it is (every second photo), one
    with a harmless edit and two with damage drawn on it, one of them a close-up; without `synthesis` only the first, of
    every photo. A damaged photo gives itself and a close-up where its damage is boxed, and nothing where it is not: it
    would teach that damage is background. A file is called CATEGORY.KEY-WAY, with WAY one of `clean`, `harmless`,
    `damaged`, `damaged-close`, `real` and `real-close`. Raises `DatasetError` where train or val is left empty.
    """
    used = [r for r in records if is_used(r)]
    classes = classes_of_data(used, categories, synthesis=synthesis)
    drawing = {name: _drawing(c) for name, c in sorted(categories.items())} if synthesis else {}
    home = folder / f"boxes-{_digest([VERSION, _RECIPE, seed, classes, drawing])}"
    for split in SPLITS:
        for part in ("images", "labels"):
            (home / part / split).mkdir(parents=True, exist_ok=True)
    (home / "notes").mkdir(exist_ok=True)
    jobs = [_Job(r, categories[r.category], home, classes, seed, synthesis) for r in used]
    _make([job for job in jobs if not job.note.exists()], workers)
    return _index(jobs, home, classes)


def is_used(record: Record) -> bool:
    """Whether the detector is trained or validated on this photo."""
    if record.split not in SPLITS or record.condition is None:
        return False
    return record.condition != "damaged" or any(d.type not in STATES for d in record.defects)


def classes_of_data(
    records: Sequence[Record], categories: Mapping[str, Category], *, synthesis: bool
) -> tuple[str, ...]:
    """What there is to find: types of boxed items, by name, then types of defects in the order of `DEFECT_TYPES`, boxed
    or drawn. Raises `DatasetError` where there is nothing."""
    items = sorted({item.type for r in records for item in r.items})
    defects = {d.type for r in records for d in r.defects}
    if synthesis:
        drawn = {name for c in categories.values() if c.synthesis for name in c.synthesis.damage}
        defects |= {recipe(name).defect for name in drawn}
    found = (*items, *(t for t in DEFECT_TYPES if t in defects - STATES))
    if not found:
        raise DatasetError("no photo of train or val has a box, and nothing is drawn: there is nothing to detect.")
    return found


def _drawing(category: Category) -> object:
    return None if category.synthesis is None else category.synthesis.model_dump()


def _digest(parts: object) -> str:
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class _Job:
    record: Record
    category: Category
    home: Path
    classes: tuple[str, ...]
    seed: int
    synthesis: bool

    @property
    def name(self) -> str:
        """The same for the same photo with the same labels."""
        r = self.record
        boxes = [*(asdict(d) for d in r.defects), *(asdict(i) for i in r.items)]
        return f"{r.category}.{_digest([r.sha256, r.split, r.item_type, r.condition, self.synthesis, boxes])}"

    @property
    def note(self) -> Path:
        return self.home / "notes" / f"{self.name}.json"


def _make(jobs: Sequence[_Job], workers: int | None) -> None:
    workers = workers or os.cpu_count() or 1
    with bar() as progress:
        task = progress.add_task("pictures with boxes", total=len(jobs))
        if workers == 1 or len(jobs) < 2:
            for job in jobs:
                _make_one(job)
                progress.advance(task)
            return
        with ProcessPoolExecutor(workers, SPAWNED) as pool:
            for _ in pool.map(_make_one, jobs, chunksize=4):
                progress.advance(task)


def _make_one(job: _Job) -> None:
    cv2.setNumThreads(1)
    split, made = job.record.split, []
    for way, picture in pictures_of(job.record, job.category, seed=job.seed, synthesis=job.synthesis):
        rng = seeded(job.record, f"written-{way}-{job.seed}")
        small = _reduced(picture)
        name = f"{job.name}-{way}"
        quality = int(rng.integers(*_QUALITIES))
        data = cv2.imencode(".jpg", small.rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        _replace(job.home / "labels" / split / f"{name}.txt", _lines(small, job.classes).encode())
        _replace(job.home / "images" / split / f"{name}.jpg", data.tobytes())
        made.append(f"images/{split}/{name}.jpg")
    _replace(job.note, json.dumps(made).encode())


def pictures_of(record: Record, category: Category, *, seed: int, synthesis: bool) -> Iterator[tuple[str, Labelled]]:
    """The pictures of one photo with the names of the ways that they were made, at the scale they are drawn at."""
    photo = open_photo(record.file.read_bytes(), limits=_DRAWN_AT)
    scale = photo.rgb.shape[1] / record.width
    real = Labelled(
        photo.rgb,
        tuple((i.type, scaled(i.box, scale)) for i in record.items),
        tuple((d.type, scaled(d.box, scale)) for d in record.defects if d.type not in STATES),
    )
    if record.condition == "damaged":
        yield "real", real
        near = close_up(real, real.defects, seeded(record, f"real-close-{seed}"))
        if near is not None:
            yield "real-close", near
        return
    if not synthesis or int(record.sha256[0], 16) % 2 == 0:
        yield "clean", real
    if not synthesis or category.synthesis is None:
        return
    scene = scene_of(photo.rgb, category.outline, record.item_type, record.largest_item_at(photo.rgb.shape[1]))
    yield from _drawn_on(scene, real, record, category, seed)


def _drawn_on(
    scene: PhotoScene, real: Labelled, record: Record, category: Category, seed: int
) -> Iterator[tuple[str, Labelled]]:
    assert category.synthesis is not None
    if category.synthesis.harmless:
        rng = seeded(record, f"harmless-{seed}")
        edited = replace(real, rgb=synthesize_harmless(scene, category.synthesis.harmless, rng))
        # Half of them close, lest nearness tell damage.
        near = close_up(edited, (("item", scene.box),), rng) if rng.random() < 0.5 else None
        yield "harmless", near or edited
    if not category.synthesis.damage:
        return
    for way in ("damaged", "damaged-close"):
        rng = seeded(record, f"{way}-{seed}")
        made = synthesize(scene, category.synthesis.damage, rng, before=category.synthesis.harmless)
        if made is None:
            continue
        drawn: tuple[Boxed, ...] = tuple((d.type, d.box) for d in made.defects if d.type not in STATES)
        picture = replace(real, rgb=made.rgb, defects=(*real.defects, *drawn))
        if way == "damaged-close":
            picture = close_up(picture, drawn, rng) or picture
        yield way, picture


def _reduced(picture: Labelled) -> Labelled:
    height, width = picture.rgb.shape[:2]
    scale = SIDE / max(height, width)
    if scale >= 1.0:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    rgb = np.asarray(cv2.resize(picture.rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    items, defects = (tuple((t, scaled(b, scale)) for t, b in boxes) for boxes in (picture.items, picture.defects))
    return Labelled(rgb, items, defects)


def _lines(picture: Labelled, classes: tuple[str, ...]) -> str:
    """Boxes as YOLO writes them: class, centre, width and height as shares of the picture."""
    height, width = picture.rgb.shape[:2]
    lines = []
    for kind, box in (*picture.items, *picture.defects):
        x1, x2 = (min(max(v / width, 0.0), 1.0) for v in (box[0], box[2]))
        y1, y2 = (min(max(v / height, 0.0), 1.0) for v in (box[1], box[3]))
        if (x2 - x1) * width >= 1.0 and (y2 - y1) * height >= 1.0:
            place = f"{(x1 + x2) / 2:.6f} {(y1 + y2) / 2:.6f} {x2 - x1:.6f} {y2 - y1:.6f}"
            lines.append(f"{classes.index(kind)} {place}\n")
    return "".join(lines)


def _index(jobs: Sequence[_Job], home: Path, classes: tuple[str, ...]) -> Path:
    """The lists of the pictures of these photos, and the YAML that names lists and classes."""
    pictures: dict[str, list[str]] = {split: [] for split in SPLITS}
    for job in jobs:
        pictures[job.record.split] += json.loads(job.note.read_text(encoding="utf-8"))
    empty = [split for split, paths in pictures.items() if not paths]
    if empty:
        raise DatasetError(f"no picture for {' and '.join(empty)}; the detector needs graded photos in both.")
    of = _digest(sorted(job.name for job in jobs))
    for split, paths in pictures.items():
        _replace(home / f"{split}-{of}.txt", "".join(f"./{p}\n" for p in paths).encode())
    document = {
        "path": str(home.resolve()),
        **{split: f"{split}-{of}.txt" for split in SPLITS},
        "names": dict(enumerate(classes)),
    }
    out = home / f"data-{of}.yaml"
    _replace(out, yaml.safe_dump(document, sort_keys=False).encode())
    return out


def _replace(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_bytes(data)
    partial.replace(path)
