"""Which of the waiting items are wanted, as the address of a desk page says it, so that it can be shared."""

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from pydantic import TypeAdapter, ValidationError

from regrade.serving.base.errors import FieldFault, InvalidFieldsError
from regrade.serving.base.fields import describe_fault
from regrade.serving.base.i18n import Message
from regrade.serving.base.text_forms import Label
from regrade.serving.review import Filters

NONE: Final = "~none"
"""What stands for items that have no seller, station … ; nothing stands for any."""

AGES: Final = (1, 4, 24, 72, 168)
"""Ages that the queue offers to filter by, in hours."""

KINDS: Final = ("unsure", "blind")
FIELDS: Final = ("category", "seller", "station", "reason", "kind", "older_than", "min_value", "max_value")
_LABEL: Final[TypeAdapter[str]] = TypeAdapter(Label)


def filters_of(query: Mapping[str, str], *, without: frozenset[str] = frozenset()) -> Filters:
    """The filters in `query`; empty values and other names count for nothing. `older_than` is in hours.

    `without` are tasks that are not wanted. Raises `InvalidFieldsError` for what makes no sense.
    """
    given = {name: value.strip() for name, value in query.items() if name in FIELDS and value.strip()}
    texts: dict[str, str] = {}
    for name in ("category", "seller", "station", "reason"):
        if (value := given.get(name)) is not None:
            texts[name] = "" if value == NONE else _label(name, value)
    kind = given.get("kind")
    if kind is not None and kind not in KINDS:
        raise _fault("kind", Message("fault.legal", {"legal": ", ".join(KINDS)}))
    hours = _number(given, "older_than", 24 * 365 * 100)
    return Filters(
        **texts,
        kind=kind,  # type: ignore[arg-type]  # checked above
        min_value=_number(given, "min_value", 1e12),
        max_value=_number(given, "max_value", 1e12),
        older_than=None if hours is None else timedelta(hours=hours),
        without=without,
        inspection_id=_label("inspection_id", query.get("inspection_id", "")) or None,
    )


def kept(query: Mapping[str, str]) -> dict[str, str]:
    """What of `query` filters, to be put into other addresses."""
    return {name: query[name].strip() for name in FIELDS if query.get(name, "").strip()}


def _label(name: str, value: str) -> str:
    """`value` in the form that names have. Raises `InvalidFieldsError`."""
    try:
        return _LABEL.validate_python(value)
    except ValidationError as error:
        (fault,) = error.errors(include_url=False)
        raise _fault(name, describe_fault(fault).message) from error


def _number(given: Mapping[str, str], name: str, most: float) -> float | None:
    written = given.get(name)
    if written is None:
        return None
    try:
        value = float(written)
    except ValueError:
        value = math.nan
    if not 0 <= value <= most:
        raise _fault(name, Message("fault.at_least", {"limit": 0}))
    return value


def _fault(field: str, message: Message | str) -> InvalidFieldsError:
    return InvalidFieldsError("invalid-query", "query", [FieldFault(field, message)])
