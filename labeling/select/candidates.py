"""Photos that could be labelled next, and what the shipped grader thinks of each."""

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from regrade.datasets.formats.files import is_photo, walk
from regrade.datasets.manifest import Record
from regrade.models.errors import DatasetError, PhotoError
from regrade.models.grader import Grader
from regrade.models.photos.intake import open_photo
from regrade.models.types import CONDITIONS

_FEW = 64
"""Photos that are not worth saving the cache for."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A photo without a label. `category` and `group` are None where nobody stated them."""

    id: str
    file: Path
    sha256: str
    category: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the grader thinks of a photo: its category and the probabilities of `CONDITIONS`, which sum to 1.

    `issues` are those of the quality gate; a photo that has any was not graded, and its probabilities are empty.
    """

    category: str
    probabilities: tuple[float, ...]
    issues: tuple[str, ...] = ()

    @property
    def condition(self) -> str:
        """The likeliest condition."""
        return CONDITIONS[int(np.argmax(self.probabilities))]


def photos_in(folder: Path, category: str | None = None) -> list[Candidate]:
    """The photos below `folder`, each once, by path; `category` is that of all, if known.

    Raises `DatasetError` where there is none.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder of photos")
    found: dict[str, Candidate] = {}
    for file in walk(folder):
        if is_photo(file):
            sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
            found.setdefault(sha256, Candidate(file.relative_to(folder).as_posix(), file, sha256, category))
    if not found:
        raise DatasetError(f"{folder}: holds no photo to choose from")
    return list(found.values())


def unlabelled(records: Sequence[Record]) -> list[Candidate]:
    """The photos of a dataset that have neither a condition nor a vote."""
    return [
        Candidate(r.id, r.file, r.sha256, r.category, r.group) for r in records if r.condition is None and not r.votes
    ]


def opinions(
    candidates: Sequence[Candidate],
    grader: Grader,
    cache: Path,
    progress: Callable[[Sequence[Candidate]], Iterable[Candidate]] = iter,
) -> list[Opinion]:
    """What `grader` thinks of each photo, alone; asked once for each version of the models and kept in `cache`.

    Ctrl-C loses nothing that was asked, and a crash at most an eighth of what the cache holds.
    Raises `DatasetError` for a photo that does not open.
    """
    store = _Store(cache / f"opinions-{_digest(grader.versions)}.npz")
    found: list[Opinion] = []
    unsaved = 0
    try:
        for candidate in progress(candidates):
            key = f"{candidate.sha256}/{candidate.category or ''}"
            if key not in store.rows:
                store.rows[key] = _ask(candidate, grader)
                unsaved += 1
                # The whole file is written anew: saving at every so many photos would take time in their square.
                if unsaved >= max(_FEW, len(store.rows) // 8):
                    store.save()
                    unsaved = 0
            found.append(store.rows[key])
    finally:
        if unsaved:
            store.save()
    return found


def _ask(candidate: Candidate, grader: Grader) -> Opinion:
    try:
        photo = open_photo(candidate.file.read_bytes(), sha256=candidate.sha256)
    except (OSError, PhotoError) as error:
        raise DatasetError(f"{candidate.file}: {error}; remove or replace it") from None
    result = grader.grade([photo], candidate.category)
    if result.grade is None or result.category is None:
        return Opinion("", (), tuple(issue for quality in result.quality for issue in quality.issues))
    given = result.grade.probabilities
    return Opinion(result.category.name, tuple(float(given.get(name, 0.0)) for name in CONDITIONS))


def _digest(versions: Mapping[str, str]) -> str:
    return hashlib.sha256(repr(sorted(versions.items())).encode()).hexdigest()[:16]


class _Store:
    """Opinions by photo and declared category in one .npz, replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rows: dict[str, Opinion] = {}
        if path.exists():
            with np.load(path) as data:
                parts = (data[name].tolist() for name in ("keys", "categories", "probabilities", "issues"))
                for key, category, row, issues in zip(*parts, strict=True):
                    self.rows[key] = Opinion(category, () if issues else tuple(row), tuple(issues.split()))

    def save(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(f".{os.getpid()}.partial")
        rows = list(self.rows.values())
        probabilities: NDArray[np.float64] = np.array([r.probabilities or (0.0,) * len(CONDITIONS) for r in rows])
        with partial.open("wb") as file:
            np.savez(
                file,
                keys=np.array(list(self.rows)),
                categories=np.array([r.category for r in rows]),
                probabilities=probabilities,
                issues=np.array([" ".join(r.issues) for r in rows]),
            )
        partial.replace(self._path)
