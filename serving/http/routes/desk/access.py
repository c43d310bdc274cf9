"""Who sits at the desk: the session cookie, the roles, and the proof that a request comes from the desk's own page.

Cookies open nothing but `/desk`: the API knows API keys alone. Three things keep other sites from acting for
somebody who is logged in: the cookie is `SameSite=Strict`, every change must come from the same origin by what the
browser says (`Sec-Fetch-Site`, else `Origin`), and it must repeat a token that only the page has.
"""

import re
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final
from urllib.parse import parse_qs, quote, urlsplit

from fastapi import Depends, Request, Response
from fastapi.responses import RedirectResponse

from regrade.models.errors import RegradeError
from regrade.serving.access.keys import ApiKey, Role
from regrade.serving.access.sessions import Session
from regrade.serving.base.errors import FieldFault, InvalidFieldsError
from regrade.serving.base.i18n import LANGUAGES, Message, pick, text
from regrade.serving.base.problems import Problem, ProblemError
from regrade.serving.connections.table import trust
from regrade.serving.http.middleware import asked_method
from regrade.serving.http.routes.common import RuntimeDep, in_use, read_bytes
from regrade.serving.http.routes.desk.templates import DESK, HOME, SECURITY_HEADERS, refused
from regrade.serving.storage.scope import see_only

CSRF_HEADER: Final = "x-csrf-token"
CSRF_FIELD: Final = "csrf"
LANGUAGE_COOKIE: Final = "regrade_language"
MAX_FORM_BYTES: Final = 8 * 1024
MAX_OWN_FORM_BYTES: Final = 128 * 1024
"""Of a form that anybody sends, and of one that somebody sends who is logged in: 50 names of 128 letters, each of which
is up to 12 bytes on the way."""

_COOKIE: Final = "regrade_desk"
_LOCAL: Final = re.compile(r"/|/desk(?:[/?][!-\[\]-~]*)?")


class TurnedAway(RegradeError):  # noqa: N818 - being asked to log in is no error
    """Raised in place of a page; `response` is what is answered."""

    def __init__(self, response: Response) -> None:
        super().__init__("not at this desk")
        self.response = response


async def answer_turned_away(request: Request, error: Exception) -> Response:
    """The answer to `TurnedAway`."""
    assert isinstance(error, TurnedAway)
    return error.response


async def desk_language_of(request: Request) -> str:
    """The language chosen at the desk, else the one that the browser asks for."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    return in_use(request, chosen if chosen in LANGUAGES else pick(request.headers.get("accept-language")))


DeskLanguageDep = Annotated[str, Depends(desk_language_of)]


def cookie_name(request: Request) -> str:
    """The session cookie's name. Over HTTPS a prefix keeps other hosts of the domain from setting it (RFC 6265bis).

    The stronger prefix asks for the path `/`, and so for a host that is this service's alone.
    """
    prefix = "__Secure-" if request.scope["root_path"] else "__Host-"
    return f"{prefix}{_COOKIE}" if request.url.scheme == "https" else _COOKIE


def cookie_options(request: Request) -> dict[str, Any]:
    """How cookies are set: for this service and no other that the same proxy serves, and out of reach of scripts."""
    path = request.scope["root_path"] or "/"
    return {"path": path, "secure": request.url.scheme == "https", "httponly": True}


def local_path(wanted: str | None) -> str | None:
    """`wanted` where it is a page of the desk or the first page, on this host; None for anything else."""
    return wanted if wanted is not None and _LOCAL.fullmatch(wanted) else None


def landing(wanted: str | None, key: ApiKey) -> str:
    """Where somebody goes who has logged in: to the page that they `wanted` (see `local_path`), else where their role
    begins. The desk's own address is no wish for its queue: it is what everybody types."""
    home = HOME[key.role]
    if wanted is None or (wanted.partition("?")[0] == DESK and home != DESK):
        return home
    return wanted


