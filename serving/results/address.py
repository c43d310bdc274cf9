"""What is asked for as an address or a command line writes it: names and texts, to be shared and saved."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from pydantic import TypeAdapter, ValidationError

from regrade.models.types import CONDITIONS
from regrade.serving.base.dispositions import ACTIONS
from regrade.serving.base.errors import FieldFault, InvalidFieldsError
from regrade.serving.base.fields import describe_fault
from regrade.serving.base.i18n import Message
from regrade.serving.base.text_forms import Label
from regrade.serving.results.asked import BY, EXACT, FILTERS, MOMENTS, Asked
from regrade.serving.results.rows import SHOWN, columns_of

STATUSES: Final = ("graded", "needs_review", "reviewed", "retake")
NONE: Final = "~none"
"""What stands for items that have no seller, station …; nothing stands for any."""
COLUMNS_FIELD: Final = "columns"

_LEGAL: Final[Mapping[str, tuple[str, ...]]] = {
    "condition": CONDITIONS,
    "disposition": ACTIONS,
    "status": STATUSES,
    "by": BY,
}
_LABEL: Final[TypeAdapter[str]] = TypeAdapter(Label)
_DAY: Final = len("2026-11-30")


def asked_of(given: Mapping[str, str]) -> Asked:
    """What the filters in `given` ask for; empty values and other names count for nothing.

    Moments are days (UTC; `until` and `updated_until` to their end) or RFC 3339. Raises `InvalidFieldsError` for what
    makes no sense, also for a time that ends before it begins.
    """
    found: dict[str, Any] = {}
    for name in FILTERS:
        written = given.get(name, "").strip()
        if not written:
            continue
        if name in MOMENTS:
            found[name] = _moment(name, written)
        elif name in _LEGAL:
            if written not in _LEGAL[name]:
                raise _fault(name, Message("fault.legal", {"legal": ", ".join(_LEGAL[name])}))
            found[name] = written
        elif name in EXACT:
            found[name] = "" if written == NONE else _label(name, written)
        else:
            found[name] = _label(name, written)
    for begin, end in (MOMENTS[:2], MOMENTS[2:]):
        if begin in found and end in found and found[end] <= found[begin]:
            raise _fault(end, Message("fault.ends_before", {"begin": given[begin].strip(), "end": given[end].strip()}))
    return Asked(**found)


def columns_in(given: Mapping[str, str]) -> tuple[str, ...]:
    """The columns that `columns` names, with commas between, else those shown by default. Raises as `columns_of`."""
    names = [name.strip() for name in given.get(COLUMNS_FIELD, "").split(",") if name.strip()]
    return columns_of(names) if names else SHOWN


def kept(given: Mapping[str, str]) -> dict[str, str]:
    """What of `given` filters or chooses columns, to be put into other addresses."""
    return {name: given[name].strip() for name in (*FILTERS, COLUMNS_FIELD) if given.get(name, "").strip()}


def written(given: Mapping[str, str]) -> str:
    """The same as one text, as it is saved."""
    return urlencode(kept(given))


def read(text: str) -> dict[str, str]:
    """What `written` wrote, or an address has; of a name that stands twice the last counts."""
    return kept(dict(parse_qsl(text)))


def _moment(name: str, text: str) -> datetime:
    try:
        if len(text) == _DAY:
            day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
            return day + timedelta(days=1) if name.endswith("until") else day
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise _fault(name, Message("fault.day_or_moment", {"given": text[:40]}))


def _label(name: str, text: str) -> str:
    try:
        return _LABEL.validate_python(text)
    except ValidationError as error:
        (fault,) = error.errors(include_url=False)
        raise _fault(name, describe_fault(fault).message) from error


def _fault(field: str, message: Message | str) -> InvalidFieldsError:
    return InvalidFieldsError("invalid-query", "query", [FieldFault(field, message)])
