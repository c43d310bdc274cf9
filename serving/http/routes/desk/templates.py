"""The desk's pages as files and HTML: templates, scripts, styles and words, and the headers that guard them."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from regrade.serving.access.sessions import Session
from regrade.serving.base.i18n import LANGUAGES, Param, name_of, text, texts
from regrade.serving.base.money import format_money, format_percent
from regrade.serving.rubric.in_force import InForce

DESK: Final = "/desk"
HOME: Final = {"reviewer": DESK, "admin": DESK, "engineer": f"{DESK}/quality", "seller": f"{DESK}/seller"}
"""Where each role that may log in begins."""

PAGES: Final = Path(__file__).resolve().parents[3] / "pages"
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_SHARED: Final = (
    *("dom.js", "words.js", "identity.js", "identity.css", "pieces.js", "pieces.css"),
    *("tokens.css", "icon.svg"),
)
"""Files of the station page that the desk uses too."""
_WORDS: Final = (
    "desk.",
    "condition.",
    "action.",
    "category.",
    "defect.",
    "severity.",
    "examined.",
    "basis.",
    "view.",
    "identity.",
    "pieces.",
    "code.",
)
"""Beginnings of the catalogue keys that the desk's scripts may show."""

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    # With none at all, a browser would not say where a form comes from.
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


def desk_page(
    request: Request, template: str, lang: str, session: Session | None, *, status: int = 200, **values: object
) -> HTMLResponse:
    """The page `pages/desk/<template>` in `lang`, for whoever `session` is of.

    A template extends `base.html` and has, besides `values`: `t(key, **params)`, `named(kind, code)`, `asset(name)`,
    `url(path)`, `money(amount, currency)`, `percent(share)`, `lang`, `session`, `may(*roles)`, `here` (this page's path
    and query), and `simulated`: whether the site's history is made up.
    """
    root = request.scope["root_path"]

    def named(kind: str, code: str) -> str:
        return name_of(kind, code, lang)

    def t(key: str, /, **params: Param) -> str:
        return text(key, lang, **params)

    page = (
        _templates()
        .get_template(template)
        .render(
            lang=lang,
            session=session,
            simulated=request.app.state.runtime.simulated,
            languages=[(code, text("station.language_name", code)) for code in LANGUAGES],
            here=request.url.path.removeprefix(root) + (f"?{request.url.query}" if request.url.query else ""),
            may=lambda *roles: session is not None and session.key.may(*roles),
            t=t,
            named=named,
            money=lambda amount, currency: format_money(amount, currency, lang),
            percent=format_percent,
            url=lambda path: f"{root}{path}",
            asset=lambda name: f"{root}{DESK}/assets/{name}",
            **values,
        )
    )
    # Pages hold what only this person may see, and tokens: they are kept by nobody.
    headers = {**SECURITY_HEADERS, "Cache-Control": "no-store", "Content-Language": lang}
    return HTMLResponse(page, status, headers)


def refused(request: Request, session: Session, lang: str) -> HTMLResponse:
    """The page for somebody whose role does not reach."""
    return desk_page(request, "refused.html", lang, session, status=403, home=HOME.get(session.key.role))


@cache
def assets() -> dict[str, tuple[bytes, str, str]]:
    """Name → bytes, media type and entity tag: a closed list, so that no name can reach outside it."""
    found = {}
    for path in [*sorted((PAGES / "desk").iterdir()), *(PAGES / name for name in _SHARED)]:
        if path.suffix in _TYPES:
            body = path.read_bytes()
            found[path.name] = (body, _TYPES[path.suffix], f'"{hashlib.sha256(body).hexdigest()[:32]}"')
    return found


def words(in_force: InForce) -> dict[str, dict[str, str]]:
    """The words of the desk's scripts, by language and key."""
    return {lang: texts(in_force.language(lang), _WORDS) for lang in LANGUAGES}


@cache
def _templates() -> Environment:
    return Environment(loader=FileSystemLoader(PAGES / "desk"), autoescape=True, undefined=StrictUndefined)
