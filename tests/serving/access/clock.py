"""A clock that tests set forward."""

from datetime import UTC, datetime, timedelta


class Clock:
    """The moment `now`, for whoever calls it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 8, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def go(self, **by: float) -> None:
        """Let time pass."""
        self.now += timedelta(**by)
