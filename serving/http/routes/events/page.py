"""`/desk/webhooks`: where events are sent, how each receiver does, and what became of every event.

Admins see all of them, somebody of a seller those of their sellers: what is found and changed is no matter of routes.
"""

from datetime import datetime
from typing import Annotated, Any, Final, get_args
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from regrade.models.errors import RegradeError
from regrade.serving.access.sessions import Session
from regrade.serving.base.errors import FieldFault, InvalidFieldsError, NotFoundError, SecretOverlapError
from regrade.serving.base.fields import describe_fault
from regrade.serving.base.i18n import Message, text
from regrade.serving.base.problems import spoken_problem
from regrade.serving.events.deliveries import State
from regrade.serving.events.endpoints import By, Endpoint
from regrade.serving.http.routes.common import RuntimeDep
from regrade.serving.http.routes.desk.access import DeskLanguageDep, at_page, read_own_form, see
from regrade.serving.http.routes.desk.item_words import stamp
from regrade.serving.http.routes.desk.templates import DESK, desk_page
from regrade.serving.http.routes.events import shown, steps
from regrade.serving.http.routes.events.out import WebhookIn
from regrade.serving.http.routes.queries import moment
from regrade.serving.outbox.kinds import KINDS, SELLER_KINDS
from regrade.serving.runtime import Runtime

router = APIRouter(include_in_schema=False)

OwnerDep = Annotated[Session, Depends(at_page("seller"))]

PAGE: Final = f"{DESK}/webhooks"
LINES: Final = 50
STATES: Final = get_args(State)


