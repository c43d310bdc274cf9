"""What closes a carton and says where it goes: tape along the seam, a shipping label."""

import numpy as np

from tools.scenes import meshes, stage, textures
from tools.scenes.board import LID, PX, Size, Warp
from tools.scenes.stage import Shapes


def tape(rng: np.random.Generator, size: Size, warp: Warp) -> Shapes:
    """Clear brown tape along the seam and down both ends."""
    down, half, wide = float(rng.uniform(5.5, 7.5)), size.length / 2, 2.4
    top = size.height + LID
    path = np.array(
        [
            (-half - 0.04, top - 0.5 - down),
            (-half - 0.04, top - 0.55),
            (-half + 0.2, top - 0.12),
            (-half + 0.7, top),
            (half - 0.7, top),
            (half - 0.2, top - 0.12),
            (half + 0.04, top - 0.55),
            (half + 0.04, top - 0.5 - down),
        ]
    )
    at = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    s = np.linspace(0, at[-1], 320)
    drift = float(rng.uniform(-0.5, 0.5))
    ss, v = meshes.plane(s, np.linspace(-wide, wide, 24))
    points = np.stack([np.interp(ss, at, path[:, 0]), v + drift, np.interp(ss, at, path[:, 1]) + 0.05], -1)
    h, w = int(2 * wide * PX), int(at[-1] * PX)
    under, _ = textures.kraft(rng, (h, w), PX, tone=size.tone)
    y = np.arange(h)[:, None] / PX - wide + drift
    seam = np.exp(-((y / 0.11) ** 2)).astype(np.float32) + np.zeros((1, w), dtype=np.float32)
    air = textures.smoothstep(0.9, 1.4, textures.noise(rng, (h, w), 1.3, lo=1, hi=20, stretch=0.4))
    colour = (
        under * np.array([0.80, 0.70, 0.54], dtype=np.float32) * (1 - 0.5 * seam[..., None]) + 0.05 * air[..., None]
    )
    ripple = textures.noise(rng, (h, w), 1.4, lo=1, hi=30, stretch=0.3) * 0.012 - 0.05 * seam
    bsdf = stage.glossy(stage.texture(np.clip(colour, 0.01, 0.9).astype(np.float32)), 0.07, ripple.astype(np.float32))
    return {"tape": meshes.sheet(warp(points), bsdf)}


def label(rng: np.random.Generator, size: Size, warp: Warp) -> Shapes:
    x, y = meshes.plane(np.linspace(-7.4, 7.4, 40), np.linspace(-5.1, 5.1, 30))
    local = np.stack([x, y, np.full_like(x, size.height + LID + 0.08)], -1)
    at = (float(rng.uniform(-0.22, 0.0)) * size.length, -size.width * float(rng.uniform(0.22, 0.26)), 0.0)
    points = warp(meshes.place(local, turn=float(rng.normal(0, 4)), at=at))
    art = textures.shipping_label(rng)[::-1]
    return {"label": meshes.sheet(points, stage.glossy(stage.texture(art), 0.2))}