def same_origin(request: Request) -> bool:
    """Whether the browser says that a page of this very origin sent the request.

    Browsers say so of every POST: in `Sec-Fetch-Site` over HTTPS and on localhost, in `Origin` elsewhere.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin", "")
    return urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower() != ""


async def session_of(request: Request, runtime: RuntimeDep) -> Session | None:
    """The session whose cookie came along, if it is valid."""
    token = request.cookies.get(cookie_name(request))
    session = None if token is None else await runtime.find_session(token)
    if session is not None:
        trust(request.scope)
        see_only(session.key.sees)
    return session


SessionDep = Annotated[Session | None, Depends(session_of)]
Seated = Callable[..., Coroutine[Any, Any, Session]]


def at_page(*roles: Role) -> Seated:
    """A dependency of a page: the session of somebody with one of `roles` (or an admin).

    Others are sent to log in, and told which role they lack.
    """

    async def check(request: Request, session: SessionDep, lang: DeskLanguageDep) -> Session:
        if session is None:
            raise TurnedAway(_to_login(request))
        if not session.key.may(*roles):
            raise TurnedAway(refused(request, session, lang))
        return session

    return check


def at_desk(*roles: Role) -> Seated:
    """A dependency of what the page's script calls: as `at_page`, but answers problem documents.

    Whatever is not a GET must come from the page itself.
    """

    async def check(request: Request, session: SessionDep, lang: DeskLanguageDep) -> Session:
        if session is None:
            raise ProblemError(Problem("unauthenticated", text("problem.session_over", lang)))
        if not session.key.may(*roles):
            needed = sorted({*roles, "admin"})
            asked = f"{asked_method(request.scope)} {request.url.path}"
            detail = text("problem.forbidden", lang, role=session.key.role, asked=asked, needed=", ".join(needed))
            raise ProblemError(Problem("forbidden", detail, {"role": session.key.role, "needed": needed}))
        if asked_method(request.scope) not in ("GET", "HEAD"):
            _refuse_forged(request, session, request.headers.get(CSRF_HEADER, ""), lang)
        return session

    return check


def see(request: Request, path: str) -> Response:
    """On to another page of the desk."""
    root = request.scope["root_path"]
    return RedirectResponse(f"{root}{path}", 303, {"Cache-Control": "no-store"})


async def read_form(request: Request, most: int = MAX_FORM_BYTES) -> dict[str, str]:
    """The fields of a form. Raises `ProblemError` for one of more than `most` bytes, `InvalidFieldsError` for repeated
    names."""
    data = await read_bytes(request, most)
    fields = parse_qs(data.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=None)
    if repeated := [FieldFault(name, Message("fault.repeated")) for name, values in fields.items() if values[1:]]:
        raise InvalidFieldsError("invalid-request", "request", repeated)
    return {name: value for name, (value,) in fields.items()}


async def read_own_form(request: Request, session: Session, lang: str) -> dict[str, str]:
    """The fields of a form that a page of the desk, or its script, has sent, without the token that says so. Raises as
    `read_form` does, and `ProblemError` for a form of anybody else."""
    fields = await read_form(request, MAX_OWN_FORM_BYTES)
    token = fields.pop(CSRF_FIELD, "") or request.headers.get(CSRF_HEADER, "")
    _refuse_forged(request, session, token, lang)
    return fields


def refuse_foreign(request: Request, lang: str) -> None:
    """Raise `ProblemError` for a request that another site has sent."""
    if not same_origin(request):
        raise ProblemError(Problem("cross-site", text("problem.cross_site", lang)))


def refuse_forged_form(request: Request, session: Session, fields: dict[str, str], lang: str) -> None:
    """Raise `ProblemError` for a form that the desk's own page has not sent."""
    _refuse_forged(request, session, fields.get(CSRF_FIELD, ""), lang)


def _refuse_forged(request: Request, session: Session, csrf: str, lang: str) -> None:
    refuse_foreign(request, lang)
    if not session.vouches_for(csrf):
        raise ProblemError(Problem("cross-site", text("problem.csrf", lang)))


def _to_login(request: Request) -> Response:
    """To the login page, and back afterwards."""
    root = request.scope["root_path"]
    # A strict cookie does not come along with a link from elsewhere, such as a chat. The page asks for itself once
    # more, now from here, before anybody is sent to log in.
    if request.headers.get("sec-fetch-site") == "cross-site" and asked_method(request.scope) == "GET":
        return Response(status_code=200, headers={**SECURITY_HEADERS, "Refresh": "0"}, media_type="text/html")
    wanted = request.url.path.removeprefix(root) + (f"?{request.url.query}" if request.url.query else "")
    target = f"{root}{DESK}/login"
    # The address of a form is no page to come back to.
    asked = asked_method(request.scope) in ("GET", "HEAD")
    if asked and (back := local_path(wanted)) is not None and back != DESK:
        target += f"?next={quote(back, safe='')}"
    return Response(status_code=303, headers={"Location": target, "Cache-Control": "no-store"})
