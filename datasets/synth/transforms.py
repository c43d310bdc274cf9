"""Defect synthesis as albumentations transforms, to be used in an `A.Compose` of one's own.

    A.Compose(
        [DefectSynthesis("toys", p=0.5), HarmlessEdit("toys", p=0.3), A.HorizontalFlip()],
        bbox_params=A.BboxParams(format="pascal_voc"),
        seed=0,
    )(image=rgb, bboxes=np.zeros((0, 5)), mask=mask, item={"type": "phone", "box": (40, 30, 300, 600)})

Both want the photo as it is: they stand first, before anything that moves or blurs it.
"""

from collections.abc import Mapping
from typing import Any

import albumentations as A
import numpy as np
from numpy.typing import NDArray

from regrade.datasets.category import Category, load_categories
from regrade.datasets.synth.catalogue import (
    check,
    damage,
    harmless,
    scene_of,
    synthesize,
    synthesize_harmless,
    weights_of,
)
from regrade.datasets.synth.drawing import VISIBLE
from regrade.datasets.synth.scene import PhotoScene, Rgb, Synthetic
from regrade.models.errors import DatasetError
from regrade.models.types import DEFECT_TYPES, Box

ITEM_KEY = "item"
"""Optional key of a call: `{"type": item type, "box": (x1, y1, x2, y2) in pixels or None}`."""


class _Edit(A.DualTransform):  # type: ignore[misc]
    """What both transforms share: the scene of the photo, and that boxes, masks and keypoints stay where they are."""

    _targets = (A.core.type_definitions.Targets.IMAGE, A.core.type_definitions.Targets.MASK,
                A.core.type_definitions.Targets.BBOXES, A.core.type_definitions.Targets.KEYPOINTS)  # fmt: skip

    def __init__(self, category: str, recipes: Mapping[str, float] | None = None, p: float = 0.5) -> None:
        super().__init__(p=p)
        self.category = category
        self._outline = _shipped(category).outline
        self.recipes = recipes

    def _scene(self, data: Mapping[str, Any]) -> PhotoScene:
        image = data["image"]
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise DatasetError(f"the photo must be uint8 (h, w, 3), got {image.dtype} {image.shape}")
        item: Mapping[str, Any] = data.get(ITEM_KEY) or {}
        box: Box | None = item.get("box")
        return scene_of(image, self._outline, str(item.get("type", "")), box)

    def apply_to_mask(self, mask: NDArray[Any], *args: Any, **params: Any) -> NDArray[Any]:
        return mask

    def apply_to_bboxes(self, bboxes: NDArray[Any], *args: Any, **params: Any) -> NDArray[Any]:
        return bboxes

    def apply_to_keypoints(self, keypoints: NDArray[Any], *args: Any, **params: Any) -> NDArray[Any]:
        return keypoints


class DefectSynthesis(_Edit):
    """Damage the photo with recipes of a category and say where.

    `category` names a shipped category; `recipes` (name → weight) replaces those of its file. The image is uint8
    (h, w, 3), RGB. `bboxes` get one row a defect, whose fifth column is its index in `labels` (further columns are 0):
    give labels as a column of the boxes, not as a label field, since albumentations cannot add to those. `mask`,
    (h, w) or (h, w, c), becomes `mask_value` where damage is seen. A photo without a place for damage stays as it is.

    Raises `DatasetError` for unknown categories and recipes, with the legal names.
    """

    def __init__(
        self,
        category: str,
        recipes: Mapping[str, float] | None = None,
        labels: tuple[str, ...] = DEFECT_TYPES,
        mask_value: int = 1,
        p: float = 0.5,
    ) -> None:
        super().__init__(category, recipes, p)
        self.labels = labels
        self.mask_value = mask_value
        self._weights = _weights(category, "damage") if recipes is None else recipes
        check(self._weights, damage())
        unnamed = sorted({damage()[name].defect for name in self._weights} - set(labels))
        if unnamed:
            raise DatasetError(f"labels lack {', '.join(unnamed)}, which recipes of {category!r} draw")

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        return {"made": synthesize(self._scene(data), self._weights, self.random_generator)}

    def apply(self, img: Rgb, *args: Any, made: Synthetic | None = None, **params: Any) -> Rgb:
        return img if made is None else made.rgb

    def apply_to_mask(
        self, mask: NDArray[Any], *args: Any, made: Synthetic | None = None, **params: Any
    ) -> NDArray[Any]:
        if made is None:
            return mask
        out = mask.copy()
        out[made.mask > VISIBLE] = self.mask_value
        return out

    def apply_to_bboxes(
        self, bboxes: NDArray[Any], *args: Any, made: Synthetic | None = None, **params: Any
    ) -> NDArray[Any]:
        if made is None:
            return bboxes
        height, width = made.rgb.shape[:2]
        columns = bboxes.shape[1] if bboxes.ndim == 2 and bboxes.shape[1] > 4 else 5
        rows = np.zeros((len(made.defects), columns), np.float32)
        for row, defect in zip(rows, made.defects, strict=True):
            row[:4] = np.array(defect.box) / (width, height, width, height)
            row[4] = self.labels.index(defect.type)
        return rows if not len(bboxes) else np.vstack([bboxes, rows])


class HarmlessEdit(_Edit):
    """Edit the photo in a way that is no damage; boxes and masks stay as they are.

    `category` names a shipped category; `recipes` (name → weight) replaces the harmless edits of its file. Raises
    `DatasetError` for unknown categories and edits, with the legal names.
    """

    def __init__(self, category: str, recipes: Mapping[str, float] | None = None, p: float = 0.5) -> None:
        super().__init__(category, recipes, p)
        self._weights = _weights(category, "harmless") if recipes is None else recipes
        check(self._weights, harmless())

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        return {"edited": synthesize_harmless(self._scene(data), self._weights, self.random_generator)}

    def apply(self, img: Rgb, *args: Any, edited: Rgb | None = None, **params: Any) -> Rgb:
        return img if edited is None else edited


def _shipped(category: str) -> Category:
    known = load_categories()
    if category not in known:
        raise DatasetError(f"no category {category!r}; legal names: {', '.join(known)}")
    return known[category]


def _weights(category: str, kind: str) -> Mapping[str, float]:
    """What the category's file asks for. Raises `DatasetError` where there is no such category, or nothing asked."""
    weights = weights_of(_shipped(category))[kind == "harmless"]
    if not weights:
        raise DatasetError(f"category {category!r} asks for none under synthesis.{kind}; give recipes")
    return weights
