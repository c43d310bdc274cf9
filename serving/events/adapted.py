"""Deliveries by an adapter: several items in one call where its receiver takes that."""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from regrade.serving.base.errors import AdapterError
from regrade.serving.events.adapters.calls import most_of, refuse_unmapped, to_tell
from regrade.serving.events.adapters.schema import AdapterFile
from regrade.serving.events.adapters.shelf import Shelf
from regrade.serving.events.adapters.words import UnmappedError
from regrade.serving.events.endpoints import Endpoint
from regrade.serving.events.sender import Answer, Sender

log = logging.getLogger("regrade")

ABOUT_AN_ITEM: Final = frozenset((400, 404, 409, 413, 422))
"""Statuses that one item among several can be the cause of."""
NOTHING_TO_TELL: Final = Answer(None, None, 0.0)
Call = Callable[..., Awaitable[Any]]
"""Runs a function that blocks on a thread."""


class Adapted:
    """Tells receivers of items through the adapters of `shelf`."""

    def __init__(self, shelf: Shelf, call: Call) -> None:
        self._shelf, self._call = shelf, call

    async def most(self, endpoint: Endpoint) -> int:
        """Of how many items its receiver is told together."""
        try:
            return most_of(await self._call(self._shelf.get, endpoint.adapter))
        except AdapterError:
            return 1

    async def send(self, sender: Sender, endpoint: Endpoint, events: Mapping[int, bytes]) -> dict[int, Answer]:
        """What came of telling of each of `events` (number of the delivery → JSON). Where a call of several is refused,
        each is told alone, so that one does not hold up the others."""
        try:
            adapter = await self._call(self._shelf.usable, endpoint.adapter)
            headers = await self._call(self._shelf.headers, adapter)
        except (AdapterError, OSError) as error:
            log.warning("the webhook %s waits: %s", endpoint.id, error)
            return dict.fromkeys(events, Answer(None, "adapter", 0.0))
        answers, items = _sorted(adapter, events)
        if not items:
            return answers
        answer = await self._told(sender, endpoint, adapter, headers, list(items.values()))
        if len(items) == 1 or answer.status not in ABOUT_AN_ITEM:
            return answers | dict.fromkeys(items, answer)
        for number, item in items.items():
            answers[number] = await self._told(sender, endpoint, adapter, headers, [item])
        return answers

    async def _told(
        self, sender: Sender, endpoint: Endpoint, adapter: AdapterFile, headers: Mapping[str, str], items: Sequence[Any]
    ) -> Answer:
        """Make all calls about `items` until one does not arrive; the last answer. They are all made again then:
        receivers set what they are told, and do not add it up."""
        answer = NOTHING_TO_TELL
        for request in self._shelf.requests(adapter, items):
            url = endpoint.url.rstrip("/") + request.path
            answer = await sender.send(url, headers, request.body, request.method)
            if answer.error is not None:
                break
        return answer


def _sorted(adapter: AdapterFile, events: Mapping[int, bytes]) -> tuple[dict[int, Answer], dict[int, dict[str, Any]]]:
    """What is known of deliveries without a call, and the items of the others."""
    answers: dict[int, Answer] = {}
    items: dict[int, dict[str, Any]] = {}
    for number, event in events.items():
        item = to_tell(json.loads(event))
        if item is None:
            answers[number] = NOTHING_TO_TELL
            continue
        try:
            refuse_unmapped(adapter, item)
        except UnmappedError as error:
            log.info("delivery %d is given up: the item has no %s", number, error)
            answers[number] = Answer(None, "unmapped", 0.0)
        else:
            items[number] = item
    return answers, items
