"""The hours of a day in which a site does what can wait, such as `01:00-05:00`, by the clock of the machine."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

_FORM = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` to before `end`, over midnight where that is the earlier one."""

    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> "QuietHours":
        """`22:30-05:00`. Raises ValueError for anything else."""
        found = _FORM.fullmatch(text.strip())
        if found is None or found[1] + found[2] == found[3] + found[4]:
            raise ValueError(f"{text!r} are no hours. Write two times of a day, such as 01:00-05:00.")
        return cls(time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4])))

    def night_of(self, now: datetime) -> date | None:
        """The day on which the quiet hours began that `now` is in; None outside of them."""
        at = now.time()
        if self.start < self.end:
            return now.date() if self.start <= at < self.end else None
        if at >= self.start:
            return now.date()
        return now.date() - timedelta(days=1) if at < self.end else None
