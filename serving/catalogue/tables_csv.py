"""SKUs and returns from a table (CSV, RFC 4180), such as shops and spreadsheets write: one row a SKU, or a line of a
return. The first row names the columns, in any order; unknown ones are refused, since a misspelt one would be lost."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from regrade.serving.base.errors import FieldFault, InvalidFieldsError
from regrade.serving.base.fields import describe_fault
from regrade.serving.base.i18n import Message
from regrade.serving.base.text_forms import cleaned
from regrade.serving.catalogue.entries import RmaEntry, SkuEntry

SKU_COLUMNS: Final = ("sku", "seller", "title", "category", "value", "currency", "pieces", "gtins")
RMA_COLUMNS: Final = ("rma", "seller", "order", "sku", "quantity", "serial", "value", "currency", "serials", "gtins")
_MOST_FAULTS: Final = 20
M = TypeVar("M", bound=BaseModel)


def read_skus(data: bytes) -> list[SkuEntry]:
    """The SKUs of a table. `pieces` are names with commas or semicolons between, each with its number where it is not
    one, and with its codes in brackets: `charger [4006381333931 LH-90]; cable x2`. `gtins` are separated likewise.
    Raises `InvalidFieldsError`, which names lines and columns."""
    told = []
    for line, row in _rows(data, SKU_COLUMNS, "sku"):
        pieces = [piece_of(text) for text in row.pop("pieces", "").replace(",", ";").split(";") if text.strip()]
        told.append((line, _listed(_valued(row)) | ({"pieces": pieces} if pieces else {})))
    return _checked(SkuEntry, told, lambda entry: (entry.seller, entry.sku))


def read_rmas(data: bytes) -> list[RmaEntry]:
    """The returns of a table: rows of the same seller and RMA are lines of one. Raises as `read_skus` does."""
    gathered: dict[tuple[Any, ...], tuple[int, dict[str, Any]]] = {}
    for line, row in _rows(data, RMA_COLUMNS, "rma"):
        own: dict[str, Any] = {name: row.pop(name) for name in ("rma", "seller", "order") if name in row}
        name = (cleaned(own.get("seller", "")), cleaned(own["rma"])) if "rma" in own else (line,)
        entry = gathered.setdefault(name, (line, {**own, "lines": []}))[1]
        if entry.setdefault("order", own.get("order")) != own.get("order", entry["order"]):
            raise _refused([FieldFault(f"line {line}: order", Message("fault.csv_orders", {"order": entry["order"]}))])
        if row:
            entry["lines"].append(_numbered(_listed(_valued(row))))
    return _checked(RmaEntry, list(gathered.values()), lambda entry: (entry.seller, entry.rma))


def _rows(data: bytes, columns: tuple[str, ...], needed: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row by its columns, without what is empty, with the line that it ends in."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refused([FieldFault("", Message("fault.csv_not_utf8"))]) from error
    first, line, rest = text.partition("\n")
    if line and re.fullmatch(r"sep=.\r?", first):  # what Excel writes for itself
        text = line + rest
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=_delimiter(text))
    try:
        names = [name.strip().lower() for name in next((row for row in reader if row), [])]
        odd = [name for name in names if name not in columns or names.count(name) > 1]
        missing = [needed] if needed not in names else []
        if odd or missing:
            params = {"odd": ", ".join(dict.fromkeys([*odd, *missing])) or "–", "legal": ", ".join(columns)}
            raise _refused([FieldFault("line 1", Message("fault.csv_columns", params))])
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(names):
                params = {"found": str(len(row)), "wanted": str(len(names))}
                raise _refused([FieldFault(f"line {reader.line_num}", Message("fault.csv_cells", params))])
            yield reader.line_num, {n: cell.strip() for n, cell in zip(names, row, strict=True) if cell.strip()}
    except csv.Error as error:
        fault = FieldFault(f"line {reader.line_num}", Message("fault.csv", {"why": str(error)}))
        raise _refused([fault]) from error


def _delimiter(text: str) -> str:
    """Spreadsheets in many languages write semicolons."""
    head = text.lstrip("\n").partition("\n")[0]
    return max(",;\t", key=head.count)


def _valued(row: dict[str, str]) -> dict[str, Any]:
    """The row with value and currency as a declared value."""
    amount, currency = row.pop("value", None), row.pop("currency", None)
    if amount is None and currency is None:
        return dict(row)
    return {**row, "declared_value": {"amount": _number(amount), "currency": currency}}


def _listed(row: dict[str, Any]) -> dict[str, Any]:
    """The row with the columns that hold several codes as lists."""
    parts = {name: row[name].replace(",", ";").split(";") for name in ("gtins", "serials") if name in row}
    return {**row, **{name: [one.strip() for one in told if one.strip()] for name, told in parts.items()}}


def _numbered(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "quantity": _number(row["quantity"], int)} if "quantity" in row else row


def _number(text: str | None, kind: type[float] | type[int] = float) -> float | str | None:
    """The number that `text` is in plain digits; else `text`, which is refused where it is checked."""
    plain = r"-?[0-9]{1,15}" if kind is int else r"-?[0-9]{1,15}(\.[0-9]{1,15})?"
    return kind(text) if text is not None and re.fullmatch(plain, text) else text


def piece_of(text: str) -> dict[str, Any]:
    """A piece as tables have it: its name, with its codes in brackets, and its number where it is not one."""
    told: dict[str, Any] = {}
    if (coded := re.fullmatch(r"(.*\S) *\[([^\[\]]+)\]", text.strip())) is not None:
        text, told["codes"] = coded[1], coded[2].split()
    if (found := re.fullmatch(r"(.*\S) +x ?([0-9]{1,9})", text.strip())) is not None:
        text, told["quantity"] = found[1], int(found[2])
    return {"name": text, **told}


def _checked(model: type[M], told: list[tuple[int, dict[str, Any]]], name: Callable[[M], object]) -> list[M]:
    """The entries, each from what a line says. Raises `InvalidFieldsError`, for a `name` that stands twice too."""
    found: list[M] = []
    faults: list[FieldFault] = []
    seen: set[object] = set()
    for line, row in told:
        try:
            entry = model.model_validate(row)
        except ValidationError as error:
            for fault in error.errors(include_url=False):
                one = describe_fault(fault, model)
                faults.append(FieldFault(f"line {line}: {one.field}", one.message))
            continue
        if name(entry) in seen:
            faults.append(FieldFault(f"line {line}", Message("fault.csv_twice")))
        seen.add(name(entry))
        found.append(entry)
    if faults:
        raise _refused(faults[:_MOST_FAULTS])
    return found


def _refused(faults: list[FieldFault]) -> InvalidFieldsError:
    return InvalidFieldsError("invalid-request", "request", faults)
