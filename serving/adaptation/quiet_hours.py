"""The hours of a day in which a site does what can wait, such as `01:00-05:00`, by the clock of the machine."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` to before `end`, over midnight where that is no later: all day where both are the same."""

    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> "QuietHours":
        """`22:30-05:00`, as the setting is checked to be."""
        start, end = (time.fromisoformat(one) for one in text.split("-"))
        return cls(start, end)

    def night_of(self, now: datetime) -> date | None:
        """The day on which the quiet hours began that `now` is in; None outside of them."""
        at = now.time()
        if self.start < self.end:
            return now.date() if self.start <= at < self.end else None
        if at >= self.start:
            return now.date()
        return now.date() - timedelta(days=1) if at < self.end else None
