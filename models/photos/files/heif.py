"""HEIC, as iPhones write it, and AVIF: pictures in the boxes of an ISO media file (ISO/IEC 23008-12).

AVIF is Pillow's own. HEIC takes the package `pillow-heif`, the extra `heic` of regrade, and is refused without it. Both
are decoded whole, whatever size is wanted, on one core.
"""

import re
from functools import cache
from importlib.util import find_spec
from typing import Final

from PIL import AvifImagePlugin, Image, features

from regrade.models.errors import PhotoError
from regrade.models.photos.orientation import exif_orientation

HEIC: Final = "image/heic"
AVIF: Final = "image/avif"

# Several threads would hold cores that other photos wait for.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1

_HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
_SEQUENCES: Final = frozenset({b"hevc", b"hevx", b"hevm", b"hevs", b"avis", b"msf1"})
_MOST_BRANDS: Final = 64
_MOST_BOXES: Final = 64
_EXTENT: Final = re.compile(rb"ispe\0\0\0\0(....)(....)", re.DOTALL)
_ITEM: Final = re.compile(rb"(infe(?:\x02...(?:..)(?:..)|\x03...(?:....)(?:..)))(?:Exif|mime)", re.DOTALL)
"""An entry in the table of items that announces EXIF or XMP (ISO/IEC 14496-12, 8.11.6)."""


def media_type_of(data: bytes) -> str | None:
    """`image/heic` or `image/avif` where `data` begins as such a file does, else None."""
    brands = _brands(data)
    if not brands:
        return None
    if _AVIF_BRANDS & set(brands):
        return AVIF
    return HEIC if _HEIC_BRANDS & set(brands) else None


def require(data: bytes, media_type: str) -> None:
    """Raise `PhotoError` where `data` is a sequence, or of a kind that cannot be read here, with what to do."""
    if _brands(data)[0] in _SEQUENCES:
        raise PhotoError("animated", "The file is a sequence of pictures. Send a single still photo.")
    if media_type == HEIC and not _has_heic():
        raise PhotoError(
            "heic_unsupported",
            "The photo is a HEIC file, which this service cannot read. On the iPhone choose Settings > Camera > "
            "Formats > Most Compatible and take it again, or have regrade installed with its extra `heic`.",
        )
    if media_type == AVIF and not features.check("avif"):
        raise PhotoError("unsupported_type", "The photo is an AVIF file, which cannot be read here. Send it as JPEG.")


def largest_extent(data: bytes) -> tuple[int, int]:
    """Width and height, in pixels, of the largest picture that the file announces, its tiles and thumbnails included;
    (0, 0) where it announces none. Costs next to nothing: no decoder looks at it."""
    sizes = ((int.from_bytes(w), int.from_bytes(h)) for w, h in _EXTENT.findall(_meta(data)))
    return max(sizes, key=lambda size: size[0] * size[1], default=(0, 0))


def without_metadata(data: bytes) -> bytes:
    """The same file, of the same length, in which EXIF and XMP are announced as something that no decoder reads."""
    meta = _meta(data)
    at = data.find(meta) if meta else 0
    return data[:at] + _ITEM.sub(rb"\1skip", meta) + data[at + len(meta) :]


def container_orientation(image: Image.Image) -> int:
    """The orientation that is still to be undone of an opened AVIF or HEIC `image` without EXIF of its own."""
    # pillow-heif has turned the pixels already; Pillow tells what `irot` and `imir` say as EXIF that it makes for it.
    return 1 if image.format == "HEIF" else exif_orientation(image.info.get("exif", b"").removeprefix(b"Exif\0\0"))


def _brands(data: bytes) -> list[bytes]:
    """The major brand and the compatible ones; empty for what is no ISO media file."""
    if data[4:8] != b"ftyp":
        return []
    end = min(int.from_bytes(data[:4]), 16 + 4 * _MOST_BRANDS, len(data))
    return [data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))]


def _meta(data: bytes) -> bytes:
    """The box `meta` at the top of the file, which describes all pictures; empty where there is none."""
    at = 0
    for _ in range(_MOST_BOXES):
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16])
        end = at + size if size else len(data)
        if kind == b"meta":
            return data[at:end]
        at = max(end, at + 8)
    return b""


@cache
def is_installed() -> bool:
    """Whether HEIC can be read here."""
    return find_spec("pillow_heif") is not None


@cache
def _has_heic() -> bool:
    """Make Pillow know the format, where that is possible; not before it is wanted, as the libraries are large."""
    if not is_installed():
        return False
    import pillow_heif

    # Never the embedded thumbnail in place of the photo: it may show something else.
    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
    return True
