"""Past items as another bundle grades them, as `regrade regrade` has written it down."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from regrade.serving.base.errors import ReplayError
from regrade.serving.storage.records import RESULT, Inspection


def regraded(past: Iterable[Inspection], rows: Iterable[Mapping[str, Any]]) -> Iterator[Inspection]:
    """Those of `past` that have a row, with the grade of it; both in the same order. What was decided stays as it is
    stored: what an item would be decided on its new grade is for a policy to say.

    Raises `ReplayError` for rows of which `past` knows nothing.
    """
    left = iter(rows)
    row = next(left, None)
    for one in past:
        if row is not None and row["id"] == one.id:
            yield replace(one, result=RESULT.validate_json(row["result"]))
            row = next(left, None)
    if row is not None:
        raise ReplayError(f"There is no inspection {row['id']} here: it was graded anew for another installation.")
