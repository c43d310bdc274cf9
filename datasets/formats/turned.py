"""Turned boxes, which annotation tools draw and a manifest does not have: kept is the upright box around one."""

import math

from regrade.models.types import Box


def upright_around(box: Box, degrees: float, pivot: tuple[float, float]) -> Box:
    """The upright box around `box` turned clockwise, as seen, about `pivot`; x to the right, y down, both in pixels."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    px, py = pivot
    corners = [(x - px, y - py) for x in (box[0], box[2]) for y in (box[1], box[3])]
    xs = [px + x * cos - y * sin for x, y in corners]
    ys = [py + x * sin + y * cos for x, y in corners]
    return min(xs), min(ys), max(xs), max(ys)


def within(box: Box, width: float, height: float) -> Box:
    """The part of `box` inside a photo of this size; tools let a turned box reach beyond its photo."""
    return max(box[0], 0.0), max(box[1], 0.0), min(box[2], width), min(box[3], height)
