"""Recipes that damage devices: cracked glass, failing displays, broken housings."""

from regrade.datasets.synth.devices import casing, cracks, panel
from regrade.datasets.synth.scene import Recipe

RECIPES: tuple[Recipe, ...] = (
    Recipe("crack_web", "crack", "major", cracks.crack_web),
    Recipe("spider_web", "crack", "major", cracks.spider_web),
    Recipe("shattered", "crack", "major", cracks.shattered),
    Recipe("shattered_corner", "crack", "major", cracks.shattered_corner),
    Recipe("single_crack", "crack", "major", cracks.single_crack),
    Recipe("hairline", "crack", "major", cracks.hairline),
    Recipe("missing_glass", "crack", "major", cracks.missing_glass),
    Recipe("broken_corner", "broken", "major", casing.broken_corner),
    Recipe("body_dent", "broken", "major", casing.dent),
    Recipe("open_seam", "broken", "major", casing.open_seam),
    Recipe("missing_key", "broken", "major", casing.missing_key),
    Recipe("deep_scratch", "scratch", "major", casing.deep_scratch),
    Recipe("dead_lines", "display", "major", panel.dead_lines),
    Recipe("dead_area", "display", "major", panel.dead_area),
    Recipe("ink_blot", "display", "major", panel.ink_blot),
)
