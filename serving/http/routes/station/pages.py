"""`/station`: the page at which an inspector grades a return in a browser.

It is one HTML file with its styles and scripts, all served from here; nothing is built and nothing is fetched
from elsewhere. The page itself holds no data and needs no key: its script sends the inspector's key with every
call to the API.
"""

import hashlib
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Final, get_args

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from regrade.models.photos.intake import readable_types
from regrade.models.photos.quality import DEFAULT_LIMITS, MEASURED_SIDE
from regrade.serving.base.errors import BusyError, NotFoundError
from regrade.serving.base.i18n import LANGUAGES, name_of, text, texts
from regrade.serving.http.labels.fields import Size
from regrade.serving.http.routes.common import LanguageDep, RuntimeDep

router = APIRouter(include_in_schema=False)

PAGES: Final = Path(__file__).resolve().parents[3] / "pages"
VENDOR: Final = PAGES / "vendor"
"""What the page brings along that is not ours."""
_TYPES: Final = {
    ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".wasm": "application/wasm",
}  # fmt: skip
_SAID: Final = (
    "station", "condition", "action", "category", "defect", "severity", "advice", "examined", "basis", "view", "now",
    "identity", "code", "pieces",
)  # fmt: skip
_WORDS: Final = tuple(f"{kind}." for kind in _SAID)
"""Beginnings of the catalogue keys that the page may show."""

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob:; "
        "connect-src 'self'; manifest-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    # Always asked for anew, and answered 304 while unchanged: a new version is seen at once.
    "Cache-Control": "no-cache",
}


@router.get("/station")
async def station(runtime: RuntimeDep, lang: LanguageDep) -> Response:
    """The page, in the language that the browser asks for until the inspector chooses another."""
    try:
        judges = runtime.graders.judges
    except BusyError as error:
        headers = {**SECURITY_HEADERS, "Refresh": str(error.retry_after), "Retry-After": str(error.retry_after)}
        headers["Vary"] = "Accept-Language"
        return HTMLResponse(_page("starting.html", lang, simulated=runtime.simulated), 503, headers)
    page = _page(
        "station.html",
        lang,
        languages=[(code, text("station.language_name", code)) for code in LANGUAGES],
        simulated=runtime.simulated,
        categories=judges.grader.categories,
        views={name: [view.name for view in one.views] for name, one in judges.in_force.categories.items()},
        currencies=judges.in_force.policy.currencies,
        quality={**asdict(DEFAULT_LIMITS), "side": MEASURED_SIDE},
        max_photos=runtime.settings.max_photos,
        max_photo_bytes=runtime.settings.max_photo_bytes,
        originals=judges.in_force.policy.photos.original(judges.grader.categories),
        photo_side=runtime.settings.station_photo_side,
        photo_types=readable_types(),
    )
    return HTMLResponse(page, headers={**SECURITY_HEADERS, "Vary": "Accept-Language"})


@router.get("/station/strings")
async def strings(runtime: RuntimeDep) -> Response:
    """The words of the page, by language and key, those of the categories in force with them."""
    in_force = runtime.in_force
    words = {lang: texts(in_force.language(lang), _WORDS) for lang in LANGUAGES}
    return JSONResponse(words, headers=SECURITY_HEADERS)


@router.get("/station/label/{inspection_id}")
async def label(inspection_id: str, lang: LanguageDep, size: Size = "4x6") -> Response:
    """The print view of a label, which its script asks the API for with the key of the tab that opened it."""
    sizes = get_args(Size)
    page = _page("label.html", lang, inspection_id=inspection_id, size=size, sizes=sizes)
    return HTMLResponse(page, headers={**SECURITY_HEADERS, "Vary": "Accept-Language"})


@router.get("/station/{name}")
async def asset(name: str, request: Request) -> Response:
    """A script, style or picture of the page."""
    found = assets().get(name)
    if found is None:
        raise NotFoundError(f"There is no page file {name!r}.")
    body, media_type, etag = found
    headers = {**SECURITY_HEADERS, "ETag": etag}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


@cache
def assets() -> dict[str, tuple[bytes, str, str]]:
    """Name → bytes, media type and entity tag: a closed list, so that no name can reach outside it."""
    found = {}
    for path in sorted([*PAGES.iterdir(), *VENDOR.iterdir()]):
        if path.suffix in _TYPES:
            body = path.read_bytes()
            found[path.name] = (body, _TYPES[path.suffix], f'"{hashlib.sha256(body).hexdigest()[:32]}"')
    return found


@cache
def _templates() -> Environment:
    return Environment(loader=FileSystemLoader(PAGES), autoescape=True, undefined=StrictUndefined)


def _page(template: str, lang: str, **values: object) -> str:
    def named(kind: str, code: str) -> str:
        return name_of(kind, code, lang)

    words = {"t": lambda key: text(key, lang), "named": named, "asset": lambda name: f"station/{name}"}
    return _templates().get_template(template).render(lang=lang, **words, **values)
