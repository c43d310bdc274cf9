"""The calls that tell a receiver of some items."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from regrade.serving.events.adapters.schema import AdapterFile, Call
from regrade.serving.events.adapters.words import UnmappedError, filled

STANDS: Final = ("graded", "reviewed")
"""Statuses in which a grade stands; of an item in another one there is nothing to tell yet, or any more."""
Link = Callable[[str, int], str]
"""The address of a photo of an inspection, by its place."""
_WHOLE: Final = re.compile(r"-?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `path` continues the webhook's URL, `body` is JSON."""

    method: str
    path: str
    body: bytes


def to_tell(event: Mapping[str, Any]) -> dict[str, Any] | None:
    """The item that an event (as `GET /v1/events` has it) tells of; None where there is nothing to tell."""
    item = event["data"]
    if item.get("status") not in STANDS or item.get("erased") or item.get("grade") is None:
        return None
    return {**item, "at": event["created_at"]}


def refuse_unmapped(adapter: AdapterFile, item: Mapping[str, Any]) -> None:
    """Raises `UnmappedError` for an item of which its receiver cannot be told."""
    for call in adapter.calls:
        filled(call.path, item, adapter.words, in_path=True)
        _put(call.body, item, adapter, lambda *_: "")


def most_of(adapter: AdapterFile) -> int:
    """Of how many items all calls can tell together."""
    return min(call.most for call in adapter.calls)


def requests(adapter: AdapterFile, items: Sequence[Mapping[str, Any]], link: Link) -> Iterator[Request]:
    """The requests that tell of `items`, at most `most_of` them, in their order. Raises `UnmappedError`."""
    for call in adapter.calls:
        if call.list is not None:
            yield _request(call, call.path, {call.list: [_put(call.body, one, adapter, link) for one in items]})
            continue
        for one in items:
            path = filled(call.path, one, adapter.words, in_path=True)
            yield _request(call, path, _put(call.body, one, adapter, link))


def _request(call: Call, path: str, body: Any) -> Request:
    return Request(call.method, path, json.dumps(body, ensure_ascii=False).encode())


def _put(value: Any, item: Mapping[str, Any], adapter: AdapterFile, link: Link) -> Any:
    if isinstance(value, str):
        return filled(value, item, adapter.words)
    if isinstance(value, list):
        return [_put(one, item, adapter, link) for one in value]
    if not isinstance(value, dict):
        return value
    if "$photos" in value:
        return [link(item["id"], photo["index"]) for photo in item["photos"][: value["$photos"]]]
    if "$integer" in value:
        written = filled(value["$integer"], item, adapter.words)
        if _WHOLE.fullmatch(written) is None:
            raise UnmappedError(value["$integer"])
        return int(written)
    return {name: _put(one, item, adapter, link) for name, one in value.items()}
