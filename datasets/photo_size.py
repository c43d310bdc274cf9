"""Photos that serving would send back as too small to grade: what they teach, it will never be asked."""

from collections.abc import Iterable, Sequence
from typing import Final

from regrade.datasets.manifest import Record
from regrade.models.photos.quality import DEFAULT_LIMITS

MIN_SHORT_SIDE: Final = DEFAULT_LIMITS.min_short_side
"""Pixels of the full-size photo; that of the quality gate."""
_NAMED: Final = 10


def is_too_small(record: Record) -> bool:
    """Whether the quality gate of serving would ask for the photo again, for its size alone."""
    return min(record.width, record.height) < MIN_SHORT_SIDE


def without_too_small(records: Iterable[Record]) -> list[Record]:
    """Those of `records` that are large enough to be graded, in order."""
    return [record for record in records if not is_too_small(record)]


def too_small_notice(records: Iterable[Record]) -> str | None:
    """How many of `records` are too small, and which, in a sentence; None where none is."""
    small = [record.id for record in records if is_too_small(record)]
    if not small:
        return None
    verb = "photo is" if len(small) == 1 else "photos are"
    return f"{len(small)} {verb} smaller than {MIN_SHORT_SIDE} pixels, which serving sends back: {some_of(small)}"


def some_of(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