@router.get(PAGE)
async def webhooks(request: Request, session: OwnerDep, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """All webhooks, and a form for another."""
    return await _list(request, session, runtime, lang)


@router.post(PAGE)
async def make(request: Request, session: OwnerDep, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """Make one, and show its secret on its page."""
    fields = await read_own_form(request, session, lang)
    try:
        said = _said(fields)
        made = await steps.make(runtime, By(session.key), **said.model_dump())
    except RegradeError as error:
        return await _list(request, session, runtime, lang, fields=fields, **_fault(error, lang))
    return shown.show(request, see(request, f"{PAGE}/{made.id}"), session, made)


@router.get(f"{PAGE}/{{webhook_id}}")
async def webhook(
    webhook_id: str, request: Request, session: OwnerDep, runtime: RuntimeDep, lang: DeskLanguageDep
) -> Response:
    """One webhook and its delivery log."""
    try:
        found = await runtime.call(runtime.webhooks.get, webhook_id)
    except NotFoundError as error:
        return await _list(request, session, runtime, lang, **_fault(error, lang))
    secret = runtime.webhooks.secret(found) if shown.may_show(request, session, found) else None
    return await _one(request, session, runtime, lang, found, secret=secret)


@router.get(f"{PAGE}/{{webhook_id}}/{{act}}")
async def back(webhook_id: str, act: str, request: Request, session: OwnerDep) -> Response:
    """What a button does is not done by an address, such as after having had to log in again: to its page."""
    return see(request, f"{PAGE}/{quote(webhook_id, safe='')}")


@router.post(f"{PAGE}/{{webhook_id}}/{{act}}")
async def act_on(
    webhook_id: str, act: str, request: Request, session: OwnerDep, runtime: RuntimeDep, lang: DeskLanguageDep
) -> Response:
    """Do what a button of the page says; then the page again."""
    fields = await read_own_form(request, session, lang)
    by = By(session.key)
    try:
        found = await runtime.call(runtime.webhooks.get, webhook_id)
    except NotFoundError as error:
        return await _list(request, session, runtime, lang, **_fault(error, lang))
    try:
        if act == "rotate":
            return await _turn(request, session, runtime, by, found, fields.get("generation", ""))
        if act == "ping":
            return await _one(request, session, runtime, lang, found, tried=await steps.ping(runtime, webhook_id, by))
        if act == "remove":
            await runtime.call(runtime.webhooks.remove, webhook_id, by)
            return see(request, PAGE)
        if act in ("pause", "resume"):
            await steps.change(runtime, webhook_id, by, {"enabled": act == "resume"})
        elif act == "replay":
            await steps.replay(runtime, webhook_id, by, _since(fields))
        elif act == "retry" and fields.get("number", "").isdigit():
            await steps.send_again(runtime, webhook_id, int(fields["number"][:19]), by)
        else:
            raise NotFoundError(Message("problem.no_webhook_step", {"act": act[:40]}))
    except NotFoundError as error:
        return await _list(request, session, runtime, lang, **_fault(error, lang))
    except RegradeError as error:
        return await _one(request, session, runtime, lang, found, **_fault(error, lang))
    return see(request, f"{PAGE}/{found.id}")


async def _turn(
    request: Request, session: Session, runtime: Runtime, by: By, found: Endpoint, generation: str
) -> Response:
    """Turn to another secret from the one of `generation`, which the page had; what comes twice, such as from a double
    click, turns once. Raises `SecretOverlapError`."""
    if generation == str(found.generations[0]):
        try:
            found = await runtime.call(runtime.webhooks.rotate, found.id, by)
        except SecretOverlapError:
            found = await runtime.call(runtime.webhooks.get, found.id)
            if generation == str(found.generations[0]):
                raise
    answer = see(request, f"{PAGE}/{found.id}")
    if generation == str(found.generations[0] - 1) and shown.just_turned(found):
        return shown.show(request, answer, session, found)
    return answer


def _said(fields: dict[str, str]) -> WebhookIn:
    """What a form asks for. Raises `InvalidFieldsError`."""
    types = [kind for kind in KINDS if fields.get(f"type:{kind}") == "on"]
    given: dict[str, Any] = {"description": fields.get("description", "").strip()}
    if types and len(types) < len(KINDS):
        given["types"] = types
    for name in ("url", "adapter"):
        if written := fields.get(name, "").strip():
            given[name] = written
    if seller := fields.get("seller", "").strip():
        given["seller"] = seller
    try:
        return WebhookIn.model_validate(given)
    except ValidationError as error:
        faults = [describe_fault(fault, WebhookIn) for fault in error.errors()]
        raise InvalidFieldsError("invalid-request", "request", faults) from None


def _since(fields: dict[str, str]) -> datetime:
    """The moment that a field of a date and a time holds, in UTC. Raises `InvalidFieldsError`."""
    try:
        return moment(f"{fields.get('since', '')}:00Z")
    except PydanticCustomError:
        fault = FieldFault("since", Message("fault.moment"))
        raise InvalidFieldsError("invalid-request", "request", [fault]) from None


def _fault(error: RegradeError, lang: str) -> dict[str, Any]:
    problem = spoken_problem(error, lang)
    return {"status": problem.status, "fault": problem.detail}


async def _list(
    request: Request,
    session: Session,
    runtime: Runtime,
    lang: str,
    status: int = 200,
    fault: str | None = None,
    fields: dict[str, str] | None = None,
) -> Response:
    every = await runtime.call(runtime.webhooks.all)
    sellers, settings = session.key.sees, runtime.settings
    return desk_page(
        request,
        "webhooks.html",
        lang,
        session,
        status=status,
        fault=fault,
        given=fields or {},
        every=every,
        kinds=KINDS if sellers is None else SELLER_KINDS,
        sellers=sellers,
        adapters=[] if sellers is not None else await runtime.call(runtime.adapters.names),
        networks=settings.webhook_networks if sellers is None else settings.seller_webhook_networks,
        **_words(lang),
    )


async def _one(
    request: Request, session: Session, runtime: Runtime, lang: str, found: Endpoint, status: int = 200, **more: Any
) -> Response:
    wanted, cursor = request.query_params.get("state"), request.query_params.get("cursor", "")
    state: Any = wanted if wanted in STATES else None
    before = int(cursor[:18]) if cursor.isascii() and cursor.isdigit() else None
    log = await runtime.call(runtime.deliveries.page, found.id, LINES, before, state)
    values = {"secret": None, "tried": None, "fault": None, **more}
    about = {"log": log, "state": state, "states": STATES, "page": f"{PAGE}/{found.id}"}
    about["items"] = f"{DESK}/items/" if session.key.sees is None else f"{DESK}/seller/items/"
    return desk_page(
        request, "webhook.html", lang, session, status=status, hook=found, **about, **values, **_words(lang)
    )


def _words(lang: str) -> dict[str, Any]:
    """What the templates need beside texts: moments, and what a code of an error means."""

    def error(code: str | None, status: int | None) -> str:
        return "" if code is None else text(f"desk.hooks_error_{code}", lang, status=str(status or ""))

    return {"stamp": stamp, "error": error}
