"""Where browsers find this service, and the links that people are given to it."""

from urllib.parse import urlsplit

from fastapi import Request

from regrade.serving.access.people.passkeys import Place
from regrade.serving.http.routes.desk.templates import DESK
from regrade.serving.runtime import Runtime


def place_of(request: Request, runtime: Runtime) -> Place:
    """The origin of the pages: that of the setting `public_url`, else the one that the request was sent to."""
    origin = runtime.settings.public_url or f"{request.url.scheme}://{request.url.netloc}".lower()
    return Place(origin, urlsplit(origin).hostname or "")


def pairing_link(origin: str, root: str, code: str) -> str:
    """What a tablet opens to be paired. Fragments are not sent, and so stand in no log."""
    return f"{origin}{root}/station#pair={code}"


def invitation_link(origin: str, root: str, code: str) -> str:
    """What a person opens to choose how to sign in."""
    return f"{origin}{root}{DESK}/welcome#code={code}"


def address_of(request: Request) -> str:
    """The network address that a request came from."""
    return request.client.host if request.client else ""
