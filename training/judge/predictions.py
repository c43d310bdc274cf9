"""What a grader says of labelled photos, one photo an item, exactly as serving would grade it.

    grader = open_grader(root)
    found = predict(grader, records, "toys")

Every figure of an evaluation, every gate and every shortcut check is computed from `Predictions`, so that they
cannot differ in what they measured.
"""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from regrade.datasets.manifest import Record
from regrade.models.errors import BundleError, DatasetError, PhotoError
from regrade.models.grader import Grader
from regrade.models.networks.detector import Detection
from regrade.models.photo_evidence import PhotoEvidence
from regrade.models.photos.intake import DEFAULT_LIMITS, open_photo
from regrade.models.photos.quality import QualityLimits, assess
from regrade.models.registry.bundle import ROUTER, SHARED
from regrade.models.registry.store import BundleStore, store_of
from regrade.models.types import Defect, Photo
from regrade.training.judge.prediction_cache import Graded, PredictionCache

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
_Value = TypeVar("_Value")
Edit = Callable[[Photo, Record], Photo]
"""A change of a photo before it is graded; the size of the full photo must stay that which boxes refer to."""

ANY_PHOTO: Final = QualityLimits(
    min_short_side=0,
    max_blur=float("inf"),
    min_detail=0.0,
    dark_highlight=0.0,
    bright_shadow=256.0,
    min_structure=0.0,
)
"""A gate that lets every photo pass. A dataset's photo cannot be retaken, and leaving it out would flatter."""
MOST_DETECTIONS: Final = 50
"""Boxes kept of a photo, surest first."""


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What a grader said of `n` photos of one category, beside what is known of them; `k` conditions.

    `labels` are the conditions, best to worst, in the order of all columns. `truth` is intp (n,), −1 where a photo
    has no majority label. `probabilities` is float64 (n, k), rows sum to 1. `votes` is float64 (n, k): the share of
    the labellers' votes for each condition, rows of zeros where there is none. `sets` is bool (n, k): membership in
    the conformal prediction set. `groups` and `sources` are str (n,). `defects` are those reported on each photo,
    surest first, boxes in pixels of the full photo. `auto_threshold` is the confidence from which on the bundle
    grades alone, None where it never does. `issues` holds what the quality gate of serving has against each photo.
    `detections` are the surest boxes of the bundle's detector, reported or not; None where it has none.
    """

    category: str
    labels: tuple[str, ...]
    ids: tuple[str, ...]
    truth: Ints
    probabilities: Floats
    groups: NDArray[np.str_]
    sources: NDArray[np.str_]
    votes: Floats
    sets: NDArray[np.bool_]
    auto_threshold: float | None
    defects: tuple[tuple[Defect, ...], ...]
    issues: tuple[tuple[str, ...], ...] = ()
    detections: tuple[tuple[Detection, ...], ...] | None = None
    records: tuple[Record, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def labelled(self) -> "Predictions":
        """Those of the photos that have a majority label."""
        return self.take(np.flatnonzero(self.truth >= 0))

    def of_source(self, source: str) -> "Predictions":
        """Those of the photos that come from `source`."""
        return self.take(np.flatnonzero(self.sources == source))

    def take(self, rows: Ints) -> "Predictions":
        """The predictions at `rows`, in that order."""

        return replace(
            self,
            ids=_at(self.ids, rows),
            truth=self.truth[rows],
            probabilities=self.probabilities[rows],
            groups=self.groups[rows],
            sources=self.sources[rows],
            votes=self.votes[rows],
            sets=self.sets[rows],
            defects=_at(self.defects, rows),
            issues=_at(self.issues, rows),
            detections=None if self.detections is None else _at(self.detections, rows),
            records=_at(self.records, rows),
        )


def predict(
    grader: Grader,
    records: Iterable[Record],
    category: str,
    *,
    detector: str | None = None,
    edit: Edit | None = None,
    cache: PredictionCache | None = None,
    tick: Callable[[], None] = lambda: None,
) -> Predictions:
    """Grade each photo of `records` that is of `category` as an item of its own, its category declared.

    `grader` must let every photo pass (`open_grader` sees to it). `detector` is the SHA-256 of the detector whose boxes
    are to be kept, the bundle's own. `cache` remembers each photo at once, so that an
    interrupted run goes on; it must be one of this grader's bundle and of this `edit`. `tick` is told of each photo.
    Raises `DatasetError` where no photo is of `category` or one cannot be opened, ValueError for a grader that
    refused one.
    """
    chosen = tuple(r for r in records if r.category == category)
    if not chosen:
        raise DatasetError(f"there is no photo of category {category} to grade. Choose another split or source.")
    graded: list[Graded] = []
    for record in chosen:
        data = _bytes_of(record)
        found = cache.get(data) if cache is not None else None
        if found is None:
            found = _grade(grader, data, record, detector, edit)
            if cache is not None:
                cache.put(data, found)
        graded.append(found)
        tick()
    return collect(category, chosen, graded)


def collect(category: str, records: Sequence[Record], graded: Sequence[Graded]) -> Predictions:
    """`Predictions` from one `Graded` a record. Raises `DatasetError` for a label that the bundle does not know."""
    labels = graded[0].labels
    for record in records:
        if record.condition is not None and record.condition not in labels:
            raise DatasetError(
                f"photo {record.id} is labelled {record.condition!r}, which the bundle of {category} does not know; "
                f"it knows {', '.join(labels)}."
            )
    return Predictions(
        category=category,
        labels=labels,
        ids=tuple(r.id for r in records),
        truth=np.array([labels.index(r.condition or "") if r.gradable else -1 for r in records], dtype=np.intp),
        probabilities=np.array([g.probabilities for g in graded], dtype=np.float64),
        groups=np.array([r.group for r in records], dtype=np.str_),
        sources=np.array([r.source for r in records], dtype=np.str_),
        votes=np.stack([_vote_shares(r, labels) for r in records]),
        sets=np.array([[label in g.prediction_set for label in labels] for g in graded], dtype=np.bool_),
        auto_threshold=graded[0].auto_threshold,
        defects=tuple(g.defects for g in graded),
        issues=tuple(g.issues for g in graded),
        detections=_all_detections(graded),
        records=tuple(records),
    )


def _all_detections(graded: Sequence[Graded]) -> tuple[tuple[Detection, ...], ...] | None:
    known = tuple(g.detections for g in graded if g.detections is not None)
    return known if len(known) == len(graded) else None


def open_grader(
    where: Path | BundleStore | None = None, *, version: str | None = None, precision: str = "int8"
) -> Grader:
    """A grader that looks at every photo, whatever its quality, with the bundles in `where` (None: those shipped).

    With `version`, every category that has it is graded by it, active or not, and others are left out. A folder without
    a router (a run for one category) borrows the shipped one, which does not touch a declared category's grade.
    Raises `BundleError` where nothing fits.
    """
    chosen = _chosen_versions(store_of(where), version)
    with tempfile.TemporaryDirectory() as scratch:
        view = Path(scratch)
        (view / SHARED).mkdir()
        # Serving loads the active bundles of a folder; a folder of links lets it load any version by the same way.
        for owner, name, picked in chosen:
            (view / name).mkdir()
            (view / name / picked).symlink_to((owner / name / picked).resolve(), target_is_directory=True)
            (view / name / "ACTIVE").write_text(picked, encoding="utf-8")
        for owner in {owner for owner, _, _ in chosen}:
            for file in (owner / SHARED).glob("*.onnx"):
                if not (view / SHARED / file.name).exists():
                    (view / SHARED / file.name).symlink_to(file.resolve())
        return Grader.load(view, precision=precision, quality=ANY_PHOTO)


def _chosen_versions(store: BundleStore, version: str | None) -> list[tuple[Path, str, str]]:
    """(root, category, version) of every bundle to load, the router among them."""
    if version is None:
        picked = {name: store.active(name) for name in store.categories()}
        if not picked:
            raise BundleError(f"No category is active under {store}. Activate one, or name a --version.")
    else:
        picked = {name: version for name, found in store.names() if found == version and not name.startswith("_")}
        if not picked:
            known = sorted({found for _, found in store.names()})
            raise BundleError(
                f"No bundle under {store} has version {version}. There are: {', '.join(known) or 'none'}."
            )
    chosen = [(store.root_of(name, picked[name]), name, picked[name]) for name in sorted(picked)]
    for owner in (store, store_of(None)):
        of_router = owner.versions(ROUTER)
        if of_router:
            active = owner.active_versions().get(ROUTER, of_router[-1])
            router = version if version in of_router else active
            return [(owner.root_of(ROUTER, router), ROUTER, router), *chosen]
    raise BundleError(f"There is no router under {store}. Train one, or restore the shipped bundles.")


def _at(values: tuple[_Value, ...], rows: Ints) -> tuple[_Value, ...]:
    return tuple(values[i] for i in rows) if values else ()


def _bytes_of(record: Record) -> bytes:
    try:
        return record.file.read_bytes()
    except OSError as error:
        raise DatasetError(f"photo {record.id}: {record.file} cannot be read ({error.strerror}).") from error


def _grade(grader: Grader, data: bytes, record: Record, detector: str | None, edit: Edit | None) -> Graded:
    try:
        photo = open_photo(data, limits=replace(DEFAULT_LIMITS, working_side=grader.working_side))
    except PhotoError as error:
        raise DatasetError(f"photo {record.id} ({record.file}): {error}") from error
    if edit is not None:
        photo = edit(photo, record)
    seen = grader.look(photo, record.category)
    result = grader.conclude([seen], record.category)
    if result.grade is None:
        raise ValueError("the grader refused a photo; load it with open_grader, or with quality=ANY_PHOTO")
    return Graded(
        labels=tuple(result.grade.probabilities),
        probabilities=tuple(result.grade.probabilities.values()),
        prediction_set=result.grade.prediction_set,
        auto_threshold=result.grade.auto_threshold,
        defects=result.defects,
        # An edit is no photo that anybody took; whether serving would want it taken again is of no interest.
        issues=assess(photo).issues if edit is None else (),
        detections=_detections(seen, detector),
    )


def _detections(seen: PhotoEvidence, detector: str | None) -> tuple[Detection, ...] | None:
    """The surest boxes; None without a detector, or where it was not asked."""
    found = None if detector is None else seen.detections.get(detector)
    return None if found is None else found[:MOST_DETECTIONS]


def _vote_shares(record: Record, labels: tuple[str, ...]) -> Floats:
    counts = np.array([record.votes.count(label) for label in labels], dtype=np.float64)
    total = counts.sum()
    shares: Floats = counts / total if total else counts
    return shares
