"""`/desk`: the pages at which QA leads log in, see what waits, and work it off."""

import logging
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from regrade.serving.access.keys import ApiKey
from regrade.serving.access.sessions import LoginBrake, Session
from regrade.serving.base.errors import InvalidFieldsError, NotFoundError, StorageError
from regrade.serving.base.i18n import LANGUAGES, text
from regrade.serving.base.throttle import Throttle
from regrade.serving.connections.table import trust
from regrade.serving.http.routes.common import RuntimeDep
from regrade.serving.http.routes.desk import items as desk_items
from regrade.serving.http.routes.desk.access import (
    LANGUAGE_COOKIE,
    DeskLanguageDep,
    SessionDep,
    at_page,
    cookie_name,
    cookie_options,
    local_path,
    read_form,
    refuse_foreign,
    refuse_forged_form,
    see,
)
from regrade.serving.http.routes.desk.filters import AGES, NONE, filters_of, kept
from regrade.serving.http.routes.desk.templates import DESK, HOME, SECURITY_HEADERS, assets, desk_page, words
from regrade.serving.review import Counts, Filters, QueuePage
from regrade.serving.runtime import Runtime

router = APIRouter(prefix=DESK, include_in_schema=False)
router.include_router(desk_items.router)

ReviewerDep = Annotated[Session, Depends(at_page("reviewer"))]

ROWS: Final = 50
YEAR: Final = 365 * 24 * 3600

log = logging.getLogger("regrade")
_refusals = Throttle(1.0)


@router.get("/login")
async def login_page(request: Request, session: SessionDep, lang: DeskLanguageDep) -> Response:
    """Asks for a key; who is logged in already goes on."""
    wanted = local_path(request.query_params.get("next"))
    if session is not None:
        return see(request, wanted or HOME[session.key.role])
    return desk_page(request, "login.html", lang, None, next=wanted, fault=None)


@router.post("/login")
async def log_in(request: Request, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """Begins a session with a key of a role that has something to do here."""
    refuse_foreign(request, lang)
    fields = await read_form(request)
    wanted = local_path(fields.get("next"))
    address, token = request.client.host if request.client else "", fields.get("key", "").strip()
    key = await runtime.find_key(token)
    if key is None or key.role not in HOME:
        status, fault = await _refuse_login(runtime, address, token, key, lang)
        page = desk_page(request, "login.html", lang, None, status=status, next=wanted, fault=fault)
        if status == 429:
            page.headers["Retry-After"] = f"{LoginBrake.LONGEST_SECONDS:.0f}"
        return page
    runtime.login_brake.succeeded(address, token)
    trust(request.scope)
    try:
        session = await runtime.call(runtime.sessions.begin, key, address)
    except StorageError as error:
        await runtime.failed(error)
        return desk_page(request, "login.html", lang, None, status=507, next=wanted, fault=error.to(lang))
    answer = see(request, wanted or HOME[key.role])
    # Gone with the browser; how long it is good for is known to the server alone.
    answer.set_cookie(cookie_name(request), session.token, samesite="strict", **cookie_options(request))
    return answer


async def _refuse_login(runtime: Runtime, address: str, token: str, key: ApiKey | None, lang: str) -> tuple[int, str]:
    """Status and words for a login without a key that opens the desk; a wrong key waits for them."""
    if (count := _refusals.take()) is not None:
        log.warning("desk: a login from %s was refused, %d since this was last said", address, count)
    if key is not None:
        return 403, text("desk.key_no_role", lang, role=key.role)
    runtime.metrics.failed_logins.labels("desk").inc()
    if await runtime.login_brake.wait(runtime.login_brake.failed(address, token)):
        return 401, text("desk.key_wrong", lang)
    return 429, text("desk.key_too_many", lang)


@router.post("/logout")
async def log_out(request: Request, session: SessionDep, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """Ends the session and lets go of what its holder had claimed."""
    refuse_foreign(request, lang)  # also without a session: the cookie does not come along with what others send
    answer = see(request, f"{DESK}/login")
    if session is not None:
        refuse_forged_form(request, session, await read_form(request), lang)
        # With a full disk at least the browser forgets it.
        with suppress(StorageError):
            await runtime.call(runtime.sessions.end, session)
            await runtime.call(runtime.desk.release_all, session.key)
    answer.delete_cookie(cookie_name(request), samesite="strict", **cookie_options(request))
    return answer


@router.post("/language")
async def choose_language(request: Request, lang: DeskLanguageDep) -> Response:
    """Remembers the language in a cookie, which needs no session."""
    refuse_foreign(request, lang)
    fields = await read_form(request)
    answer = see(request, local_path(fields.get("next")) or DESK)
    if (chosen := fields.get("language")) in LANGUAGES:
        answer.set_cookie(LANGUAGE_COOKIE, chosen, YEAR, samesite="lax", **cookie_options(request))
    return answer


@router.get("")
async def queue(request: Request, session: ReviewerDep, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """What waits, oldest first, with filters that stand in the address."""
    query, fault, status = dict(request.query_params), None, 200
    every = None
    try:
        filters, cursor = filters_of(query), query.get("cursor")
        page = await runtime.call(runtime.desk.queue_page, session.key, filters, ROWS, cursor)
        every = page.counts if filters == Filters() else None
    except InvalidFieldsError as error:
        page, fault, status = QueuePage((), Counts(0, 0, None, {}), None), error.to(lang), 422
    if every is None:
        # What there is to choose from is counted over all items; of those that fit, only their number is shown.
        every = await runtime.call(runtime.desk.counts, session.key)
    now = datetime.now(UTC)
    return desk_page(
        request,
        "queue.html",
        lang,
        session,
        status=status,
        page=page,
        every=every,
        fault=fault,
        query=kept(query),
        cursor=query.get("cursor"),
        without=NONE,
        ages=AGES,
        currency=runtime.policy.currency,
        age=lambda since: _age((now - since).total_seconds(), lang),
    )


@router.get("/review")
async def review(request: Request, session: ReviewerDep, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """Works off what the filters in the address ask for, one item after the other."""
    undo = runtime.settings.undo_seconds
    return desk_page(request, "review.html", lang, session, defects=runtime.in_force.defects, undo_seconds=undo)


@router.get("/strings")
async def strings(runtime: RuntimeDep) -> Response:
    """The words of the desk's scripts, by language and key."""
    return JSONResponse(words(runtime.in_force), headers={**SECURITY_HEADERS, "Cache-Control": "no-cache"})


@router.get("/assets/{name}")
async def asset(name: str, request: Request) -> Response:
    """A script, style or picture of the pages."""
    found = assets().get(name)
    if found is None:
        raise NotFoundError(f"There is no page file {name!r}.")
    body, media_type, etag = found
    # Always asked for anew, and answered 304 while unchanged: a new version is seen at once.
    headers = {**SECURITY_HEADERS, "ETag": etag, "Cache-Control": "no-cache"}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def _age(seconds: float, lang: str) -> str:
    minutes = max(0, int(seconds // 60))
    if minutes < 60:
        return text("desk.age_minutes", lang, minutes=minutes)
    hours = minutes // 60
    if hours < 48:
        return text("desk.age_hours", lang, hours=hours, minutes=minutes % 60)
    return text("desk.age_days", lang, days=hours // 24, hours=hours % 24)
