"""Requests for inference, as they come over the wire."""

import json
import struct
from collections.abc import Callable, Sequence
from typing import Any

import httpx

Infer = Callable[..., httpx.Response]


def packed(files: Sequence[bytes]) -> bytes:
    """BYTES as binary data has them."""
    return b"".join(struct.pack("<I", len(data)) + data for data in files)


def body_of(files: Sequence[bytes], **root: Any) -> tuple[bytes, dict[str, str]]:
    """A request with files as binary data: its body, and its headers."""
    raw = packed(files)
    photos = {"name": "photos", "datatype": "BYTES", "shape": [len(files)]}
    inputs = [photos | {"parameters": {"binary_data_size": len(raw)}}]
    text = json.dumps({"inputs": inputs} | root).encode()
    return text + raw, {"Inference-Header-Content-Length": str(len(text)), "Content-Type": "application/octet-stream"}
