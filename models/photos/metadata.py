"""Photo files without what they tell beside the picture: where, when, by whom and with what it was taken.

Everything that pixels and colours do not need is left out, by lists of what they do need: EXIF with its places and
makers' notes, XMP, IPTC, comments and texts, embedded thumbnails, further pictures, and whatever stands behind the
end. What is left is the same bytes as before: nothing is decoded or encoded.
"""

import zlib
from collections.abc import Iterator
from typing import Final

from regrade.models.photos.files import jpeg_segments, png_chunks
from regrade.models.photos.files.jpeg_segments import APP0, APP2, APP14, EOI, SOS, Segment
from regrade.models.photos.files.png_chunks import Chunk

_ICC: Final = b"ICC_PROFILE\0"
_CODING: Final = frozenset({*range(0xC0, 0xD0), 0xDA, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF})
"""Frames, tables, scans, restarts and number of lines."""
_PIXELS: Final = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_COLOURS: Final = {b"gAMA": (4,), b"cHRM": (32,), b"sRGB": (1,), b"sBIT": (1, 2, 3, 4), b"cICP": (4,)}
"""What tells a browser how to show the numbers, with the lengths that it may have."""
_LARGEST_PROFILE: Final = 1024 * 1024
"""Bytes of an ICC profile that Pillow unpacks; it would refuse the whole photo for a larger one."""
_WEBP_PICTURE: Final = frozenset({b"VP8 ", b"VP8L", b"ALPH", b"ICCP"})
_WEBP_ICC_AND_ALPHA: Final = 0x30


def bare(data: bytes) -> bytes | None:
    """The JPEG, PNG or WebP file `data` with nothing but its (first) picture; None where that takes decoding it."""
    if data[:2] == b"\xff\xd8":
        return _bare_jpeg(data)
    if data.startswith(png_chunks.SIGNATURE):
        return b"".join(_png(data))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _bare_webp(data)
    return None


def _bare_jpeg(data: bytes) -> bytes | None:
    parts, at = [b"\xff\xd8"], 2
    while (segment := jpeg_segments.segment_at(data, at)) is not None:
        if segment.marker == EOI:
            return b"".join([*parts, b"\xff\xd9"])
        parts.append(_kept(data, segment))
        at = segment.end
        if segment.marker == SOS:
            end = jpeg_segments.end_of_scan(data, at)
            parts.append(data[at:end])
            at = len(data) if end is None else end
    return None


def _kept(data: bytes, segment: Segment) -> bytes:
    """What is kept of a JPEG's segment, as it stands in a file; empty where it is nothing to the picture."""
    payload = data[segment.begin : segment.end]
    if segment.marker == APP0 and payload.startswith(b"JFIF\0") and len(payload) >= 14:
        payload = payload[:12] + b"\0\0"  # no thumbnail
    elif segment.marker == APP14 and payload.startswith(b"Adobe") and len(payload) >= 12:
        payload = payload[:12]
    elif segment.marker not in _CODING and not _is_profile(segment, payload):
        return b""
    return bytes([0xFF, segment.marker]) + (len(payload) + 2).to_bytes(2, "big") + payload


def _is_profile(segment: Segment, payload: bytes) -> bool:
    # Its number and how many there are stand behind the name; Pillow gives a photo up where they do not.
    return segment.marker == APP2 and payload.startswith(_ICC) and len(payload) > len(_ICC) + 2


def _png(data: bytes) -> Iterator[bytes]:
    yield png_chunks.SIGNATURE
    for chunk in png_chunks.chunks(data):
        payload = data[chunk.begin : chunk.end]
        if chunk.kind == b"iCCP":
            yield _profile_chunk(payload)
        elif chunk.kind in _PIXELS or _is_colour(data, chunk):
            yield data[chunk.begin - 8 : chunk.end + 4]


def _is_colour(data: bytes, chunk: Chunk) -> bool:
    return chunk.end - chunk.begin in _COLOURS.get(chunk.kind, ()) and png_chunks.is_whole(data, chunk)


def _profile_chunk(payload: bytes) -> bytes:
    """A chunk with the profile of an `iCCP` chunk under a name of ours; empty where it cannot be unpacked."""
    packed, unpacking = payload.partition(b"\0")[2], zlib.decompressobj()
    try:
        unpacking.decompress(packed[1:], _LARGEST_PROFILE)
    except zlib.error:
        return b""
    if packed[:1] != b"\0" or unpacking.unconsumed_tail:
        return b""
    return png_chunks.encoded(b"iCCP", b"icc\0" + packed)


def _bare_webp(data: bytes) -> bytes | None:
    parts: list[bytes] = []
    for kind, payload in _riff_chunks(data):
        if kind == b"VP8X":
            # Neither EXIF nor XMP are announced any more. An animation of one picture is not taken apart here.
            if payload[0] & 0x02:
                return None
            payload = bytes([payload[0] & _WEBP_ICC_AND_ALPHA]) + payload[1:10]
        elif kind not in _WEBP_PICTURE:
            continue
        parts.append(kind + len(payload).to_bytes(4, "little") + payload + b"\0" * (len(payload) % 2))
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and payload of each chunk that is there whole."""
    at, end = 12, min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    while at + 8 <= end:
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + size > end:
            return
        yield data[at : at + 4], data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
