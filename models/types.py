"""What passes between the steps of grading. Small, frozen, free of HTTP and of any model library."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

CONDITIONS: tuple[str, ...] = ("unopened", "opened", "used", "damaged")
"""From best to worst. "The worst visible state wins" is an ordering, and this is it."""

DEFECT_TYPES: tuple[str, ...] = (
    "tear", "hole", "crush", "wet", "stain", "crack", "scratch", "scuff", "wear", "broken", "display", "dirt", "open",
)  # fmt: skip
"""All that the rubric names. A bundle finds those that it was trained on; a reviewer may record any."""

Box = tuple[float, float, float, float]
"""`(x1, y1, x2, y2)` in pixels of the upright full-size photo, `x1 < x2`, `y1 < y2`."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A checked photo, upright and in sRGB, decoded once at the scale that the models need.

    `rgb` is uint8 of shape (h, w, 3). `width` and `height` are those of the upright full-size photo;
    `rgb` is smaller where the file was. `sha256` is that of the file's bytes, in hex.
    """

    index: int
    sha256: str
    media_type: str
    width: int
    height: int
    rgb: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Quality:
    """The verdict of the quality gate on one photo; `issues` holds codes such as `blurry`."""

    ok: bool
    issues: tuple[str, ...]
    measures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Defect:
    """A visible defect on one photo. `score` is in [0, 1], `severity` is `minor` or `major`."""

    photo: int
    type: str
    score: float
    box: Box
    severity: str


@dataclass(frozen=True, slots=True)
class CategoryCall:
    """Which category an item was graded as, who said so, and the model's probability for it."""

    name: str
    source: str
    """`declared` or `predicted`."""
    confidence: float
    best_guess: str
    """The model's own top category, which may differ from a declared one."""


@dataclass(frozen=True, slots=True)
class Grade:
    """The item-level posterior over conditions, calibrated.

    `probabilities` has one entry a condition and sums to 1. `prediction_set` is a conformal set.
    `confidence` is the probability of `condition`. `auto_threshold` is the confidence at which the bundle
    promises its selective guarantee, or None where it had too few calibration items to promise any;
    `promised_error` is the share of wrong grades (α) that it promises to stay below from there on, kept with the
    grade as the bundle may be removed. None, too, in grades that were stored before it was kept.
    """

    condition: str
    probabilities: Mapping[str, float]
    prediction_set: tuple[str, ...]
    confidence: float
    auto_threshold: float | None
    promised_error: float | None = None


@dataclass(frozen=True, slots=True)
class Examination:
    """What a grade rests on, and what was looked for on each photo, in order.

    `defect_types` are those whose boxes are proven on held-out photos and whose network has run: no box of another type
    can be there, whatever the photo shows. `basis` says what moved the grade: `photo` (each photo as a whole),
    `damage_map` (the backbone's map of defects), `parts` (a closer look at parts of a photo) and `detector` (the best
    of the detector's boxes, also of types that are not shown).
    """

    defect_types: tuple[tuple[str, ...], ...]
    basis: tuple[str, ...]

    @property
    def everywhere(self) -> tuple[str, ...]:
        """The types that were looked for on all photos."""
        first, *others = self.defect_types
        return tuple(one for one in first if all(one in types for types in others))


@dataclass(frozen=True, slots=True)
class ItemResult:
    """All that the grader says of one item. `grade` is None where a photo must be retaken."""

    category: CategoryCall | None
    grade: Grade | None
    defects: tuple[Defect, ...]
    quality: tuple[Quality, ...]
    """One a photo, in order."""
    models: Mapping[str, str]
    """Category to bundle version, of the bundles that spoke."""
    timings_ms: Mapping[str, float]
    examination: Examination | None = None
    """None where nothing was graded, and in results that were stored before it was kept."""

    @property
    def retake(self) -> bool:
        return any(not q.ok for q in self.quality)


@dataclass(frozen=True, slots=True)
class Comparison:
    """How golden photos came out beside what `bundles` say of them: the lowest cosine of features, and the largest
    shift of probabilities (total variation) or of a detector's score."""

    bundles: tuple[str, ...]
    cosine: float
    shift: float

    LEAST_COSINE: ClassVar[float] = 0.99
    LARGEST_SHIFT: ClassVar[float] = 0.1
    """Far above what builds of one library differ by (0.9999 and 0.01), far below what saturated sums do."""

    @property
    def passed(self) -> bool:
        """Whether they came out as they should; so they do where there is nothing to compare."""
        return self.cosine >= self.LEAST_COSINE and self.shift <= self.LARGEST_SHIFT

    def __str__(self) -> str:
        return f"features at cosine {self.cosine:.4f}, probabilities and scores off by {self.shift:.3f}"
