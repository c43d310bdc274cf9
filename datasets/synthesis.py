"""Defect synthesis: damage drawn onto photos of undamaged items, with its exact box, and harmless edits beside it.

Each recipe draws one kind of damage at a random place, size and strength inside the item; it takes its light from
the photo (it multiplies or blends, and never pastes a colour flat). A head that only saw edits as damage would learn
to find editing, so every category also has harmless edits made by the same means: labels, tape, prints, glare.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from regrade.datasets import recipes
from regrade.datasets.drawing import Mask, Rgb, box_of, inner
from regrade.datasets.manifest import DefectBox
from regrade.models.errors import DatasetError
from regrade.models.types import Box

Draw = Callable[[Rgb, Box, np.random.Generator], tuple[Rgb, Mask]]
"""(photo, item box, generator) → the edited photo and where it changed, float32 (h, w) in [0, 1]."""

VERSION: Final = 1
"""Counts up with any change to what is drawn: what was made of drawn photos is cached under it."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One kind of damage and how to draw it."""

    defect: str
    severity: str
    draw: Draw


@dataclass(frozen=True, slots=True)
class Synthetic:
    """An edited photo, uint8 (h, w, 3), and the boxes of what was drawn."""

    rgb: Rgb
    defects: tuple[DefectBox, ...]


def synthesize(rgb: Rgb, category: str, item_box: Box | None, rng: np.random.Generator) -> Synthetic | None:
    """Damage a copy of `rgb` with one or two recipes of `category`; None where nothing visible came of it.

    `item_box` in pixels of `rgb`, or None for its middle. Raises `DatasetError` for a category without recipes.
    """
    if category not in RECIPES:
        raise DatasetError(f"no recipe damages {category!r}; there are some for: {', '.join(RECIPES)}")
    box = inner(rgb, item_box)
    defects = []
    for _ in range(1 + int(rng.random() < 0.25)):
        recipe = RECIPES[category][int(rng.integers(len(RECIPES[category])))]
        edited, mask = recipe.draw(rgb, box, rng)
        found = box_of(mask)
        if found is not None:
            rgb = edited
            defects.append(DefectBox(recipe.defect, recipe.severity, found))
    return Synthetic(rgb, tuple(defects)) if defects else None


def synthesize_harmless(rgb: Rgb, category: str, item_box: Box | None, rng: np.random.Generator) -> Rgb:
    """A copy of `rgb` with an edit that is no damage. Raises `DatasetError` for a category without any."""
    if category not in HARMLESS:
        raise DatasetError(f"no harmless edit for {category!r}; there are some for: {', '.join(HARMLESS)}")
    edits = HARMLESS[category]
    return edits[int(rng.integers(len(edits)))](rgb, inner(rgb, item_box), rng)[0]


RECIPES: Final[Mapping[str, tuple[Recipe, ...]]] = {
    "electronics": (
        Recipe("crack", "major", recipes.crack_web),
        Recipe("crack", "major", recipes.crack_web),
        Recipe("crack", "major", recipes.crack_web),
        Recipe("scratch", "major", recipes.scratch),
        Recipe("display", "major", recipes.dead_lines),
    ),
    "packaging": (
        Recipe("tear", "major", recipes.tear),
        Recipe("tear", "major", recipes.tear),
        Recipe("crush", "major", recipes.crush),
    ),
    "apparel": (
        Recipe("stain", "major", recipes.stain),
        Recipe("stain", "major", recipes.stain),
        Recipe("hole", "major", recipes.tear),
    ),
}
"""What can damage a category; a recipe that stands twice is drawn twice as often."""

HARMLESS: Final[Mapping[str, tuple[Draw, ...]]] = {
    "electronics": (recipes.glare, recipes.glare, recipes.label, recipes.shadow),
    "packaging": (recipes.label, recipes.tape, recipes.printed, recipes.shadow),
    "apparel": (recipes.printed, recipes.shadow, recipes.label),
}
