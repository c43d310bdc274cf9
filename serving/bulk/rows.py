"""A graded item as a row: columns to count and draw by, and all of it as the service stores it."""

from collections.abc import Mapping
from typing import Any

from regrade.models.types import CONDITIONS, ItemResult
from regrade.serving.base.errors import BulkError
from regrade.serving.bulk.work import Work, readable
from regrade.serving.storage.records import RESULT


def graded_schema() -> Any:
    """The columns of graded items. Raises `BulkError` where Parquet cannot be written."""
    pa = arrow()
    text, number = pa.string(), pa.float64()
    fields = {
        **{"id": text, "photos": pa.list_(text), "declared": text, "category": text, "condition": text},
        **{f"p_{name}": number for name in CONDITIONS},
        **{"confidence": number, "prediction_set": pa.list_(text), "defects": pa.list_(text), "retake": pa.bool_()},
        **{"bundle": text, "result": text},
    }
    return pa.schema(list(fields.items()))


def bad_schema() -> Any:
    """The columns of photos that could not be looked at."""
    pa = arrow()
    text = pa.string()
    return pa.schema([("id", text), ("photo", pa.int32()), ("file", text), ("code", text), ("message", text)])


def graded_row(work: Work, result: ItemResult) -> dict[str, Any]:
    """One item. `condition` and what follows from it are null where photos must be taken again."""
    grade, category = result.grade, result.category
    likely: Mapping[str, float] = {} if grade is None else grade.probabilities
    name = None if category is None else category.name
    return {
        **{
            "id": work.id,
            "photos": [readable(one) for one in work.photos],
            "declared": work.category,
            "category": name,
        },
        "condition": None if grade is None else grade.condition,
        **{f"p_{one}": likely.get(one) for one in CONDITIONS},
        "confidence": None if grade is None else grade.confidence,
        "prediction_set": None if grade is None else list(grade.prediction_set),
        "defects": [one.type for one in result.defects],
        "retake": result.retake,
        "bundle": None if name is None else result.models.get(name),
        "result": RESULT.dump_json(result).decode(),
    }


def bad_row(work: Work, photo: int, code: str, message: str) -> dict[str, Any]:
    """One photo that could not be looked at; its item has no row among the graded ones."""
    return {"id": work.id, "photo": photo, "file": readable(work.photos[photo]), "code": code, "message": message}


def arrow() -> Any:
    """The library that Parquet is written with. Raises `BulkError` where it is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise BulkError("Parquet needs pyarrow, which is not installed. Run: pip install 'regrade[parquet]'") from None
    return pyarrow
