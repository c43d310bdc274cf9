"""What makes the station page one that can be installed and opened without a network: a manifest, a service worker."""

import hashlib
import json
from functools import cache
from importlib.metadata import version
from typing import Final

from fastapi import APIRouter, Request, Response

from regrade.serving.base.i18n import text
from regrade.serving.http.routes.common import LanguageDep
from regrade.serving.http.routes.station.pages import PAGES, SECURITY_HEADERS, assets

router = APIRouter(include_in_schema=False)

WORKER: Final = "worker.js"
MANIFEST: Final = "manifest.webmanifest"
STRINGS: Final = "strings"


@router.get(f"/station/{WORKER}")
async def worker(request: Request) -> Response:
    """The service worker, which begins with the version of the files that it keeps: one that has another is another.

    It may serve the page, which stands beside its folder and not in it.
    """
    body, etag = _worker()
    allowed = {"Service-Worker-Allowed": f"{request.scope['root_path']}/station"}
    headers = {**SECURITY_HEADERS, **allowed, "ETag": etag}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="text/javascript", headers=headers)


@router.get(f"/station/{MANIFEST}")
async def manifest(lang: LanguageDep) -> Response:
    """What a device shows of the page once it is installed (Web Application Manifest). Its addresses are relative, so
    that they hold wherever the service is served."""
    document = {
        "id": "../station",
        "name": text("station.page_title", lang),
        "short_name": "regrade",
        "description": text("station.heading", lang),
        "lang": lang,
        "start_url": "../station",
        "scope": "../station",
        "display": "standalone",
        "background_color": "#eef2f5",
        "theme_color": "#12324a",
        "icons": [{"src": "icon.svg", "sizes": "any", "type": "image/svg+xml"}],
    }
    headers = {**SECURITY_HEADERS, "Vary": "Accept-Language"}
    return Response(json.dumps(document, ensure_ascii=False), media_type="application/manifest+json", headers=headers)


@cache
def _worker() -> tuple[bytes, str]:
    """The script and its entity tag."""
    own = (PAGES / "offline" / WORKER).read_bytes()
    known = {name: etag for name, (_, _, etag) in assets().items()}
    page = (PAGES / "station.html").read_bytes()
    told = json.dumps([version("regrade"), known]).encode()
    of = hashlib.sha256(own + page + told).hexdigest()[:16]
    files = json.dumps([*known, STRINGS])
    body = f'const VERSION = "{of}";\nconst PAGE = "../station";\nconst FILES = {files};\n'.encode() + own
    return body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'
