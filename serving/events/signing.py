"""Secrets of webhooks, and the signatures of what is sent (Standard Webhooks, symmetric: HMAC-SHA-256).

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from regrade.serving.storage.keyfile import load_key

PREFIX: Final = "whsec_"
OVERLAP: Final = timedelta(hours=24)
"""How long the secret before signs too, after one was turned to another."""


class Secrets:
    """The secrets of all webhooks, made of one that is kept in a file: a copy of the database holds none of them."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    def load(cls, directory: Path) -> "Secrets":
        """Those of the secret kept in `directory`, made there on first use. Raises `DataDirError` for a damaged one."""
        return cls(load_key(directory / "webhooks.key"))

    def of(self, webhook_id: str, generation: int) -> str:
        """The secret of a webhook, `whsec_…`: 256 bits in base64. `generation` counts how often it was turned."""
        return PREFIX + base64.b64encode(self._of(webhook_id, generation)).decode()

    def sign(
        self, webhook_id: str, generations: Iterable[int], event_id: str, at: datetime, body: bytes
    ) -> dict[str, str]:
        """The headers of an attempt at the moment `at`: a signature for each secret that is good."""
        stamp = str(int(at.timestamp()))
        told = f"{event_id}.{stamp}.".encode() + body
        signatures = (hmac.digest(self._of(webhook_id, one), told, hashlib.sha256) for one in generations)
        written = " ".join(f"v1,{base64.b64encode(one).decode()}" for one in signatures)
        return {"webhook-id": event_id, "webhook-timestamp": stamp, "webhook-signature": written}

    def _of(self, webhook_id: str, generation: int) -> bytes:
        return hmac.digest(self._secret, f"{webhook_id}.{generation}".encode(), hashlib.sha256)
