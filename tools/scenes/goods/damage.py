"""What goes wrong with board: crushed corners and torn holes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.scenes import textures
from tools.scenes.meshes import Points


@dataclass(frozen=True)
class Crush:
    """A corner pushed in. A function of position alone, so that sheets that touch stay together."""

    corner: NDArray[np.float64]
    inward: NDArray[np.float64]
    """Unit direction of the blow."""
    depth: float
    """How far the corner went in, cm."""
    waves: NDArray[np.float64]
    """(n, 5): direction, wave number (1/cm) and phase of the creases."""

    @classmethod
    def at_corner(cls, rng: np.random.Generator, x: float, y: float, z: float) -> "Crush":
        blow = np.array(
            [-np.sign(x) * rng.uniform(0.5, 0.8), -np.sign(y) * rng.uniform(0.5, 0.9), -rng.uniform(0.6, 0.9)]
        )
        count = 6
        waves = np.concatenate(
            [rng.standard_normal((count, 3)), rng.uniform(0.5, 1.9, (count, 1)), rng.uniform(0, 6, (count, 1))], 1
        )
        waves[:, :3] /= np.linalg.norm(waves[:, :3], axis=1, keepdims=True)
        return cls(np.array([x, y, z]), blow / np.linalg.norm(blow), float(rng.uniform(4.6, 5.8)), waves)

    def apply(self, p: Points) -> Points:
        """`p` (..., 3) in cm, displaced.

        What lies beyond a plane is pressed almost flat against it, and the board round it buckles in ridges:
        the absolute value of a wave has a fold in it, as board has.
        """
        beyond = self.depth - (p - self.corner) @ self.inward
        ridge = np.zeros(p.shape[:-1])
        for k, wave in enumerate(self.waves):
            phase = p @ wave[:3] * wave[3] + wave[4]
            ridge += (np.abs((phase / np.pi) % 2 - 1) - 0.5) / (1 + 0.3 * k)
        pressed = np.maximum(beyond + 0.35 * ridge, 0)
        near = np.clip(1 - np.linalg.norm(p - self.corner, axis=-1) / (3.2 * self.depth), 0, 1)
        shift = 0.86 * pressed + 0.55 * near * ridge + 0.9 * near**2
        out: Points = p + shift[..., None] * self.inward
        return out


def hole_field(
    rng: np.random.Generator, shape: tuple[int, int], px_per_cm: float, at: tuple[float, float]
) -> textures.Field:
    """Distance in cm, about, to the rim of a punched and torn hole; negative where the board is gone.

    A wedge-shaped rip runs out of a lobed hole centred `at` (x, y) cm.
    """
    h, w = shape
    y, x = np.mgrid[0:h, 0:w].astype(np.float64) / px_per_cm
    dx, dy = x - at[0], y - at[1]
    angle = np.arctan2(dy, dx)
    lobes = sum(rng.normal(0, 0.13) * np.cos(k * angle + rng.uniform(0, 6)) / k**0.7 for k in range(2, 8))
    radius = float(rng.uniform(3.6, 4.8)) * (1 + lobes)
    hole = np.hypot(dx / 1.25, dy) - radius
    lean = float(rng.uniform(-0.5, 0.5)) + np.pi * float(rng.choice([0, 1]))
    along, across = dx * np.cos(lean) + dy * np.sin(lean), -dx * np.sin(lean) + dy * np.cos(lean)
    length = float(rng.uniform(11, 15))
    wander = 0.7 * np.sin(along * 0.55 + rng.uniform(0, 6)) + 0.35 * np.sin(along * 1.7 + rng.uniform(0, 6))
    rip = np.where(along > 0, np.abs(across - wander) - 2.0 * np.clip(1 - along / length, -0.3, 1), 9.0)
    return np.asarray(np.minimum(hole, rip), dtype=np.float32)
