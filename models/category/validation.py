"""Turn what pydantic reports into one sentence that says where a file is wrong and what would be right."""

from collections.abc import Callable, Sequence

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from regrade.models.category.fields import INCONSISTENT, MACHINE_NAME
from regrade.models.category.legal import fields_at
from regrade.models.errors import DatasetError


def one_of(what: str, legal: Sequence[str]) -> Callable[[str], str]:
    """A pydantic validator that lets only `legal` values pass and lists them when it refuses one."""

    def check(value: str) -> str:
        if value not in legal:
            raise PydanticCustomError(
                "one_of",
                "unknown {what} '{value}'; legal values: {legal}",
                {"what": what, "value": value, "legal": ", ".join(legal)},
            )
        return value

    return check


_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
_LIST, _MAPPING = "must be a list", "must be a mapping of fields to values"
_ASKED = {"list_type": _LIST, "tuple_type": _LIST, "dict_type": _MAPPING, "model_type": _MAPPING}
_NAME = "must be lower-case letters (a to z), digits, dashes and underscores, with a letter first"


Legal = Sequence[str] | type[BaseModel]
"""The names of a document's fields, or the model that it was to be, which has the names of those within them too."""


def dataset_error(where: str, error: ValidationError, legal: Legal = ()) -> DatasetError:
    """The first fault of `error` as a `DatasetError`: `where: field path: what is wrong`.

    `where` is a file or `file:line`. `legal` names are listed where an unknown one was given; that is told before what
    is missing, for it is what a misspelled one leaves behind.
    """
    faults = error.errors(include_url=False)
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    first = next((fault for fault in faults if fault["type"] in _UNKNOWN), faults[0])
    return DatasetError(f"{where}: {_fault(first, legal)}{more}")


def _fault(fault: ErrorDetails, legal: Legal) -> str:
    path = field_path(fault["loc"])
    kind = fault["type"]
    if kind == "missing":
        return f"{path}: missing; add this field"
    if kind in _UNKNOWN:
        names = _names(fault, legal)
        return f"{path}: unknown field{'; legal fields: ' if names else ''}{', '.join(names)}"
    if kind == INCONSISTENT:
        return fault["msg"]
    if kind in ("one_of", "json_invalid"):
        return f"{path}: {fault['msg']}"
    is_name = kind == "string_pattern_mismatch" and fault["ctx"]["pattern"] == MACHINE_NAME
    asked = _NAME if is_name else _ASKED.get(kind, f"{fault['msg'][:1].lower()}{fault['msg'][1:]}")
    return f"{path}: {asked}, got {_shorten(fault['input'])}"


def _names(fault: ErrorDetails, legal: Legal) -> Sequence[str]:
    if isinstance(legal, type):
        return fields_at(legal, fault["loc"][:-1])
    return legal if len(fault["loc"]) == 1 else ()


def field_path(loc: Sequence[str | int]) -> str:
    """`("defects", 0, "box")` as `defects[0].box`; the whole document is `(document)`."""
    path = ""
    for part in loc:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path or "(document)"


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
