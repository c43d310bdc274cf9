"""Edits that are no damage, made by the same means as damage: thin lines, bright patches, stickers, lit displays.

A network that saw edits only as damage would learn to find editing, and that thin lines are cracks.
"""

from regrade.datasets.synth import clutter, light
from regrade.datasets.synth.devices import screens
from regrade.datasets.synth.scene import Recipe

HARMLESS: tuple[Recipe, ...] = (
    Recipe("glare", "", "", light.glare),
    Recipe("streak", "", "", light.streak),
    Recipe("window", "", "", light.window),
    Recipe("mirrored", "", "", light.mirrored),
    Recipe("shadow", "", "", light.shadow),
    Recipe("moire", "", "", light.moire),
    Recipe("cable", "", "", clutter.cable),
    Recipe("hair", "", "", clutter.hair),
    Recipe("smudge", "", "", clutter.smudge),
    Recipe("dust", "", "", clutter.dust),
    Recipe("pen", "", "", clutter.pen),
    Recipe("sticker", "", "", clutter.sticker),
    Recipe("seam", "", "", clutter.seam),
    Recipe("interface", "", "", screens.interface),
    Recipe("picture", "", "", screens.picture),
)
