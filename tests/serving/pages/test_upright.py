"""One upright: odd files are turned as Chromium turns them, and what is served is turned already.

The number beside each file is what Chromium 156 does with it; where a Chromium is at hand, it is asked again.
"""

import base64
import io
import struct
import zlib
from typing import Any, Final

import numpy as np
import pillow_heif
import pytest
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Page, expect

from regrade.models.photos.files import heif
from regrade.models.photos.intake import open_photo, sniff
from regrade.models.photos.orientation import orientation_of
from regrade.serving.http.routes.station import pages

TAG, EXIF_DIRECTORY = 0x112, 0x8769
SHORT, LONG = 3, 4
WIDTH, HEIGHT = 96, 64
TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

Entry = tuple[int, int, int, bytes]


def _quarters() -> Image.Image:
    image = Image.new("RGB", (WIDTH, HEIGHT), (60, 60, 60))
    image.paste((250, 0, 0), (0, 0, WIDTH // 2, HEIGHT // 2))
    image.paste((0, 250, 0), (WIDTH // 2, 0, WIDTH, HEIGHT // 2))
    image.paste((0, 0, 250), (0, HEIGHT // 2, WIDTH // 2, HEIGHT))
    return image


def _encoded(kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    _quarters().save(out, kind, **options)
    return out.getvalue()


JPEG = _encoded("JPEG", quality=95, subsampling=0)
PNG = _encoded("PNG")
WEBP = _encoded("WEBP", lossless=True)


def short(value: int, order: str = "<") -> bytes:
    return struct.pack(f"{order}HH", value, 0)


def long(value: int, order: str = "<") -> bytes:
    return struct.pack(f"{order}I", value)


def directory(*entries: Entry, order: str = "<", count: int | None = None, after: int = 0) -> bytes:
    packed = b"".join(struct.pack(f"{order}HHI", *entry[:3]) + entry[3] for entry in entries)
    number = len(entries) if count is None else count
    return struct.pack(f"{order}H", number) + packed + struct.pack(f"{order}I", after)


def tiff(*entries: Entry, order: str = "<", magic: int = 42, at: int = 8, more: bytes = b"", **how: int) -> bytes:
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", magic, at) + bytes(at - 8)
    return head + directory(*entries, order=order, **how) + more


def segment(marker: int, payload: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload


def exif(data: bytes, signature: bytes = b"Exif\0\0") -> bytes:
    return segment(0xE1, signature + data)


def jpeg(*parts: bytes) -> bytes:
    return JPEG[:2] + b"".join(parts) + JPEG[2:]


def chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def png(*parts: bytes, ahead_of: bytes = b"IDAT") -> bytes:
    at = PNG.index(ahead_of) - 4
    return PNG[:at] + b"".join(parts) + PNG[at:]


def webp(*parts: tuple[bytes, bytes], flags: int) -> bytes:
    size = (WIDTH - 1).to_bytes(3, "little") + (HEIGHT - 1).to_bytes(3, "little")
    chunks = ((b"VP8X", bytes([flags, 0, 0, 0]) + size), (WEBP[12:16], WEBP[20:]), *parts)
    body = b"".join(kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def avif(orientation: int) -> bytes:
    written = Image.Exif()
    written[TAG] = orientation
    return _encoded("AVIF", quality=95, exif=written.tobytes())


SIX: Entry = (TAG, SHORT, 1, short(6))
THREE: Entry = (TAG, SHORT, 1, short(3))
NINE: Entry = (TAG, SHORT, 1, short(9))
MAKER: Entry = (0x10F, 2, 4, b"abc\0")
TEXT: Entry = (TAG, 2, 1, b"3\0\0\0")
TURNED = tiff(SIX)
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><r:Description '
    b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></r:RDF></x:xmpmeta>'
)
XMP_SEGMENT = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP)
PROFILE = b"\nexif\n%8d\n" % (len(TURNED) + 6) + (b"Exif\0\0" + TURNED).hex().encode() + b"\n"


def below(*entries: Entry, at: int = 26) -> Entry:
    return (EXIF_DIRECTORY, LONG, 1, long(at))


FILES: Final[dict[str, tuple[bytes, int]]] = {
    "nothing": (JPEG, 1),
    **{f"short {n}": (jpeg(exif(tiff((TAG, SHORT, 1, short(n))))), n if 1 <= n <= 8 else 1) for n in range(11)},
    **{f"type {n}": (jpeg(exif(tiff((TAG, n, 1, long(6))))), 6 if n == SHORT else 1) for n in range(19)},
    **{
        f"type {n}, big-endian": (jpeg(exif(tiff((TAG, n, 1, short(6, ">")), order=">"))), 6 if n == SHORT else 1)
        for n in range(19)
    },
    "long, big-endian": (jpeg(exif(tiff((TAG, LONG, 1, long(6, ">")), order=">"))), 1),
    "short 65535": (jpeg(exif(tiff((TAG, SHORT, 1, short(65535))))), 1),
    "a short with rubbish behind it": (jpeg(exif(tiff((TAG, SHORT, 1, b"\6\0\xff\xff")))), 6),
    **{
        f"{n} shorts": (jpeg(exif(tiff((TAG, SHORT, n, b"\6\0\6\0")))), 6 if n == 1 else 1)
        for n in (0, 1, 2, 3, 65535, 0xFFFFFFFF)
    },
    "three shorts elsewhere": (jpeg(exif(tiff((TAG, SHORT, 3, long(26)), more=struct.pack("<HHH", 6, 6, 6)))), 1),
    "two longs elsewhere": (jpeg(exif(tiff((TAG, LONG, 2, long(26)), more=struct.pack("<II", 6, 6)))), 1),
    "signature twice": (jpeg(exif(TURNED, b"Exif\0\0Exif\0\0")), 1),
    "signature with a padding of 255": (jpeg(exif(TURNED, b"Exif\0\xff")), 6),
    "signature cut short": (jpeg(exif(TURNED, b"Exif\0")), 1),
    "signature in capitals": (jpeg(exif(TURNED, b"EXIF\0\0")), 1),
    "no signature": (jpeg(segment(0xE1, TURNED)), 1),
    "in APP0": (jpeg(segment(0xE0, b"Exif\0\0" + TURNED)), 1),
    "in APP2": (jpeg(segment(0xE2, b"Exif\0\0" + TURNED)), 1),
    "two segments": (jpeg(exif(TURNED), exif(tiff(THREE))), 6),
    "two segments, the first without it": (jpeg(exif(tiff(MAKER)), exif(TURNED)), 1),
    "two segments, the first out of range": (jpeg(exif(tiff(NINE)), exif(TURNED)), 1),
    "two segments, the first rubbish": (jpeg(exif(b"rubbish"), exif(TURNED)), 1),
    "two segments, the first of one byte": (jpeg(exif(b"I"), exif(TURNED)), 1),
    "two segments, the first empty": (jpeg(exif(b""), exif(TURNED)), 6),
    "XMP alone": (jpeg(XMP_SEGMENT), 1),
    "XMP before EXIF": (jpeg(XMP_SEGMENT, exif(tiff(THREE))), 3),
    "XMP after EXIF": (jpeg(exif(tiff(THREE)), XMP_SEGMENT), 3),
    "behind tables": (JPEG[: JPEG.index(b"\xff\xda")] + exif(TURNED) + JPEG[JPEG.index(b"\xff\xda") :], 6),
    "behind the pixels": (JPEG[:-2] + exif(TURNED) + JPEG[-2:], 1),
    "behind the end": (JPEG + exif(TURNED), 1),
    "behind rubbish": (jpeg(segment(0xFE, b"hi"), b"\1\2\xff\xff\0\3", exif(TURNED)), 6),
    "behind a restart": (jpeg(segment(0xFE, b"hi"), b"\xff\xd0\xff\x01", exif(TURNED)), 6),
    "tag twice": (jpeg(exif(tiff(SIX, THREE))), 6),
    "tag twice, the first a text": (jpeg(exif(tiff(TEXT, SIX))), 6),
    "tag twice, the first out of range": (jpeg(exif(tiff(NINE, SIX))), 6),
    "in the directory of the thumbnail": (jpeg(exif(tiff(MAKER, after=26, more=directory(SIX)))), 1),
    "in the Exif directory": (jpeg(exif(tiff(below(), more=directory(SIX)))), 6),
    "in the Exif directory and behind it": (jpeg(exif(tiff(below(at=38), THREE, more=directory(SIX)))), 6),
    "in the second Exif directory": (
        jpeg(exif(tiff(below(at=38), below(at=56), more=directory(MAKER) + directory(SIX)))), 1,
    ),
    "in an Exif directory of an Exif directory": (
        jpeg(exif(tiff(below(), more=directory(below(at=44)) + directory(SIX)))), 1,
    ),
    "a pointer of the wrong type": (jpeg(exif(tiff((EXIF_DIRECTORY, SHORT, 1, long(26)), more=directory(SIX)))), 1),
    "a pointer to itself": (jpeg(exif(tiff(below(at=8), SIX))), 6),
    "a pointer behind the end": (jpeg(exif(tiff(below(at=9999), SIX))), 6),
    "in the GPS directory": (jpeg(exif(tiff((0x8825, LONG, 1, long(26)), more=directory(SIX)))), 1),
    "directory at an odd place": (jpeg(exif(tiff(SIX, at=13))), 6),
    "directory behind the end": (jpeg(exif(TURNED[:4] + long(99999) + TURNED[8:])), 1),
    "directory at the end of the world": (jpeg(exif(TURNED[:4] + long(0xFFFFFFFF) + TURNED[8:])), 1),
    "directory in the header": (jpeg(exif(TURNED[:4] + long(0) + TURNED[8:])), 1),
    "a circle": (jpeg(exif(tiff(SIX, after=8))), 6),
    "more entries announced than there are": (jpeg(exif(tiff(SIX, count=65535))), 6),
    "no entries announced": (jpeg(exif(tiff(SIX, count=0))), 1),
    "cut in its value": (jpeg(exif(TURNED[:-6])), 1),
    "behind a text of 4 GB": (jpeg(exif(tiff((0x10F, 2, 0xFFFFFFFF, long(26)), SIX))), 6),
    "not TIFF": (jpeg(exif(tiff(SIX, magic=43))), 1),
    "another byte order": (jpeg(exif(tiff(SIX, magic=0x2A00))), 1),
    "neither byte order": (jpeg(exif(b"IM" + TURNED[2:])), 1),
    "PNG": (png(chunk(b"eXIf", TURNED)), 6),
    "PNG, big-endian": (png(chunk(b"eXIf", tiff((TAG, SHORT, 1, short(8, ">")), order=">"))), 8),
    "PNG, behind the pixels": (png(chunk(b"eXIf", TURNED), ahead_of=b"IEND"), 1),
    "PNG with a signature": (png(chunk(b"eXIf", b"Exif\0\0" + TURNED)), 1),
    "PNG, two": (png(chunk(b"eXIf", TURNED), chunk(b"eXIf", tiff(THREE))), 6),
    "PNG, two, the first without it": (png(chunk(b"eXIf", tiff(MAKER)), chunk(b"eXIf", TURNED)), 1),
    "PNG, two, the first damaged": (png(chunk(b"eXIf", TURNED)[:-1] + b"\0", chunk(b"eXIf", tiff(THREE))), 3),
    "PNG, damaged": (png(chunk(b"eXIf", TURNED)[:-1] + b"\0"), 1),
    "PNG, a long": (png(chunk(b"eXIf", tiff((TAG, LONG, 1, long(6))))), 1),
    "PNG, as ImageMagick writes it": (png(chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(PROFILE))), 1),
    "PNG, XMP alone": (png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)), 1),
    "WebP": (webp((b"EXIF", TURNED), flags=8), 1),
    "WebP with a signature": (webp((b"EXIF", b"Exif\0\0" + TURNED), flags=8), 1),
    "WebP, XMP alone": (webp((b"XMP ", XMP), flags=4), 1),
    **{f"AVIF {n}": (avif(n), n) for n in range(1, 9)},
}  # fmt: skip

DRAWN: Final = """async (url) => {
  const image = new Image(); image.src = url; await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
  const drawing = canvas.getContext("2d"); drawing.drawImage(image, 0, 0);
  const { width, height } = canvas;
  const at = (x, y) => [...drawing.getImageData(width * x | 0, height * y | 0, 1, 1).data].slice(0, 3);
  return [[width, height], at(0.25, 0.25), at(0.75, 0.25), at(0.25, 0.75)];
}"""


SIZE: Final = """async (node) => {
  const image = new Image(); image.src = node.href.baseVal; await image.decode();
  return [image.width, image.height];
}"""


def look(rgb: np.ndarray) -> list[list[int]]:
    """Width and height, and the colours of three quarters: which of the eight ways a picture is turned."""
    height, width = rgb.shape[:2]
    places = ((0.25, 0.25), (0.75, 0.25), (0.25, 0.75))
    return [[width, height], *(rgb[int(height * y), int(width * x)].tolist() for x, y in places)]


def turned(orientation: int) -> list[list[int]]:
    image = _quarters()
    return look(np.asarray(image.transpose(TURNS[orientation]) if orientation > 1 else image))


def alike(one: list[list[int]], other: list[list[int]]) -> bool:
    return one[0] == other[0] and np.abs(np.subtract(one[1:], other[1:])).max() < 60


@pytest.mark.parametrize("name", FILES)
def test_odd_files_are_turned_as_browsers_do(name: str) -> None:
    data, orientation = FILES[name]
    if heif.media_type_of(data) is None:
        assert orientation_of(data) == orientation
    photo = open_photo(data)
    assert alike(look(photo.rgb), turned(orientation))
    assert [photo.width, photo.height] == turned(orientation)[0]


UNSETTLED: Final = frozenset({"in the second Exif directory"})
"""Where releases of Chromium differ: of two pointers to an Exif directory, 150 takes the second, others the first."""


def test_chromium_turns_them_so(chromium: Browser) -> None:
    page = chromium.new_page()
    differing = {}
    for name, (data, orientation) in FILES.items():
        found = page.evaluate(DRAWN, f"data:{sniff(data)};base64,{base64.b64encode(data).decode()}")
        if not alike(found, turned(orientation)):
            differing[name] = found
    page.close()
    assert differing.keys() <= UNSETTLED


def _heic(image: Image.Image, name: str = "IMG_1.HEIC") -> FilePayload:
    pillow_heif.register_heif_opener()
    turned = Image.Exif()
    turned[TAG] = 6
    out = io.BytesIO()
    image.save(out, "HEIF", quality=80, exif=turned.tobytes())
    return {"name": name, "mimeType": "", "buffer": out.getvalue()}


def test_the_station_grades_heic_and_shows_what_the_browser_cannot(page: Page, carton: Image.Image) -> None:
    page.fill("#rma", "RMA-heic")
    page.set_input_files("#files", _heic(carton))
    expect(page.locator("#tray .name")).to_have_text("IMG_1.HEIC")
    page.click("#grade")
    shown = page.locator(".picture image")
    expect(shown).to_be_visible()
    assert shown.evaluate(SIZE) == [900, 1200]


def test_where_heic_is_not_read_the_station_names_the_cameras_setting(
    service: Any, blank: Page, carton: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "readable_types", lambda: ("image/jpeg", "image/png"))
    blank.reload()
    blank.wait_for_selector("body[data-ready]")
    blank.set_input_files("#files", _heic(carton))
    expect(blank.locator("#photos-error")).to_contain_text("IMG_1.HEIC: HEIC photos cannot be read here.")
    expect(blank.locator("#photos-error")).to_contain_text("Formats > Most Compatible")
