"""What a connection may take of the service, in numbers."""

from dataclasses import dataclass
from typing import Final, Self

from regrade.serving.base.settings import Settings

FOR_FILES: Final = 256
FEW_FILES: Final = 96
"""Descriptors that connections leave to the database, the photos and whatever else is opened: the first of a thousand,
the second of a few hundred, half of fewer."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds, sizes in bytes, speeds in bytes per second."""

    head_timeout: float
    """From a connection, or the first byte of a request, to the end of its head."""
    keep_alive: float
    """Between two requests."""
    anonymous_body_timeout: float
    anonymous_body_bytes: int
    """For the body of a request that has shown no valid key."""
    body_timeout: float
    """For the body of one that has."""
    answer_timeout: float
    """To take an answer, once its sending has to wait for the client."""
    least_speed: int
    speed_window: float
    """A body, or the taking of an answer, that moves fewer than the product of both in such a time is ended."""
    most: int
    """Connections in all."""
    most_waiting: int
    most_waiting_of_one: int
    """Connections without a key that wait for their client, and those of them from one address."""

    @classmethod
    def of(cls, settings: Settings, descriptors: int) -> Self:
        """The limits that `settings` set for a process that may open so many `descriptors`."""
        most = min(settings.connection_limit, descriptors - _for_files(descriptors))
        # For those without a key, in each of the two lines that they wait in; the rest is for others.
        waiting = min(settings.waiting_limit, max(most * 2 // 5, 1))
        return cls(
            settings.head_timeout,
            settings.keep_alive,
            min(settings.anonymous_body_timeout, settings.body_timeout),
            settings.anonymous_body_bytes,
            settings.body_timeout,
            settings.answer_timeout,
            settings.least_speed,
            settings.speed_window,
            most,
            waiting,
            min(settings.waiting_limit_per_address, waiting),
        )


def _for_files(descriptors: int) -> int:
    return min(FOR_FILES, max(descriptors // 4, min(FEW_FILES, descriptors // 2)))
