"""All recipes by name, and drawing by weights: what a category's definition asks for under `synthesis`."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from importlib import import_module
from typing import Final

import numpy as np
from numpy.typing import NDArray

from regrade.datasets.category import Category
from regrade.datasets.manifest import DefectBox
from regrade.datasets.synth.drawing import box_of
from regrade.datasets.synth.scene import PhotoScene, Recipe, Rgb, Synthetic
from regrade.datasets.synth.segment import item_mask
from regrade.models.category.schema import ItemOutline
from regrade.models.errors import DatasetError
from regrade.models.types import Box

VERSION: Final = 9
"""Counts up with any change of what is drawn: what was made of drawn photos is cached under it."""
_DAMAGE: Final = ("devices.damage", "board.damage", "cloth.damage", "cloth.shoes")
_HARMLESS: Final = ("harmless", "board.harmless", "cloth.harmless")
_TRIES: Final = 4
"""Recipes tried for one defect where there is no place for the first."""


@cache
def damage() -> Mapping[str, Recipe]:
    """Every recipe that damages, by name."""
    return _collect(_DAMAGE, "RECIPES")


@cache
def harmless() -> Mapping[str, Recipe]:
    """Every edit that does not, by name."""
    return _collect(_HARMLESS, "HARMLESS")


def _collect(modules: tuple[str, ...], attribute: str) -> Mapping[str, Recipe]:
    found: dict[str, Recipe] = {}
    for module in modules:
        for one in getattr(import_module(f"regrade.datasets.synth.{module}"), attribute):
            if one.name in found:
                raise ValueError(f"two recipes are called {one.name!r}")
            found[one.name] = one
    return found


def recipe(name: str) -> Recipe:
    """The recipe or harmless edit called `name`; raises `DatasetError` with the legal names for another."""
    found = damage().get(name) or harmless().get(name)
    if found is None:
        raise DatasetError(f"there is no recipe {name!r}; legal names: {', '.join(sorted({**damage(), **harmless()}))}")
    return found


def weights_of(category: Category) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """What the category's file asks for under `synthesis`: weights of damage, and of harmless edits; empty for none.

    Raises `DatasetError` naming the category where a name is no recipe, or a recipe draws a defect that the category
    does not list.
    """
    asked = category.synthesis
    if asked is None:
        return {}, {}
    for names, known in ((asked.damage, damage()), (asked.harmless, harmless())):
        try:
            check(names, known)
        except DatasetError as error:
            raise DatasetError(f"category {category.name!r}: synthesis: {error}") from None
    for name in asked.damage:
        if damage()[name].defect not in category.defect_names:
            raise DatasetError(
                f"category {category.name!r}: synthesis: {name!r} draws {damage()[name].defect!r}, which is not among "
                f"its defect_types: {', '.join(category.defect_names)}"
            )
    return asked.damage, asked.harmless


def scene_of(rgb: Rgb, outline: ItemOutline, item_type: str, item_box: Box | None) -> PhotoScene:
    """The scene of a photo, uint8 (h, w, 3), its item found by `segment.item_mask`; `item_box` in pixels of `rgb`."""
    return PhotoScene(rgb, item_mask(rgb, item_box, outline), outline, item_type, item_box)


def synthesize(
    scene: PhotoScene,
    weights: Mapping[str, float],
    rng: np.random.Generator,
    most: int = 2,
    before: Mapping[str, float] | None = None,
) -> Synthetic | None:
    """Damage a copy of the photo by one to `most` recipes, drawn by `weights` (name → weight), mostly by one.

    With `before`, weights of harmless edits, every second copy is edited so first: damage then lies on lit displays,
    beside stickers and under mirrored light too. Boxes and mask are of the damage alone.

    None where no recipe found a place or nothing visible came of it. Raises `DatasetError` for names that are no
    recipe, with the legal ones.
    """
    names, shares = _drawn_by(weights, damage())
    if not names:
        return None
    count = 1 + int(rng.binomial(max(0, most - 1), 0.25))
    rgb = synthesize_harmless(scene, before, rng) if before and rng.random() < 0.5 else scene.rgb
    mask = np.zeros(scene.size, dtype=np.float32)
    defects: list[DefectBox] = []
    used: list[str] = []
    for _ in range(count):
        for chosen in rng.choice(names, size=min(_TRIES, len(names)), replace=False, p=shares):
            one = damage()[str(chosen)]
            painted = one.paint(replace(scene, rgb=rgb), rng)
            box = None if painted is None else box_of(painted.mask)
            if painted is not None and box is not None:
                rgb, mask = painted.rgb, np.maximum(mask, painted.mask)
                defects.append(DefectBox(one.defect, one.severity, box))
                used.append(one.name)
                break
    return Synthetic(rgb, tuple(defects), mask, tuple(used)) if defects else None


def synthesize_harmless(scene: PhotoScene, weights: Mapping[str, float], rng: np.random.Generator) -> Rgb:
    """A copy of the photo with one or two edits that are no damage. Raises `DatasetError` as `synthesize` does."""
    names, shares = _drawn_by(weights, harmless())
    rgb = scene.rgb.copy()
    if not names:
        return rgb
    for _ in range(1 + int(rng.random() < 0.35)):
        for chosen in rng.choice(names, size=min(_TRIES, len(names)), replace=False, p=shares):
            painted = harmless()[str(chosen)].paint(replace(scene, rgb=rgb), rng)
            if painted is not None:
                rgb = painted.rgb
                break
    return rgb


def _drawn_by(weights: Mapping[str, float], known: Mapping[str, Recipe]) -> tuple[list[str], NDArray[np.float64]]:
    """The names in a fixed order, whatever that of the mapping, and their probabilities."""
    check(weights, known)
    names = sorted(name for name, weight in weights.items() if weight > 0)
    shares = np.array([weights[name] for name in names], dtype=np.float64)
    return names, shares / shares.sum() if names else shares


def check(names: Iterable[str], known: Mapping[str, Recipe]) -> None:
    """Raises `DatasetError` listing the legal names where one of `names` is not among the `known`."""
    wrong = sorted(name for name in names if name not in known)
    if wrong:
        raise DatasetError(f"there is no recipe {', '.join(map(repr, wrong))}; legal names: {', '.join(sorted(known))}")
