"""The chunks of a PNG file (PNG specification, third edition, section 5)."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk of a file: its payload is `data[begin:end]`, between its length and kind and its checksum."""

    kind: bytes
    begin: int
    end: int


def chunks(data: bytes) -> Iterator[Chunk]:
    """The chunks of a PNG file up to the one that ends it, or to where the file ends."""
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        chunk = Chunk(kind, at + 8, at + 8 + length)
        if chunk.end + 4 > len(data):
            return
        yield chunk
        if kind == b"IEND":
            return
        at = chunk.end + 4


def is_whole(data: bytes, chunk: Chunk) -> bool:
    """Whether a chunk has the checksum that it should have."""
    return zlib.crc32(data[chunk.begin - 4 : chunk.end]) == int.from_bytes(data[chunk.end : chunk.end + 4], "big")


def encoded(kind: bytes, payload: bytes) -> bytes:
    """A chunk as it stands in a file."""
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))
