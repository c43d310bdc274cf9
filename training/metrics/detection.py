"""How well a detector boxes what the pictures of its validation split show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from regrade.models.errors import DatasetError
from regrade.models.networks.detector import Detection, Detector
from regrade.models.photos.intake import open_photo
from regrade.models.types import Box
from regrade.training.metrics.average_precision import Matches, match
from regrade.training.run.progress import bar

Boxed = tuple[str, Box]
"""A type and where it is."""


@dataclass(frozen=True, slots=True)
class Ap:
    """Average precision at an overlap of 0.5, 0 to 1, and the number of true boxes; NaN where there is none."""

    value: float
    positives: int

    def to_json(self) -> dict[str, float | int | None]:
        """Plain JSON types; null for NaN."""
        return {"ap50": rounded(self.value), "boxes": self.positives}


def rounded(value: float) -> float | None:
    """To four places, None for NaN, which JSON has not."""
    return None if np.isnan(value) else round(value, 4)


@dataclass(frozen=True, slots=True)
class AnnotatedPicture:
    """A picture of the data and its true boxes, in its pixels."""

    file: Path
    boxes: tuple[Boxed, ...]


def ap50_on(data: Path, detector: Detector, split: str = "val") -> dict[str, Ap]:
    """Average precision of each of the detector's types on the pictures of `data` (a YAML file of `build_data`), found
    by the very code that serves. Raises `DatasetError` for data that are not there or of other classes."""
    pictures = pictures_in(data, split, detector.classes)
    return ap50(detect_all(pictures, detector), [p.boxes for p in pictures], detector.classes)


def detect_all(pictures: Sequence[AnnotatedPicture], detector: Detector) -> list[tuple[Detection, ...]]:
    """What the detector finds on each picture, under a progress bar."""
    found = []
    with bar() as progress:
        for picture in progress.track(pictures, description="detections"):
            photo = open_photo(picture.file.read_bytes())
            found.append(detector.detect(photo.rgb, photo.width, photo.height))
    return found


def ap50(found: Sequence[Sequence[Detection]], true: Sequence[Sequence[Boxed]], types: Sequence[str]) -> dict[str, Ap]:
    """Average precision of each of `types`; `found` and `true` have one entry a picture."""
    out = {}
    for kind in types:
        matches = match(
            [[(d.score, d.box) for d in of_one if d.type == kind] for of_one in found],
            [[box for t, box in of_one if t == kind] for of_one in true],
        )
        out[kind] = Ap(all_point_precision(matches), int(matches.true.sum()))
    return out


def all_point_precision(matches: Matches) -> float:
    """The area under precision over recall, each precision raised to the best at that recall or more; NaN without a
    true box. Source: M. Everingham et al., "The Pascal Visual Object Classes Challenge", IJCV 2015, as of 2010."""
    total = float(matches.true.sum())
    if not total:
        return float("nan")
    right = np.cumsum(matches.hit)
    precision = right / np.arange(1, len(right) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float(best[matches.hit].sum() / total)


def mean_ap(aps: Mapping[str, Ap]) -> float:
    """Mean over the types that have true boxes; NaN where none has."""
    values = [ap.value for ap in aps.values() if ap.positives]
    return float(np.mean(values)) if values else float("nan")


def pictures_in(data: Path, split: str, classes: Sequence[str]) -> list[AnnotatedPicture]:
    """The pictures that `data` names for `split`, with their boxes."""
    try:
        document = yaml.safe_load(data.read_text(encoding="utf-8"))
    except OSError as error:
        raise DatasetError(f"{data}: cannot be read ({error.strerror}); build the pictures first") from None
    names = tuple(document["names"][i] for i in range(len(document["names"])))
    if names != tuple(classes):
        raise DatasetError(f"{data}: names the classes {', '.join(names)}; the detector has {', '.join(classes)}")
    if split not in document:
        raise DatasetError(f"{data}: has no split '{split}'")
    home = Path(document["path"])
    listed = (home / document[split]).read_text(encoding="utf-8").split()
    return [_picture(home / line, names) for line in listed]


def _picture(file: Path, names: Sequence[str]) -> AnnotatedPicture:
    label = file.parent.parent.parent / "labels" / file.parent.name / f"{file.stem}.txt"
    with Image.open(file) as image:
        width, height = image.size
    boxes = []
    for line in label.read_text(encoding="utf-8").splitlines():
        kind, x, y, w, h = line.split()
        across, down = float(w) * width / 2, float(h) * height / 2
        cx, cy = float(x) * width, float(y) * height
        boxes.append((names[int(kind)], (cx - across, cy - down, cx + across, cy + down)))
    return AnnotatedPicture(file, tuple(boxes))
