"""What API and page do with webhooks: checked, done on a thread, and told to the thread that sends."""

import json
from datetime import UTC, datetime
from typing import Any

from regrade.serving.base.errors import FieldFault, InvalidFieldsError
from regrade.serving.base.i18n import Message
from regrade.serving.events.deliveries import Delivery
from regrade.serving.events.endpoints import By, Endpoint
from regrade.serving.events.sender import Answer
from regrade.serving.events.targets import parse
from regrade.serving.runtime import Runtime
from regrade.serving.storage.records import new_id

BIGGEST = 2**63 - 1


def checked(runtime: Runtime, url: str, *, sellers: bool) -> str:
    """`url` where webhooks, of the site or of `sellers`, may go there. Raises `InvalidFieldsError`."""
    networks = runtime.settings.seller_networks if sellers else runtime.settings.own_networks
    return parse(url.strip(), networks, by_seller=sellers).url


async def make(runtime: Runtime, by: By, url: str | None, **values: Any) -> Endpoint:
    """Make a webhook; see `Endpoints.add`. With an adapter, what is left out of address and types is as its file has
    it. Raises `InvalidFieldsError`, and `AdapterError`."""
    runtime.disk.refuse()
    if (name := values.get("adapter")) is not None and by.sees is None:  # else it is refused
        adapter = await runtime.call(runtime.adapters.usable, name)
        url = url or adapter.url
        values["types"] = values.get("types") or adapter.events
    if url is None:
        raise InvalidFieldsError("invalid-request", "request", [FieldFault("url", Message("fault.webhook_url"))])
    place = checked(runtime, url, sellers=by.sees is not None)
    made = await runtime.call(runtime.webhooks.add, place, by, **values)
    runtime.dispatcher.wake()
    return made


async def change(runtime: Runtime, webhook_id: str, by: By, values: dict[str, Any]) -> Endpoint:
    """Change a webhook; see `Endpoints.change`. Raises `InvalidFieldsError` for null where it means nothing."""
    for name in ("url", "description", "enabled"):
        if name in values and values[name] is None:
            fault = FieldFault(name, Message("fault.webhook_null"))
            raise InvalidFieldsError("invalid-request", "request", [fault])
    if "url" in values:
        before = await runtime.call(runtime.webhooks.get, webhook_id)
        values["url"] = checked(runtime, values["url"], sellers=before.owner is not None)
    changed = await runtime.call(runtime.webhooks.change, webhook_id, by, values)
    runtime.dispatcher.wake()
    return changed


async def ping(runtime: Runtime, webhook_id: str, by: By) -> Answer:
    """Send a test event, apart from what is on its way."""
    endpoint = await runtime.call(runtime.webhooks.get, webhook_id)
    if endpoint.adapter is not None:
        fault = FieldFault("adapter", Message("fault.adapter_ping"))
        raise InvalidFieldsError("invalid-request", "request", [fault])
    await runtime.call(runtime.webhooks.noted, webhook_id, by, "ping")
    event_id, now = new_id(), datetime.now(UTC).isoformat()
    told = {"id": event_id, "type": "webhook.ping", "created_at": now, "data": {}}
    return await runtime.dispatcher.ping(endpoint, event_id, json.dumps(told).encode())


async def replay(runtime: Runtime, webhook_id: str, by: By, since: datetime) -> int:
    """Send again what happened since; see `Endpoints.replay`."""
    count = await runtime.call(runtime.webhooks.replay, webhook_id, by, since)
    runtime.dispatcher.wake()
    return count


async def send_again(runtime: Runtime, webhook_id: str, number: int, by: By) -> Delivery:
    """Send one event again; see `Deliveries.send_again`."""
    found = await runtime.call(runtime.deliveries.send_again, webhook_id, max(-1, min(number, BIGGEST)), by)
    runtime.dispatcher.wake()
    return found
