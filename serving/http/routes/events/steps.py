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


def checked(runtime: Runtime, url: str) -> str:
    """`url` where webhooks may go there. Raises `InvalidFieldsError`."""
    return parse(url.strip(), runtime.settings.own_networks).url


async def make(runtime: Runtime, by: By, url: str | None, **values: Any) -> Endpoint:
    """Make a webhook; see `Endpoints.add`. With an adapter, what is left out of address and types is as its file has
    it. Raises `InvalidFieldsError`, and `AdapterError`."""
    runtime.disk.refuse()
    if (name := values.get("adapter")) is not None:
        adapter = await runtime.call(runtime.adapters.usable, name)
        url = url or adapter.url
        values["types"] = values.get("types") or adapter.events
    if url is None:
        raise InvalidFieldsError("invalid-request", "request", [FieldFault("url", Message("fault.webhook_url"))])
    made = await runtime.call(runtime.webhooks.add, checked(runtime, url), by, **values)
    runtime.dispatcher.wake()
    return made


async def change(runtime: Runtime, webhook_id: str, by: By, values: dict[str, Any]) -> Endpoint:
    """Change a webhook; see `Endpoints.change`. Raises `InvalidFieldsError` for null where it means nothing."""
    for name in ("url", "description", "enabled"):
        if name in values and values[name] is None:
            fault = FieldFault(name, Message("fault.webhook_null"))
            raise InvalidFieldsError("invalid-request", "request", [fault])
    if "url" in values:
        values["url"] = checked(runtime, values["url"])
    changed = await runtime.call(runtime.webhooks.change, webhook_id, by, values)
    runtime.dispatcher.wake()
    return changed


async def ping(runtime: Runtime, webhook_id: str) -> Answer:
    """Send a test event, apart from what is on its way."""
    endpoint = await runtime.call(runtime.webhooks.get, webhook_id)
    if endpoint.adapter is not None:
        fault = FieldFault("adapter", Message("fault.adapter_ping"))
        raise InvalidFieldsError("invalid-request", "request", [fault])
    event_id, now = new_id(), datetime.now(UTC).isoformat()
    told = {"id": event_id, "type": "webhook.ping", "created_at": now, "data": {}}
    return await runtime.dispatcher.ping(endpoint, event_id, json.dumps(told).encode())


async def replay(runtime: Runtime, webhook_id: str, by: By, since: datetime) -> int:
    """Send again what happened since; see `Endpoints.replay`."""
    count = await runtime.call(runtime.webhooks.replay, webhook_id, by, since)
    runtime.dispatcher.wake()
    return count


async def send_again(runtime: Runtime, webhook_id: str, number: int) -> Delivery:
    """Send one event again; see `Deliveries.send_again`."""
    found = await runtime.call(runtime.deliveries.send_again, webhook_id, max(-1, min(number, BIGGEST)))
    runtime.dispatcher.wake()
    return found
