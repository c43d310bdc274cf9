"""`/desk/login` and `/desk/welcome`: sessions begun by name and password, passkey, key, or an invitation."""

import logging
from contextlib import suppress
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from regrade.models.errors import RegradeError
from regrade.serving.access.entrance import for_code, for_passkey, for_password
from regrade.serving.access.keys import ApiKey
from regrade.serving.access.people.passkeys import credential_id_of
from regrade.serving.access.sessions import LoginBrake, Session
from regrade.serving.base.errors import AttemptsError, SignInError, StorageError
from regrade.serving.base.i18n import Message, text
from regrade.serving.base.problems import Problem, spoken_problem
from regrade.serving.connections.table import trust
from regrade.serving.http.routes.accounts.place import address_of, place_of
from regrade.serving.http.routes.accounts.schemas import InvitedIn, NewPasskeyIn, PasskeyIn
from regrade.serving.http.routes.common import RuntimeDep, read_json
from regrade.serving.http.routes.desk.access import (
    DeskLanguageDep,
    SessionDep,
    cookie_name,
    cookie_options,
    landing,
    local_path,
    read_form,
    refuse_foreign,
    refuse_forged_form,
    see,
)
from regrade.serving.http.routes.desk.templates import DESK, HOME, desk_page
from regrade.serving.runtime import Runtime
from regrade.serving.telemetry.throttle import Throttle

router = APIRouter(prefix=DESK, include_in_schema=False)

PRIVATE: Final = {"Cache-Control": "no-store"}

log = logging.getLogger("regrade")
_refusals = Throttle(1.0)


