"""The headers that every answer bears, whatever it is: what a browser may do with it, and who may frame it."""

from typing import Final

from starlette.types import Message

LOCKED: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
"""The content security policy (CSP3) of what is no page: JSON, problems, photos. Nothing in it may load or run."""

COMMON: Final = {
    "content-security-policy": LOCKED,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Answers are of somebody's goods; what may be kept says so itself.
    "cache-control": "no-store",
}
_COMMON: Final = [(name.encode(), value.encode()) for name, value in COMMON.items()]


def add_common(message: Message) -> None:
    """Add to the start of an answer what it does not say itself."""
    headers = message["headers"]
    given = {name for name, _ in headers}
    message["headers"] = [*headers, *(pair for pair in _COMMON if pair[0] not in given)]
