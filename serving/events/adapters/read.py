"""An adapter's file, read strictly: what is unknown, twice or not mapped is refused with its line, before anything is
sent."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from regrade.models.category.economics import ACTIONS
from regrade.models.types import CONDITIONS, DEFECT_TYPES
from regrade.serving.base.errors import AdapterError
from regrade.serving.events.adapters.schema import AdapterFile
from regrade.serving.events.adapters.words import fault_of, places, word
from regrade.serving.policy.faults import FieldPlace, describe
from regrade.serving.policy.source import Source, Step, dotted, read_source

SPECIAL = ("$integer", "$photos")
"""What stands for a value that is no text: a whole number, and links to at most so many photos."""


def read_adapter(text: str, name: str, defects: Collection[str] = DEFECT_TYPES) -> AdapterFile:
    """The adapter in `text`; `name` stands for the file in messages, `defects` are the types that there are.

    Raises `AdapterError` with every fault: its line, the field, and what would be right.
    """
    source = Source(text, name, "adapter", AdapterError)
    try:
        file = AdapterFile.model_validate(_as_tuples(source.data))
    except ValidationError as error:
        raise _error(name, describe(AdapterFile, error, lambda path: _place(source, path))) from error
    faults = [f"line {source.line(path) or 1}: {dotted(path)}: {what}" for path, what in _faults(file, set(defects))]
    if faults:
        raise _error(name, faults)
    return file


def read_file(path: Path, defects: Collection[str] = DEFECT_TYPES) -> AdapterFile:
    """The adapter in a file. Raises `AdapterError`."""
    return read_adapter(read_source(path, "adapter", AdapterError), str(path), defects)


def _error(name: str, faults: Sequence[str]) -> AdapterError:
    return AdapterError("\n".join([f"The adapter {name} cannot be used:", *(f"  {one}" for one in faults)]))


def _as_tuples(data: Mapping[str, Any]) -> dict[str, Any]:
    """Lists of mappings as the strict schema wants them: tuples."""
    found = dict(data)
    if isinstance(found.get("calls"), list):
        found["calls"] = tuple(found["calls"])
    if isinstance(found.get("words"), dict):
        words = found["words"].items()
        found["words"] = {key: tuple(rules) if isinstance(rules, list) else rules for key, rules in words}
    return found


def _place(source: Source, path: Sequence[Step]) -> FieldPlace:
    return FieldPlace(tuple(path), source.line(path))


Fault = tuple[tuple[Step, ...], str]


def _faults(file: AdapterFile, defects: set[str]) -> Iterator[Fault]:
    for table, rules in file.words.items():
        for number, rule in enumerate(rules):
            at: tuple[Step, ...] = ("words", table, number)
            if rule.word is None:
                yield (*at, "word"), "a gap; write there what the receiver calls it, in a copy under adapters/."
            for unknown in sorted(set(rule.defect or ()) - defects):
                yield (*at, "defect"), f"{unknown!r} is no defect. Legal values: {', '.join(sorted(defects))}."
        gaps = [
            f"{condition} × {action}"
            for condition, action in product(CONDITIONS, ACTIONS)
            if not any(rule.word is None for rule in rules) and word(rules, condition, action, set()) is None
        ]
        if gaps:
            yield (
                ("words", table),
                f"no rule has a word for {', '.join(gaps)}; add one, such as the last without limits.",
            )
    for number, call in enumerate(file.calls):
        here: tuple[Step, ...] = ("calls", number)
        if call.list is None and call.most > 1:
            yield (*here, "most"), "several items need a field to stand in; name it with `list`."
        if call.list is not None and any(places(call.path)):
            yield (*here, "path"), "what tells of several items cannot name one in its path."
        yield from _texts((*here, "path"), call.path, file.words)
        yield from _values((*here, "body"), call.body, file.words)


def _values(path: tuple[Step, ...], value: Any, tables: Mapping[str, Any]) -> Iterator[Fault]:
    if isinstance(value, str):
        yield from _texts(path, value, tables)
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _values((*path, number), one, tables)
    elif isinstance(value, dict):
        special = [key for key in value if str(key).startswith("$")]
        if not special:
            for key, one in value.items():
                yield from _values((*path, key), one, tables)
        elif len(value) > 1 or special[0] not in SPECIAL:
            yield path, f"{special[0]} is not known here. It is one of {', '.join(SPECIAL)}, and stands alone."
        elif special[0] == "$photos":
            if not (type(value["$photos"]) is int and 1 <= value["$photos"] <= 100):
                yield path, "$photos is how many links are sent at most: a whole number from 1 to 100."
        elif not isinstance(value["$integer"], str):
            yield path, 'it must be a text, such as $integer: "{answers.line_item_id}".'
        else:
            yield from _texts(path, value["$integer"], tables)


def _texts(path: tuple[Step, ...], text: str, tables: Mapping[str, Any]) -> Iterator[Fault]:
    for place in places(text):
        if (fault := fault_of(place, tables)) is not None:
            yield path, fault
