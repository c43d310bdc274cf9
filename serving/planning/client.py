"""A small HTTP client for the demo: what a station does, with the standard library alone."""

import json
import uuid
from collections.abc import Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from regrade.models.errors import RegradeError


class DemoRefusedError(RegradeError):
    """The service did not take a demo item; the message holds its answer."""


def post_inspection(
    host: str, port: int, key: str, item: dict[str, Any], photos: Sequence[Path], timeout: float = 120
) -> dict[str, Any]:
    """Post one item and return the inspection as the service answers it.

    The RMA serves as idempotency key, so that a demo repeated on one data directory stores nothing twice.
    Raises `DemoRefusedError` for any other answer than 200 and 201.
    """
    boundary = uuid.uuid4().hex
    body = multipart(boundary, item, [(path.name, path.read_bytes()) for path in photos])
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Idempotency-Key": str(item["rma"]),
        "Accept-Language": "en",
    }
    connection = HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("POST", "/v1/inspections", body, headers)
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status not in (200, 201):
        raise DemoRefusedError(f"{item['rma']} was refused with {answer.status}: {content.decode(errors='replace')}")
    inspection: dict[str, Any] = json.loads(content)
    return inspection


def multipart(boundary: str, item: dict[str, Any], photos: Sequence[tuple[str, bytes]]) -> bytes:
    """The body of a POST to /v1/inspections; `photos` are names and contents of JPEG files."""
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="item"\r\n\r\n{json.dumps(item)}\r\n'.encode()]
    for name, data in photos:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="photos"; filename="{name}"\r\n'
        parts += [f"{head}Content-Type: image/jpeg\r\n\r\n".encode(), data, b"\r\n"]
    return b"".join([*parts, f"--{boundary}--\r\n".encode()])
