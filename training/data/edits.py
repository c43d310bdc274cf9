"""Changes of a photo that must not change its item's grade: another background, another crop, another compression.

What a photo is graded by should be the item. A model that reads the background, the framing or the camera instead
scores well on photos from the sources it was fitted on, and badly once these change.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from regrade.datasets.manifest import Record
from regrade.datasets.synth import segment
from regrade.models.category.schema import ItemOutline
from regrade.models.photos.intake import open_photo
from regrade.models.registry.bundle import sha256
from regrade.models.types import Box, Photo

GREY: Final = (128, 128, 128)
WHITE: Final = (246, 246, 246)
CARDBOARD: Final = (176, 138, 98)
LEAST_BACKGROUND: Final = 0.10
LEAST_CLEARNESS: Final = 0.8
VISIBLE: Final = 10.0
_BORDER: Final = 0.15
"""Share of each side that is taken for background where a donor's item is not looked for."""

Rgb = NDArray[np.uint8]
Mask = NDArray[np.float32]
"""(h, w) in [0, 1], 1 on the item."""


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A photo to edit: its pixels (h, w, 3), its item, and the photo whose background it may be given."""

    rgb: Rgb
    item: Mask
    donor: Rgb
    rng: np.random.Generator


@dataclass(frozen=True, slots=True)
class PhotoEdit:
    """`apply` gives the edited pixels; `cuts_out` says that it needs an item that stands clear of its background. The
    edited photo may have another size and framing: boxes found on it are of no use."""

    name: str
    title: str
    apply: Callable[[Subject], Rgb]
    cuts_out: bool = False


def _on(ground: Callable[[Subject], Rgb]) -> Callable[[Subject], Rgb]:
    """The item of a photo on another ground, feathered along its outline."""

    def apply(subject: Subject) -> Rgb:
        alpha = feathered(subject.item)[..., None]
        return _rounded(subject.rgb * alpha + ground(subject) * (1.0 - alpha))

    return apply


def _rounded(values: NDArray[np.floating]) -> Rgb:
    out: Rgb = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return out


def feathered(item: Mask) -> Mask:
    """`item` with a soft outline about 0.4% of the long side wide, so that no cut-out's edge is a clue."""
    return cv2.GaussianBlur(item, (0, 0), max(0.8, max(item.shape) * 0.004)).astype(np.float32)


def _plain(colour: tuple[int, int, int]) -> Callable[[Subject], Rgb]:
    """A lit plain ground: brighter towards one corner by a few percent, with a little noise."""

    def ground(subject: Subject) -> Rgb:
        height, width = subject.rgb.shape[:2]
        slope = subject.rng.uniform(-8, 8, 2)
        light = np.linspace(-1, 1, height)[:, None] * slope[0] + np.linspace(-1, 1, width) * slope[1]
        noisy = np.array(colour) + light[..., None] + subject.rng.normal(0, 2.0, (height, width, 1))
        return _rounded(noisy)

    return ground


def _cardboard(subject: Subject) -> Rgb:
    """Brown board: faint flutes across, blotches of fibre, noise."""
    height, width = subject.rgb.shape[:2]
    period = max(4.0, max(height, width) / 90)
    flutes = 2.5 * np.sin(np.arange(width) * 2 * np.pi / period)[None, :]
    noise = subject.rng.normal(0, 1, (height, width)).astype(np.float32)
    blotches = np.asarray(cv2.GaussianBlur(noise, (0, 0), max(height, width) / 40), dtype=np.float64)
    shade = flutes + blotches * (7.0 / max(float(blotches.std()), 1e-6)) + subject.rng.normal(0, 3.0, (height, width))
    return _rounded(np.array(CARDBOARD) + shade[..., None])


def _own_background(subject: Subject) -> Rgb:
    return _spread(subject.rgb, 1.0 - subject.item)


def _donors_background(subject: Subject) -> Rgb:
    height, width = subject.rgb.shape[:2]
    donor = cv2.resize(subject.donor, (width, height), interpolation=cv2.INTER_AREA)
    border = np.ones((height, width), dtype=np.float32)
    border[round(height * _BORDER) : -round(height * _BORDER), round(width * _BORDER) : -round(width * _BORDER)] = 0.0
    return _spread(donor.astype(np.uint8), border)


def _spread(rgb: Rgb, known: NDArray[np.floating]) -> Rgb:
    """The `known` pixels of a photo, blurred over all of it: normalised convolution (Knutsson & Westin 1993)."""
    sigma = max(rgb.shape[:2]) * 0.06
    weight = cv2.GaussianBlur(known.astype(np.float32), (0, 0), sigma) + 1e-4
    colours = cv2.GaussianBlur(rgb * known[..., None].astype(np.float32), (0, 0), sigma)
    seen = known > 0.5
    rest = rgb[seen].mean(axis=0) if seen.any() else np.array(GREY)
    return _rounded((colours + 1e-4 * rest) / weight[..., None])


def _centre(share: float) -> Callable[[Subject], Rgb]:
    def apply(subject: Subject) -> Rgb:
        height, width = subject.rgb.shape[:2]
        top, left = round(height * (1 - share) / 2), round(width * (1 - share) / 2)
        return np.ascontiguousarray(subject.rgb[top : height - top, left : width - left])

    return apply


def _compressed(subject: Subject) -> Rgb:
    buffer = io.BytesIO()
    Image.fromarray(subject.rgb).save(buffer, "JPEG", quality=40)
    with Image.open(buffer) as image:
        return np.asarray(image.convert("RGB"), dtype=np.uint8)


def _mirrored(subject: Subject) -> Rgb:
    return np.ascontiguousarray(subject.rgb[:, ::-1])


