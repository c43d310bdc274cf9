"""What the shipped models make of the rendered photos, taken under other light, from elsewhere and with another camera.

A simulated history is drawn from these grades. They are real in that the shipped grader gave them to just these photos,
and say little of real goods: a dozen rendered things.
"""

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from regrade.models.grader import Grader
from regrade.models.photos.intake import open_photo
from regrade.models.types import ItemResult
from regrade.serving.demo.site import SUBJECTS, Subject
from regrade.serving.examples.items import PHOTOS
from regrade.serving.storage.records import RESULT

VARIATIONS: Final = 12
"""Of each thing; the first is the photos as they were rendered."""
CACHE: Final = "demo-grades"
"""The folder, in a data directory, where they are kept: an interrupted demo goes on with what it has."""

Progress = Callable[[Iterator["Graded"], int], Iterator["Graded"]]


@dataclass(frozen=True, slots=True)
class Graded:
    """A thing in one variation: its photos as JPEG files, and what the shipped models say of it."""

    subject: Subject
    photos: tuple[bytes, ...]
    result: ItemResult


def grade_all(folder: Path, seed: int, progress: Progress | None = None) -> Mapping[Subject, list[Graded]]:
    """Every thing in all its variations, graded and kept below `folder`; what must be photographed again is left out.

    The same seed makes the same photos. `progress` is given what comes and how many it will be.
    """
    grader = Grader.load()
    asked = [(subject, number) for subject in SUBJECTS for number in range(VARIATIONS)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found: Iterator[Graded] = pool.map(lambda one: _graded(grader, folder / CACHE, one[0], one[1], seed), asked)
        kept: dict[Subject, list[Graded]] = {subject: [] for subject in SUBJECTS}
        for one in found if progress is None else progress(found, len(asked)):
            if one.result.grade is not None:
                kept[one.subject].append(one)
    return kept


def _graded(grader: Grader, cache: Path, subject: Subject, number: int, seed: int) -> Graded:
    random = np.random.default_rng((seed, SUBJECTS.index(subject), number))
    paths = sorted(PHOTOS.glob(f"{subject.photos}-*.jpg"))
    photos = tuple(path.read_bytes() for path in paths) if number == 0 else _taken_again(paths, random)
    digests = [hashlib.sha256(photo).hexdigest() for photo in photos]
    name = hashlib.sha256(json.dumps([digests, grader.digests], sort_keys=True).encode()).hexdigest()
    file = cache / f"{name}.json"
    if file.is_file():
        return Graded(subject, photos, RESULT.validate_json(file.read_bytes()))
    result = grader.grade([open_photo(photo, at) for at, photo in enumerate(photos)], subject.category)
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.write_bytes(RESULT.dump_json(result))
    return Graded(subject, photos, result)


def _taken_again(paths: Sequence[Path], random: np.random.Generator) -> tuple[bytes, ...]:
    """All photos from about as far away, or one of them alone from closer by, as half of the stations do."""
    if random.random() < 0.5:
        return tuple(_photo(path, random, random.uniform(0.88, 1.0)) for path in paths)
    return (_photo(paths[int(random.integers(len(paths)))], random, random.uniform(0.55, 0.85)),)


def _photo(path: Path, random: np.random.Generator, share: float) -> bytes:
    """A `share` of each side of the photo, lit, tinted and grained a little differently, as JPEG."""
    with Image.open(path) as photo:
        cut = _cut(photo.convert("RGB"), random, share)
    light = random.uniform(0.82, 1.18) * random.normal(1.0, 0.025, 3)
    pixels: NDArray[np.float64] = np.asarray(cut, dtype=np.float64) * light
    pixels = pixels + random.normal(0.0, random.uniform(1.0, 5.0), pixels.shape)
    out = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(out, "JPEG", quality=int(random.integers(78, 93)))
    return out.getvalue()


def _cut(photo: Image.Image, random: np.random.Generator, share: float) -> Image.Image:
    width, height = int(photo.width * share), int(photo.height * share)
    left, top = random.integers(photo.width - width + 1), random.integers(photo.height - height + 1)
    return photo.crop((int(left), int(top), int(left) + width, int(top) + height))
