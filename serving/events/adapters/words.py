"""What may stand in a text of an adapter: `{rma}`, `{answers.line_item_id}`, `{word.grade}`."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from regrade.serving.events.adapters.schema import Rule

NAMES: Final[Mapping[str, Callable[[Mapping[str, Any]], Any]]] = {
    "id": lambda item: item["id"],
    "rma": lambda item: item["item"].get("rma"),
    "sku": lambda item: item["item"].get("sku"),
    "seller": lambda item: item["item"].get("seller"),
    "station": lambda item: item["item"].get("station"),
    "category": lambda item: (item.get("category") or {}).get("name"),
    "condition": lambda item: (item.get("grade") or {}).get("condition"),
    "disposition": lambda item: (item.get("disposition") or {}).get("action"),
    "defects": lambda item: ", ".join(dict.fromkeys(one["type"] for one in item.get("defects", ()))) or "none",
    "at": lambda item: item["at"],
}
"""Fields of an item, as `GET /v1/inspections/{id}` shows it, with the moment of the event as `at`."""
_PLACE: Final = re.compile(r"\{([^{}]*)\}")


class UnmappedError(Exception):
    """An item of which something is not known that its receiver must be told, or that no rule has a word for."""


def places(text: str) -> Iterator[str]:
    """What stands between braces in `text`."""
    yield from _PLACE.findall(text)


def fault_of(place: str, tables: Mapping[str, Any]) -> str | None:
    """What is wrong with a name between braces; None where it is known."""
    kind, _, name = place.partition(".")
    if place in NAMES or (kind == "answers" and name) or (kind == "word" and name in tables):
        return None
    legal = (*NAMES, "answers.NAME", *(f"word.{one}" for one in tables))
    return f"{{{place}}} is not known. Legal names: {', '.join(legal)}."


def filled(text: str, item: Mapping[str, Any], tables: Mapping[str, tuple[Rule, ...]], *, in_path: bool = False) -> str:
    """`text` with what is known of an item. Raises `UnmappedError` for what is not. `in_path`: it is part of a URL."""

    def put(match: re.Match[str]) -> str:
        value = _value(match[1], item, tables)
        return quote(value, safe="") if in_path else value

    return _PLACE.sub(put, text)


def word(rules: tuple[Rule, ...], condition: str | None, disposition: str | None, defects: set[str]) -> str | None:
    """The word of the first rule that fits; None where none does."""
    for rule in rules:
        fits = (
            (rule.condition is None or condition in rule.condition)
            and (rule.disposition is None or disposition in rule.disposition)
            and (rule.defect is None or not defects.isdisjoint(rule.defect))
        )
        if fits:
            return rule.word
    return None


def _value(place: str, item: Mapping[str, Any], tables: Mapping[str, tuple[Rule, ...]]) -> str:
    kind, _, name = place.partition(".")
    if kind == "word" and name:
        defects = {one["type"] for one in item.get("defects", ())}
        found: Any = word(tables[name], NAMES["condition"](item), NAMES["disposition"](item), defects)
    elif kind == "answers" and name:
        found = (item["item"].get("answers") or {}).get(name)
    else:
        found = NAMES[place](item)
    if found is None or found == "" or isinstance(found, dict | list):
        raise UnmappedError(place)
    return str(found)