def _brighter(factor: float) -> Callable[[Subject], Rgb]:
    return lambda subject: _rounded(subject.rgb * factor)


def _small(subject: Subject) -> Rgb:
    """The item at half its size in the middle of a grey ground of the photo's own size."""
    height, width = subject.rgb.shape[:2]
    alpha = feathered(subject.item)
    size = (max(1, width // 2), max(1, height // 2))
    item = cv2.resize(subject.rgb, size, interpolation=cv2.INTER_AREA)
    soft = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)[..., None]
    out = _plain(GREY)(subject).astype(np.float32)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    window = out[top : top + size[1], left : left + size[0]]
    window[:] = item * soft + window * (1.0 - soft)
    return _rounded(out)


EDITS: Final[tuple[PhotoEdit, ...]] = (
    PhotoEdit("background_own_blurred", "own background, blurred (control)", _on(_own_background), True),
    PhotoEdit("background_grey", "background plain grey", _on(_plain(GREY)), True),
    PhotoEdit("background_white", "background white", _on(_plain(WHITE)), True),
    PhotoEdit("background_cardboard", "background brown cardboard", _on(_cardboard), True),
    PhotoEdit(
        "background_swapped", "background of a photo of another condition, blurred", _on(_donors_background), True
    ),
    PhotoEdit("item_small", "item at half size on grey", _small, True),
    PhotoEdit("crop_80", "centre crop, 80% of each side", _centre(0.8)),
    PhotoEdit("jpeg_40", "JPEG quality 40", _compressed),
    PhotoEdit("mirrored", "mirrored", _mirrored),
    PhotoEdit("darker", "brightness −25%", _brighter(0.75)),
    PhotoEdit("brighter", "brightness +25%", _brighter(1.25)),
)


class Editor:
    """Applies edits to photos of a dataset; finds each photo's item once and keeps its mask."""

    def __init__(self, records: Sequence[Record], seed: int = 0, outline: ItemOutline | None = None) -> None:
        """`outline`: how the items of these records stand on their photos."""
        self._records = tuple(records)
        self._seed = seed
        self._outline = outline or ItemOutline()
        self._masks: dict[str, tuple[NDArray[np.uint8], tuple[int, int]]] = {}

    def editing(self, edit: PhotoEdit) -> Callable[[Photo, Record], Photo]:
        """`edit` as a function for `predictions.predict`."""

        def apply(photo: Photo, record: Record) -> Photo:
            rng = np.random.default_rng([self._seed, int(record.sha256[:8], 16)])
            item = self.mask(photo, record)
            donor = self._donor(record, rng) if edit.name == "background_swapped" else photo.rgb
            return replace(photo, rgb=edit.apply(Subject(photo.rgb, item, donor, rng)))

        return apply

    def mask(self, photo: Photo, record: Record) -> Mask:
        """Where the item is on the photo's pixels, float32 (h, w), 0 or 1."""
        if record.id not in self._masks:
            found = segment.item_mask(photo.rgb, _scaled(record, photo), self._outline) > 0.5
            self._masks[record.id] = (np.packbits(found), photo.rgb.shape[:2])
        bits, (height, width) = self._masks[record.id]
        return np.unpackbits(bits, count=height * width).reshape(height, width).astype(np.float32)

    def can_cut_out(self, record: Record) -> bool:
        """Whether the photo shows background, and its item stands clear of it: what is cut out must be the item.

        A box that was drawn is believed; an outline found by colour must run along a change of colour.
        """
        photo = open_photo(record.file.read_bytes())
        item = self.mask(photo, record)
        if 1.0 - float(item.mean()) < LEAST_BACKGROUND:
            return False
        return record.largest_item is not None or clearness(photo.rgb, item) >= LEAST_CLEARNESS

    def _donor(self, record: Record, rng: np.random.Generator) -> Rgb:
        """A photo of the same category and another condition and group, so that its background says the wrong thing."""
        others = [r for r in self._records if r.category == record.category and r.group != record.group]
        wrong = [r for r in others if r.condition not in (None, record.condition)]
        pool = wrong or others or [record]
        return open_photo(pool[int(rng.integers(len(pool)))].file.read_bytes()).rgb


def clearness(rgb: Rgb, item: Mask) -> float:
    """Share of the item's outline along which the colours inside and outside differ visibly, 0 to 1.

    Colours are means over about 1% of the long side on either side of the outline, in CIE L*a*b*; visible is a distance
    (CIE 1976) of 10 or more.
    """
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)
    inside = (item > 0.5).astype(np.float32)
    sigma = max(rgb.shape[:2]) * 0.01

    def mean(weight: Mask) -> NDArray[np.float64]:
        total = cv2.GaussianBlur(weight, (0, 0), sigma)[..., None]
        return np.asarray(cv2.GaussianBlur(lab * weight[..., None], (0, 0), sigma) / np.maximum(total, 1e-3))

    outline = cv2.dilate(inside, np.ones((3, 3))) - inside > 0
    if not outline.any():
        return 0.0
    distance = np.linalg.norm(mean(inside) - mean(1.0 - inside), axis=-1)
    return float((distance[outline] >= VISIBLE).mean())


def _scaled(record: Record, photo: Photo) -> Box | None:
    box = record.largest_item
    if box is None:
        return None
    x, y = photo.rgb.shape[1] / photo.width, photo.rgb.shape[0] / photo.height
    return box[0] * x, box[1] * y, box[2] * x, box[3] * y


def code_digest() -> str:
    """Changes with the code of the edits and of the segmentation: grades of photos edited by other code are stale."""
    return sha256(b"".join(Path(file).read_bytes() for file in (__file__, segment.__file__)))[:12]
