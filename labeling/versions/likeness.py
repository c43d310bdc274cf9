"""Which photos are copies of each other, as `regrade data hygiene` finds them: by perceptual hash, pair by pair."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from regrade.datasets.hygiene.cosine_search import Progress, quietly
from regrade.datasets.hygiene.duplicates import find_pairs
from regrade.datasets.hygiene.embeddings import PhotoFile, read_views


@dataclass(frozen=True, slots=True)
class OnePhoto:
    """A photo that is in no manifest yet."""

    file: Path
    sha256: str


def copies(
    photos: Sequence[PhotoFile],
    cache: Path,
    progress: Callable[[Sequence[PhotoFile]], Iterable[PhotoFile]] = iter,
    comparing: Progress = quietly,
) -> Mapping[str, set[str]]:
    """By the hash of a photo those of its copies. What was seen of a photo is kept in the folder `cache`.

    Embeddings are left out on purpose: which of them are alike depends on what else there is, so that a pair could come
    and go between two exports. Raises `DatasetError` for a photo that does not open.
    """
    unique = list({photo.sha256: photo for photo in photos}.values())
    if not unique:
        return {}
    prints = read_views(unique, cache, progress).prints
    alike: dict[str, set[str]] = defaultdict(set)
    for pair in find_pairs(prints, progress=comparing):
        a, b = unique[pair.a].sha256, unique[pair.b].sha256
        alike[a].add(b)
        alike[b].add(a)
    return dict(alike)
