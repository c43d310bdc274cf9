"""What every peer computes for an item, written the plain way: decode the photo, resize it, run the networks.

The networks, their sides and the arithmetic after them are those of the shipped bundle of the category, so that a peer
answers the same question as `regrade serve`. What a peer leaves out: the quality gate, hashes, storage, keys, policy.
"""

import io
import os
from collections.abc import Sequence
from typing import Any, Final, Protocol

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from PIL import Image

from regrade.models.fusion import add_detector, fuse
from regrade.models.registry.bundle import Bundle, load_bundle, shipped_root

CATEGORY: Final = os.environ.get("PEER_CATEGORY", "packaging")
DRAFT: Final = os.environ.get("PEER_DRAFT") == "1"
"""Let libjpeg scale while it decodes, as Pillow offers and as few know."""
_GREY: Final = 114

Floats = NDArray[np.float32]


class Networks(Protocol):
    """Backbone and detector of one bundle, in whatever engine."""

    def backbone(self, pixels: NDArray[np.uint8]) -> tuple[Floats, Floats]:
        """uint8 (1, side, side, 3) → features (1, D), map (1, C, h, w)."""

    def detector(self, pixels: NDArray[np.uint8]) -> Floats:
        """uint8 (1, side, side, 3) → boxes (1, 300, 6)."""


def session(path: os.PathLike[str]) -> ort.InferenceSession:
    """A session of one thread: there is a worker process for each core."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class OrtNetworks:
    """The ONNX files as they are, in ONNX Runtime."""

    def __init__(self, bundle: Bundle, precision: str = "int8") -> None:
        detector = bundle.detector_path(precision)
        if detector is None:
            raise ValueError(f"{bundle.category} has no detector: choose a category with one, such as packaging")
        self._backbone = session(bundle.backbone_path(precision))
        self._detector = session(detector)

    def backbone(self, pixels: NDArray[np.uint8]) -> tuple[Floats, Floats]:
        features, places = self._backbone.run(("features", "map"), {"pixels": pixels})
        return features, places

    def detector(self, pixels: NDArray[np.uint8]) -> Floats:
        boxes: Floats = self._detector.run(("boxes",), {"pixels": pixels})[0]
        return boxes


class PeerGrader:
    """Grades items of `CATEGORY`, photo after photo."""

    def __init__(self, networks: Networks | None = None) -> None:
        self.bundle = load_bundle(shipped_root(), CATEGORY)
        self.networks = networks or OrtNetworks(self.bundle)
        self._head = session(self.bundle.head_path)
        self._wanted = {i.name for i in self._head.get_inputs()}
        self._outputs = [o.name for o in self._head.get_outputs()]
        assert self.bundle.detector is not None
        self._side, self._classes = self.bundle.detector.side, self.bundle.detector.classes

    def grade(self, photos: Sequence[bytes], category: str) -> dict[str, Any]:
        """The condition's probabilities and the boxes of one item. Raises ValueError for another category."""
        if category != CATEGORY:
            raise ValueError(f"{category!r} is not served here, {CATEGORY!r} is")
        features, places, found = [], [], []
        for data in photos:
            image = decoded(data)
            seen = self.networks.backbone(squeezed(image, self.bundle.input_side)[np.newaxis])
            features.append(seen[0])
            places.append(seen[1])
            found.append(self._boxes(image))
        feeds = {"features": np.concatenate(features), "map": np.concatenate(places)}
        out = self._head.run(self._outputs, {name: feeds[name] for name in self._wanted})
        logits = dict(zip(self._outputs, out, strict=True))["class_logits"]
        calibration = self.bundle.calibration
        probabilities = calibration.probabilities(logits)
        if calibration.detector is not None:
            types = set(calibration.detector.types)
            best = [max((box["score"] for box in boxes if box["type"] in types), default=0.0) for boxes in found]
            probabilities = add_detector(probabilities, np.array(best), calibration.detector)
        item = fuse(probabilities, calibration.fusion_sharpness)
        return {
            "condition": dict(zip(self.bundle.labels, item.tolist(), strict=True)),
            "boxes": [[box for box in boxes if box["score"] >= 0.25] for boxes in found],
        }

    def _boxes(self, image: Image.Image) -> list[dict[str, Any]]:
        """What the detector finds, in pixels of the photo."""
        pixels, scale, left, top = letterboxed(image, self._side)
        rows = self.networks.detector(pixels[np.newaxis])[0]
        rows = rows[rows[:, 4] >= 0.01]
        corners = (rows[:, :4] - (left, top, left, top)) / scale
        return [
            {"type": self._classes[int(kind)], "score": float(score), "box": box.tolist()}
            for box, score, kind in zip(corners, rows[:, 4], rows[:, 5], strict=True)
        ]


def decoded(data: bytes) -> Image.Image:
    """The photo in RGB at full size, or, with `DRAFT`, at the scale that is just enough."""
    image = Image.open(io.BytesIO(data))
    if DRAFT:
        image.draft("RGB", (416, 416))
    return image.convert("RGB")


def squeezed(image: Image.Image, side: int) -> NDArray[np.uint8]:
    """The whole photo in a square of `side` pixels: uint8 (side, side, 3)."""
    return np.asarray(image.resize((side, side), Image.Resampling.BILINEAR))


def letterboxed(image: Image.Image, side: int) -> tuple[NDArray[np.uint8], float, int, int]:
    """The photo in a grey square of `side` pixels, its scale, and its left and top in it."""
    scale = side / max(image.size)
    size = round(image.width * scale), round(image.height * scale)
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    square = Image.new("RGB", (side, side), (_GREY, _GREY, _GREY))
    square.paste(image.resize(size, Image.Resampling.BILINEAR), (left, top))
    return np.asarray(square), scale, left, top
