"""A category's head on a backbone: from features to calibrated probabilities, and which closer looks it asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regrade.models.calibration import PartsEvidence
from regrade.models.fusion import add_detector, fuse_parts
from regrade.models.networks.detector import Detector
from regrade.models.networks.runtime import Model, as_float
from regrade.models.photo_evidence import PhotoEvidence, Seen, best_score, see, stacked
from regrade.models.photos.parts import corners, part_input
from regrade.models.registry.bundle import DETECTOR_PRECISION, Bundle
from regrade.models.types import Photo

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Head:
    """A bundle, its head, and the SHA-256 of its backbone and of its detector, None where none can change anything."""

    bundle: Bundle
    model: Model
    backbone: str
    detector: str | None

    def run(self, seen: Seen) -> Mapping[str, NDArray[Any]]:
        """The head's outputs by name for what its backbone saw: features (n, D) and maps (n, C, h, w)."""
        feeds = {"features": seen[0], "map": seen[1]}
        return dict(zip(self.model.outputs, self.model.run(feeds), strict=True))

    def probabilities(self, seen: Seen) -> Floats:
        """Calibrated probabilities (n, k)."""
        (logits,) = self.model.run({"features": seen[0], "map": seen[1]}, ("class_logits",))
        return self.bundle.calibration.probabilities(as_float(logits))

    @property
    def has_closer_look(self) -> bool:
        """Whether it may want more of a photo than its backbone's look at the whole."""
        return self.detector is not None or self.bundle.calibration.parts is not None

    def parts_wanted(self, whole: Floats) -> PartsEvidence | None:
        """How parts of a photo are to be looked at that is graded `whole` (k,) as a whole; None where they are not."""
        parts = self.bundle.calibration.parts
        return parts if parts is not None and parts.wanted(float(whole[-1])) else None

    def see_parts(
        self, photo: Photo, whole: Floats, backbone: Model, known: Mapping[tuple[str, float], Seen]
    ) -> dict[tuple[str, float], Seen]:
        """What `backbone`, its own, sees on parts of the photo, by hash and share: nothing where they are not wanted,
        or `known` already."""
        wanted = self.parts_wanted(whole)
        if wanted is None or (key := (self.backbone, wanted.share)) in known:
            return {}
        pixels = [part_input(photo.rgb, part, self.bundle.input_side) for part in corners(wanted.share)]
        return {key: see(backbone, np.stack(pixels))}

    @property
    def always_asks_detector(self) -> bool:
        """Whether its detector looks at every photo, whatever the grade and whatever it looks like."""
        return self.asks_detector(np.zeros(1))

    def asks_detector(self, whole: Floats) -> bool:
        """Whether the detector is to look at a photo that is graded `whole` (k,) as a whole."""
        return self.detector is not None and self.bundle.calibration.asks_detector(float(whole[-1]))

    def of_photos(self, evidence: Sequence[PhotoEvidence], logits: Floats) -> Floats:
        """Calibrated probabilities (n, k) of an item's photos by all that was seen of them; `logits` (n, k) are what
        the head made of the whole photos."""
        calibration = self.bundle.calibration
        photos = calibration.probabilities(logits)
        for i, photo in enumerate(evidence):
            wanted = self.parts_wanted(photos[i])
            seen = None if wanted is None else photo.parts.get((self.backbone, wanted.share))
            if wanted is not None and seen is not None:
                photos[i] = fuse_parts(photos[i], self.probabilities(seen), wanted.sharpness, wanted.offset)
        if self.detector is not None and calibration.detector is not None:
            types = calibration.detector.types
            scores = np.array([best_score(e.detections.get(self.detector, ()), types) for e in evidence])
            photos = add_detector(photos, scores, calibration.detector)
        return photos

    def lacks(self, evidence: Sequence[PhotoEvidence], logits: Floats) -> bool:
        """Whether it wanted a closer look at some photo than `evidence`, which another head has asked for, holds."""
        whole = self.bundle.calibration.probabilities(logits)
        for one, photo in zip(evidence, whole, strict=True):
            wanted = self.parts_wanted(photo)
            if wanted is not None and (self.backbone, wanted.share) not in one.parts:
                return True
            if self.asks_detector(photo) and self.detector not in one.detections:
                return True
        return False

    def of_whole(self, evidence: Sequence[PhotoEvidence]) -> Mapping[str, NDArray[Any]]:
        """The head's outputs by name for whole photos."""
        return self.run(stacked(evidence, self.backbone))


def load_detector(bundle: Bundle, loaded: dict[str, Detector], reuse: Mapping[str, Detector]) -> str | None:
    """The hash of the bundle's detector, which is loaded unless another bundle has brought it already; None where it
    has none, or one that can change nothing."""
    path = bundle.detector_path() if bundle.calibration.needs_detector else None
    if path is None or bundle.detector is None:
        return None
    digest = bundle.detector.files[DETECTOR_PRECISION]
    if digest not in loaded:
        side, classes = bundle.detector.side, bundle.detector.classes
        known = reuse.get(digest)
        same = known is not None and (known.side, known.classes) == (side, classes)
        loaded[digest] = known if known is not None and same else Detector(Model(path, widen=False), side, classes)
    return digest
