"""An item as JSON that names its photos, which were sent ahead: the body, and its description."""

import json
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from regrade.serving.base.errors import UploadError
from regrade.serving.base.i18n import Message
from regrade.serving.base.settings import Settings
from regrade.serving.http.routes.common import read_json

KIND: Final = "application/json"
HASH: Final = "^[0-9a-f]{64}$"


class NamedPhoto(BaseModel):
    """A photo that was sent ahead (`PUT /v1/uploads/{sha256}`), or stands in an inspection of the same key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str = Field(pattern=HASH, description="Of its bytes, in hex.")


class NamedIn(BaseModel):
    """What is sent. The item is only taken apart here; it is checked as that of a form is, with the same words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    item: dict[str, JsonValue]
    photos: list[NamedPhoto]


@dataclass(frozen=True, slots=True)
class Named:
    """The item's JSON, and the hashes of its photos."""

    item: bytes
    hashes: tuple[str, ...]


def is_named(content_type: str | None) -> bool:
    """Whether a Content-Type header announces such a body."""
    return (content_type or "").partition(";")[0].strip().lower() == KIND


async def read_named(request: Request, settings: Settings) -> Named:
    """The body of `request`. Raises `InvalidFieldsError`, `UploadError`, `UploadAborted`, and `ProblemError` for one
    that is too long."""
    body = await read_json(request, NamedIn)
    item = json.dumps(body.item, ensure_ascii=False).encode()
    if len(item) > settings.max_item_bytes:
        limit = f"{settings.max_item_bytes / 1024:.0f} KB"
        raise UploadError("item-too-large", f"The item is larger than {limit}. Shorten `answers`.")
    if not body.photos:
        raise UploadError("no-photos", Message("problem.no_photos"))
    if len(body.photos) > settings.max_photos:
        raise UploadError("too-many-photos", Message("problem.too_many_photos", {"limit": settings.max_photos}))
    return Named(item, tuple(photo.sha256 for photo in body.photos))


CONTENT: Final[dict[str, Any]] = {
    KIND: {
        "schema": {
            "type": "object",
            "required": ["item", "photos"],
            "additionalProperties": False,
            "properties": {
                "item": {"$ref": "#/components/schemas/Item"},
                "photos": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 12,
                    "items": {"$ref": "#/components/schemas/NamedPhoto"},
                    "description": "Photos that the same key has sent ahead; a hash that is not there is 409.",
                },
            },
        },
        "example": {
            "item": {"rma": "RMA-1", "category": "toys", "declared_value": {"amount": 40, "currency": "USD"}},
            "photos": [{"sha256": "db1a51b36a697e6a49e2e58937a0f3d1033fac4da2d4f7f5a93c19a9f6636de0"}],
        },
    }
}
"""How OpenAPI describes it, beside the form."""
