"""Whether looking at parts of a photo beside the whole pays, and the constants that it is done with."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from regrade.models.calibration import PartsEvidence
from regrade.models.fusion import fuse_parts
from regrade.models.networks.runtime import Model, as_float
from regrade.models.photos.intake import DEFAULT_LIMITS
from regrade.models.photos.parts import WHOLE, corners, part_input, working_side
from regrade.models.registry.bundle import Bundle

Floats = NDArray[np.float64]
SHARE: Final = 0.6
_THREADS: Final = 2


def decoding_side(bundle: Bundle, share: float = SHARE) -> int:
    """The long side, in pixels, that photos are decoded for where parts of them are looked at."""
    return max(DEFAULT_LIMITS.working_side, working_side(bundle.input_side, share))


def seen_in_parts(bundle: Bundle, pictures: Sequence[Callable[[], NDArray[np.uint8]]], share: float = SHARE) -> Floats:
    """Calibrated probabilities (n, 5, k) of each picture, uint8 (h, w, 3), as a whole and of its four parts, by the
    bundle's INT8 backbone and its head alone."""
    backbone, head = Model(bundle.backbone_path("int8")), Model(bundle.head_path)

    def one(picture: Callable[[], NDArray[np.uint8]]) -> Floats:
        rgb = picture()
        pixels = [part_input(rgb, part, bundle.input_side) for part in (WHOLE, *corners(share))]
        features, maps = backbone.run({"pixels": np.stack(pixels)}, ("features", "map"))
        return as_float(head.run({"features": features, "map": maps}, ("class_logits",))[0])

    with ThreadPoolExecutor(_THREADS) as pool:
        logits = np.stack(list(pool.map(one, pictures)))
    return bundle.calibration.probabilities(logits)


def with_offset(parts: PartsEvidence, seen: Floats, undamaged: NDArray[np.bool_]) -> PartsEvidence:
    """`parts` with the offset at which the `undamaged` (n,) of the pictures `seen` (n, 5, k) are as damaged as they are
    as a whole, in the median. Raises ValueError without any."""
    if not undamaged.any():
        raise ValueError("no undamaged photo to fit the offset of parts on")
    scores = np.log(np.clip(seen[undamaged, :, -1], 1e-9, 1.0)) - np.log(
        np.clip(1.0 - seen[undamaged, :, -1], 1e-9, 1.0)
    )
    pooled = np.log(np.exp(parts.sharpness * scores[:, 1:]).mean(axis=1)) / parts.sharpness
    return replace(parts, offset=round(float(np.median(pooled - scores[:, 0])), 4))


def fused(parts: PartsEvidence, seen: Floats) -> Floats:
    """Probabilities (n, k) of the pictures `seen` (n, 5, k) as serving fuses them: parts only where they are wanted."""
    return np.stack(
        [
            fuse_parts(one[0], one[1:], parts.sharpness, parts.offset) if parts.wanted(float(one[0, -1])) else one[0]
            for one in seen
        ]
    )
