"""Who voted what on which photo, as numbers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Photos:
    """n decided photos of one category: `features` (n, D); `groups` (n,), which are never split; `age` (n,), the place
    of each photo's newest vote in time; `weight` (n,) in (0, 1], one over the number of photos of its item."""

    features: NDArray[np.float32]
    groups: NDArray[np.str_]
    age: Floats
    weight: Floats

    def __len__(self) -> int:
        return len(self.groups)


@dataclass(frozen=True, slots=True, eq=False)
class Votes:
    """m votes: on which of n photos (`photo`), by which reviewer (`reviewer`, 0…R−1), for which of k conditions
    (`condition`), and whether without the model's word (`blind`); each (m,)."""

    photo: Ints
    reviewer: Ints
    condition: Ints
    blind: Mask
    photos: int
    reviewers: int
    classes: int

    def of(self, kept: Mask) -> "Votes":
        """Those votes of which `kept` (m,) says so."""
        cut = (self.photo[kept], self.reviewer[kept], self.condition[kept], self.blind[kept])
        return Votes(*cut, self.photos, self.reviewers, self.classes)

    def on(self, rows: Mask) -> "Votes":
        """Those on the photos of the mask `rows` (n,); photos keep their numbers."""
        return self.of(rows[self.photo])

    @property
    def blind_alone(self) -> "Votes":
        """Those that the model's word cannot have anchored."""
        return self.of(self.blind)

    def counted(self, weight: Floats | None = None) -> Floats:
        """Votes by photo and condition, (n, k), each counted as `weight` (m,) or once."""
        counts = np.zeros((self.photos, self.classes))
        np.add.at(counts, (self.photo, self.condition), 1.0 if weight is None else weight)
        return counts

    @property
    def shares(self) -> Floats:
        """The share of each photo's votes for each condition, (n, k); zeros for a photo without a vote."""
        counts = self.counted()
        out: Floats = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-12)
        return out
