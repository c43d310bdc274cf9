"""What whoever decides on an item found of its pieces, and the item as it is by that."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from regrade.models.pieces.types import Count, Piece, spelt
from regrade.serving.access.keys import ApiKey
from regrade.serving.base.errors import FieldFault
from regrade.serving.base.i18n import Message
from regrade.serving.storage.records import Inspection

Found = tuple[Piece, ...] | None
"""All that is there; None where nothing was said of it."""


def as_expected(inspection: Inspection, found: Found) -> Found:
    """The pieces that were found, by the names that are expected."""
    if found is None or inspection.pieces is None:
        return None
    return spelt(found, inspection.pieces.expected)


def with_count(inspection: Inspection, found: Found, by: ApiKey, at: datetime) -> Inspection:
    """`inspection` once whoever decides on it has counted; as it is where they said nothing of pieces."""
    if found is None or inspection.pieces is None:
        return inspection
    return replace(inspection, pieces=inspection.pieces.counted(Count(found, by.name, by.id, by.role, at)))


def uncountable(inspection: Inspection, found: Found, *, blind: bool) -> Iterator[FieldFault]:
    """What is wrong with counting at all, if anything is."""
    if found is None:
        return
    if inspection.pieces is None:
        yield FieldFault("pieces", Message("fault.pieces_unexpected"))
    elif blind:
        yield FieldFault("pieces", Message("fault.pieces_blind"))