@router.get("/login")
async def login_page(request: Request, session: SessionDep, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """Asks who somebody is; who is logged in already goes on."""
    wanted = local_path(request.query_params.get("next"))
    if session is not None:
        return see(request, landing(wanted, session.key))
    return await _login_page(request, runtime, lang, wanted)


@router.post("/login")
async def log_in(request: Request, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """Begins a session by name and password, or with a key of a role that has something to do here."""
    refuse_foreign(request, lang)
    fields = await read_form(request)
    wanted, name = local_path(fields.get("next")), fields.get("name", "").strip()
    try:
        if name:
            key = await _by_password(runtime, address_of(request), name, fields.get("password", ""))
        else:
            key = await _by_key(runtime, address_of(request), fields.get("key", "").strip(), lang)
        session = await _begin(request, runtime, key, "password" if name else "key")
    except RegradeError as error:
        problem = await _refusal(request, runtime, error, lang)
        page = await _login_page(request, runtime, lang, wanted, problem=problem, name=name)
        page.headers.update(problem.headers)
        return page
    return _seated(request, session, see(request, landing(wanted, key)))


@router.post("/login/passkey/begin")
async def begin_passkey(request: Request, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """What the browser is to prove with a passkey; anybody may ask."""
    refuse_foreign(request, lang)
    options = await runtime.call(runtime.entrance.ceremonies.to_sign_in, place_of(request, runtime))
    return JSONResponse({"publicKey": options}, headers=PRIVATE)


@router.post("/login/passkey")
async def by_passkey(request: Request, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """Begins a session with a passkey."""
    refuse_foreign(request, lang)
    body, entrance = await read_json(request, PasskeyIn), runtime.entrance
    entrance.guesses.take(scopes := for_passkey(address_of(request)))
    try:
        if (credential := credential_id_of(body.credential)) is None:
            raise SignInError(Message("problem.passkey_unknown"))
        key, kept = await runtime.call(entrance.sign_in.passkey, credential)
        proven = await runtime.call(entrance.ceremonies.signed_in, body.credential, kept, place_of(request, runtime))
        await runtime.call(entrance.sign_in.used, proven)
    except SignInError:
        _note_refusal(runtime, address_of(request))
        raise
    entrance.guesses.right(scopes)
    session = await _begin(request, runtime, key, "passkey")
    return _seated(request, session, _go_to(request, landing(local_path(body.next), key)))


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


@router.get("/welcome")
async def welcome_page(request: Request, lang: DeskLanguageDep) -> Response:
    """Where somebody who was invited chooses a password or a passkey. Its script takes the code from the address."""
    return desk_page(request, "welcome.html", lang, None, code="", fault=None)


@router.post("/welcome")
async def choose_password(request: Request, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """Uses an invitation up for a password, and begins a session."""
    refuse_foreign(request, lang)
    fields = await read_form(request)
    code, entrance = fields.get("code", ""), runtime.entrance
    try:
        entrance.guesses.take(scopes := for_code(address_of(request)))
        await runtime.call(entrance.sign_in.invited, code)
        entrance.guesses.right(scopes)
        async with entrance.hashing():
            key = await runtime.call(entrance.sign_in.choose_password, code, fields.get("password", ""))
        session = await _begin(request, runtime, key, "invitation")
    except RegradeError as error:
        problem = await _refusal(request, runtime, error, lang)
        page = desk_page(
            request, "welcome.html", lang, None, status=problem.status, code=code[:64], fault=problem.detail
        )
        page.headers.update(problem.headers)
        return page
    return _seated(request, session, see(request, HOME[key.role]))


@router.post("/welcome/name")
async def whose(request: Request, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """Whom an invitation is for, which stays open."""
    refuse_foreign(request, lang)
    key = await _invited(request, runtime, (await read_json(request, InvitedIn)).code)
    return JSONResponse({"name": key.name}, headers=PRIVATE)


@router.post("/welcome/passkey/begin")
async def begin_new_passkey(request: Request, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """What the browser of somebody who was invited is to make a passkey by."""
    refuse_foreign(request, lang)
    key = await _invited(request, runtime, (await read_json(request, InvitedIn)).code)
    options = await runtime.call(runtime.entrance.ceremonies.to_register, key, place_of(request, runtime))
    return JSONResponse({"publicKey": options}, headers=PRIVATE)


@router.post("/welcome/passkey")
async def choose_passkey(request: Request, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """Uses an invitation up for a passkey, and begins a session."""
    refuse_foreign(request, lang)
    body, entrance = await read_json(request, NewPasskeyIn), runtime.entrance
    key = await _invited(request, runtime, body.code)
    place = place_of(request, runtime)
    made = await runtime.call(entrance.ceremonies.registered, key, body.credential, place)
    key = await runtime.call(entrance.sign_in.choose_passkey, body.code, made)
    session = await _begin(request, runtime, key, "invitation")
    return _seated(request, session, _go_to(request, HOME[key.role]))


async def _by_password(runtime: Runtime, address: str, name: str, password: str) -> ApiKey:
    entrance, scopes = runtime.entrance, for_password(name, address)
    entrance.guesses.take(scopes)
    async with entrance.hashing():
        key = await runtime.call(entrance.sign_in.by_password, name, password)
    entrance.guesses.right(scopes)
    return key


async def _by_key(runtime: Runtime, address: str, token: str, lang: str) -> ApiKey:
    """The key that somebody has typed; a wrong one waits for its answer. Raises `_RefusedKey`."""
    key = await runtime.find_key(token)
    if key is not None and key.role in HOME:
        runtime.login_brake.succeeded(address, token)
        return key
    if key is not None:
        raise _RefusedKey(Problem("forbidden", text("desk.key_no_role", lang, role=key.role)))
    if await runtime.login_brake.wait(runtime.login_brake.failed(address, token)):
        raise _RefusedKey(Problem("sign-in-refused", text("desk.key_wrong", lang)))
    waits = {"Retry-After": f"{LoginBrake.LONGEST_SECONDS:.0f}"}
    raise _RefusedKey(Problem("too-many-attempts", text("desk.key_too_many", lang), {}, waits))


class _RefusedKey(RegradeError):  # noqa: N818 - said to whoever typed it
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


async def _invited(request: Request, runtime: Runtime, code: str) -> ApiKey:
    entrance = runtime.entrance
    entrance.guesses.take(scopes := for_code(address_of(request)))
    key = await runtime.call(entrance.sign_in.invited, code)
    entrance.guesses.right(scopes)
    return key


async def _refusal(request: Request, runtime: Runtime, error: RegradeError, lang: str) -> Problem:
    """What a page says of an error. Raises it again where it is a fault of ours."""
    if isinstance(error, StorageError):
        await runtime.failed(error)
        return Problem("insufficient-storage", error.to(lang))
    problem = error.problem if isinstance(error, _RefusedKey) else spoken_problem(error, lang)
    if isinstance(error, (_RefusedKey, SignInError, AttemptsError)):
        _note_refusal(runtime, address_of(request), counts=problem.slug != "forbidden")
    return problem


def _note_refusal(runtime: Runtime, address: str, *, counts: bool = True) -> None:
    if (count := _refusals.take()) is not None:
        log.warning("desk: a login from %s was refused, %d since this was last said", address, count)
    if counts:
        runtime.metrics.failed_logins.labels("desk").inc()


async def _begin(request: Request, runtime: Runtime, key: ApiKey, by: str) -> Session:
    trust(request.scope)
    return await runtime.call(runtime.sessions.begin, key, address_of(request), by)


def _seated(request: Request, session: Session, answer: Response) -> Response:
    # Gone with the browser; how long it is good for is known to the server alone.
    answer.set_cookie(cookie_name(request), session.token, samesite="strict", **cookie_options(request))
    return answer


def _go_to(request: Request, path: str) -> Response:
    """Tell a script where the browser is to go."""
    return JSONResponse({"next": f"{request.scope['root_path']}{path}"}, headers=PRIVATE)


async def _login_page(
    request: Request, runtime: Runtime, lang: str, wanted: str | None, *, problem: Problem | None = None, name: str = ""
) -> Response:
    by_name = await runtime.call(runtime.entrance.people.any)
    status, fault = (200, None) if problem is None else (problem.status, problem.detail)
    values = {"next": wanted, "fault": fault, "name": name, "by_name": by_name}
    return desk_page(request, "login.html", lang, None, status=status, **values)
