"""`/v1/webhooks`: where events are sent, and what became of them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic_core import PydanticCustomError

from regrade.serving.access.keys import ApiKey
from regrade.serving.base.errors import FieldFault, InvalidFieldsError
from regrade.serving.base.i18n import Message
from regrade.serving.events.deliveries import Delivery, State
from regrade.serving.events.endpoints import By, Endpoint
from regrade.serving.http.routes.common import RuntimeDep, caller, json_body, problems, read_json
from regrade.serving.http.routes.events import steps
from regrade.serving.http.routes.events.out import (
    DeliveriesOut,
    DeliveryOut,
    PingOut,
    ReplayIn,
    ReplayOut,
    SecretOut,
    WebhookChangeIn,
    WebhookIn,
    WebhookOut,
)
from regrade.serving.http.routes.queries import moment
from regrade.serving.runtime import Runtime

router = APIRouter(prefix="/v1/webhooks", tags=["events"])

BODIES = (WebhookIn, WebhookChangeIn, ReplayIn)

OwnerDep = Annotated[ApiKey, Depends(caller("seller"))]
"""An admin, who manages all; or a seller, who sees and changes those of their own sellers alone: see `Endpoints`."""
_CHANGES = (401, 403, 404, 422, 507)
_NUMBER = r"^[1-9][0-9]{0,17}$"


@router.post(
    "",
    status_code=201,
    summary="Make a webhook",
    openapi_extra=json_body(WebhookIn),
    responses=problems(401, 403, 409, 413, 422, 507),
)
async def make(request: Request, runtime: RuntimeDep, key: OwnerDep) -> SecretOut:
    """What happens from now on is sent there, as `GET /v1/events` has it, signed after the Standard Webhooks
    specification with the `secret` of this answer, which is shown once.

    Any 2xx within 15 s counts as arrived; else it is sent again for three days, ever less often. Events of one
    inspection come in their order; each may come more than once, under the same `webhook-id`. Redirects are not
    followed. 410 ends it.

    With an `adapter`, what it makes of the items that stand is sent in place of that, by the calls of the receiver's
    own API: several in one call where that takes them. 409 where its file or its secret is not in order.

    A seller makes webhooks of one of their own sellers, five for each, without an adapter and to public addresses
    alone. They are sent `inspection.…` as `GET /v1/events` has it for sellers, as long as whoever made them may see
    these items.
    """
    body = await read_json(request, WebhookIn)
    return _with_secret(runtime, await steps.make(runtime, By(key), **body.model_dump()))


@router.get("", summary="List the webhooks", responses=problems(401, 403, 422))
async def list_webhooks(runtime: RuntimeDep, key: OwnerDep) -> list[WebhookOut]:
    """All of them, oldest first, with how each stands; for a seller, those that somebody of their sellers has made."""
    return [webhook_out(one) for one in await runtime.call(runtime.webhooks.all)]


@router.get("/{webhook_id}", summary="Read a webhook", responses=problems(401, 403, 404, 422))
async def read(webhook_id: str, runtime: RuntimeDep, key: OwnerDep) -> WebhookOut:
    """How it stands."""
    return webhook_out(await runtime.call(runtime.webhooks.get, webhook_id))


@router.patch(
    "/{webhook_id}",
    summary="Change a webhook",
    openapi_extra=json_body(WebhookChangeIn),
    responses=problems(*_CHANGES, 413),
)
async def change(webhook_id: str, request: Request, runtime: RuntimeDep, key: OwnerDep) -> WebhookOut:
    """Sets what is given; of a seller's, the seller stays. `enabled: false` pauses it: what happens meanwhile is sent
    once it is enabled again, as long as events are kept. Whatever waits is tried at once."""
    body = await read_json(request, WebhookChangeIn)
    return webhook_out(await steps.change(runtime, webhook_id, By(key), body.model_dump(exclude_unset=True)))


@router.delete(
    "/{webhook_id}", summary="Remove a webhook", status_code=204, responses=problems(401, 403, 404, 422, 507)
)
async def remove(webhook_id: str, runtime: RuntimeDep, key: OwnerDep) -> Response:
    """Nothing is sent there any more; what was on its way is forgotten."""
    await runtime.call(runtime.webhooks.remove, webhook_id, By(key))
    return Response(status_code=204)


@router.post("/{webhook_id}/rotate", summary="Turn to another secret", responses=problems(*_CHANGES, 409))
async def rotate(webhook_id: str, runtime: RuntimeDep, key: OwnerDep) -> SecretOut:
    """Answers with a new secret, shown once. For 24 hours each attempt is signed with both, so that the receiver can
    change over without missing anything; until then there is no other new one (409)."""
    return _with_secret(runtime, await runtime.call(runtime.webhooks.rotate, webhook_id, By(key)))


@router.post("/{webhook_id}/ping", summary="Try a webhook", responses=problems(*_CHANGES))
async def ping(webhook_id: str, runtime: RuntimeDep, key: OwnerDep) -> PingOut:
    """Sends an event of the type `webhook.ping` at once, signed, and says what came of it."""
    answer = await steps.ping(runtime, webhook_id, By(key))
    return PingOut(delivered=answer.error is None, status=answer.status, error=answer.error, ms=answer.ms)


@router.post(
    "/{webhook_id}/replay",
    status_code=202,
    summary="Send again from a moment on",
    openapi_extra=json_body(ReplayIn),
    responses=problems(*_CHANGES, 413),
)
async def replay(webhook_id: str, request: Request, runtime: RuntimeDep, key: OwnerDep) -> ReplayOut:
    """All that it wants and that happened since, in order, under the ids of the first time."""
    body = await read_json(request, ReplayIn)
    try:
        since = moment(body.since)
    except PydanticCustomError:
        fault = FieldFault("since", Message("fault.moment"))
        raise InvalidFieldsError("invalid-request", "request", [fault]) from None
    return ReplayOut(events=await steps.replay(runtime, webhook_id, By(key), since))


@router.get("/{webhook_id}/deliveries", summary="Read the delivery log", responses=problems(401, 403, 404, 422))
async def deliveries(
    webhook_id: str,
    runtime: RuntimeDep,
    key: OwnerDep,
    state: State | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(pattern=_NUMBER, description="`next_cursor` of the page before.")] = None,
) -> DeliveriesOut:
    """Newest first: each event, how often it was tried, and what the last attempt met."""
    before = None if cursor is None else int(cursor)
    page = await runtime.call(runtime.deliveries.page, webhook_id, limit, before, state)
    following = None if page.next_cursor is None else str(page.next_cursor)
    return DeliveriesOut(items=[_delivery_out(one) for one in page.items], next_cursor=following)


@router.post(
    "/{webhook_id}/deliveries/{number}/retry",
    status_code=202,
    summary="Send an event again",
    responses=problems(*_CHANGES),
)
async def retry(webhook_id: str, number: int, runtime: RuntimeDep, key: OwnerDep) -> DeliveryOut:
    """At once, whatever became of it, and for three days again; also one that was given up."""
    return _delivery_out(await steps.send_again(runtime, webhook_id, number, By(key)))


def webhook_out(endpoint: Endpoint) -> WebhookOut:
    """A webhook with its counts."""
    return WebhookOut.model_validate(_shown(endpoint))


def _with_secret(runtime: Runtime, endpoint: Endpoint) -> SecretOut:
    return SecretOut.model_validate(_shown(endpoint) | {"secret": runtime.webhooks.secret(endpoint)})


def _shown(endpoint: Endpoint) -> dict[str, object]:
    same = {name: getattr(endpoint, name) for name in WebhookOut.model_fields if name not in ("enabled", "owner")}
    return {**same, "owner": endpoint.owner_name, "enabled": endpoint.stopped is None}


def _delivery_out(delivery: Delivery) -> DeliveryOut:
    return DeliveryOut.model_validate(delivery, from_attributes=True)
