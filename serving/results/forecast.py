"""What the desk will have to do, at the rate at which items come in now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

SHIFT: Final = 8.0
"""Hours that one person is at the desk in a day."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """`a_day` items come in, on the busiest day `most`; of 100 items the desk has `looks` × 100 looks, each of
    `seconds`. None where it was not measured. `share` is that of the items that the model leaves to a person."""

    a_day: float | None
    most: float | None
    share: float | None
    looks: float | None
    seconds: float | None

    @property
    def hours(self) -> float | None:
        """Hours of the desk a day, on average."""
        return self._hours(self.a_day)

    @property
    def hours_at_most(self) -> float | None:
        """Hours of the desk on a day like the busiest."""
        return self._hours(self.most)

    @property
    def people(self) -> float | None:
        """How many people that is, of `SHIFT` hours a day each."""
        return None if self.hours is None else self.hours / SHIFT

    def _hours(self, items: float | None) -> float | None:
        if items is None or self.looks is None or self.seconds is None:
            return None
        return items * self.looks * self.seconds / 3600


def forecast(
    days: Sequence[tuple[date, int]], looks: int, seconds: float | None, graded: int, automatic: int
) -> Forecast:
    """From the items of whole `days`, the looks that there were at `graded` items, of which `automatic` went without a
    person, and the `seconds` that a look took."""
    counts = [count for _, count in days]
    return Forecast(
        a_day=sum(counts) / len(counts) if counts else None,
        most=float(max(counts)) if counts else None,
        share=1 - automatic / graded if graded else None,
        looks=looks / graded if graded else None,
        seconds=seconds,
    )
