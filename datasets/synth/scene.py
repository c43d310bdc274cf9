"""What a recipe is given and what it gives back: it draws one kind of damage, or of harmless change, on a photo."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from regrade.datasets.manifest import DefectBox
from regrade.models.category.schema import ItemOutline
from regrade.models.types import Box

Rgb = NDArray[np.uint8]
"""(h, w, 3)."""
Mask = NDArray[np.float32]
"""(h, w) in [0, 1]."""


@dataclass(frozen=True)
class PhotoScene:
    """A photo and where its item is: `item` is 1 on the item and 0 beside it."""

    rgb: Rgb
    item: Mask
    outline: ItemOutline
    item_type: str
    item_box: Box | None = None
    """The item's box in pixels of `rgb`, where one was drawn (devices, some cartons)."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.rgb.shape[0], self.rgb.shape[1]

    @cached_property
    def box(self) -> Box:
        """What encloses the item's mask; the whole photo where the mask is empty."""
        rows, columns = np.nonzero(self.item > 0.5)
        if not len(rows):
            return 0.0, 0.0, float(self.rgb.shape[1]), float(self.rgb.shape[0])
        return float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1)


@dataclass(frozen=True, slots=True)
class Painted:
    """An edited photo and how far each of its pixels belongs to what was drawn."""

    rgb: Rgb
    mask: Mask


Paint = Callable[[PhotoScene, np.random.Generator], Painted | None]
"""Draw on a scene; None where there is no place for it. The scene's arrays are never written to."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One kind of damage: what labellers call it (`DEFECT_TYPES`), how bad it is, and how to draw it."""

    name: str
    defect: str
    severity: str
    paint: Paint


@dataclass(frozen=True, slots=True)
class Synthetic:
    """A damaged copy of a photo, uint8 (h, w, 3), the boxes of what was drawn, and its mask."""

    rgb: Rgb
    defects: tuple[DefectBox, ...]
    mask: Mask
    recipes: tuple[str, ...] = field(default=())
