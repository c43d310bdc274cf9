"""Turn what pydantic reports into one sentence that says where a file is wrong and what would be right."""

from collections.abc import Callable, Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from regrade.models.category.fields import INCONSISTENT
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


def dataset_error(where: str, error: ValidationError, fields: Sequence[str] = ()) -> DatasetError:
    """The first fault of `error` as a `DatasetError`: `where: field path: what is wrong`.

    `where` is a file or `file:line`. `fields` are the legal names, listed where an unknown one was given.
    """
    faults = error.errors(include_url=False)
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return DatasetError(f"{where}: {_fault(faults[0], fields)}{more}")


def _fault(fault: ErrorDetails, fields: Sequence[str]) -> str:
    path = field_path(fault["loc"])
    kind = fault["type"]
    if kind == "missing":
        return f"{path}: missing; add this field"
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        legal = f"; legal fields: {', '.join(fields)}" if fields and len(fault["loc"]) == 1 else ""
        return f"{path}: unknown field{legal}"
    if kind == INCONSISTENT:
        return fault["msg"]
    if kind in ("one_of", "json_invalid"):
        return f"{path}: {fault['msg']}"
    return f"{path}: {fault['msg'][:1].lower()}{fault['msg'][1:]}, got {_shorten(fault['input'])}"


def field_path(loc: Sequence[str | int]) -> str:
    """`("defects", 0, "box")` as `defects[0].box`; the whole document is `(document)`."""
    path = ""
    for part in loc:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path or "(document)"


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
