"""All by which tablets and people come in, put together: stations, people, and how often they may try."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from regrade.serving.access.codes import Codes
from regrade.serving.access.guesses import Guesses, Scope
from regrade.serving.access.last_used import LastUsed
from regrade.serving.access.names import folded
from regrade.serving.access.people.directory import People
from regrade.serving.access.people.passkeys import Ceremonies
from regrade.serving.access.people.sign_in import SignIn
from regrade.serving.access.stations import Stations
from regrade.serving.base.errors import BusyError
from regrade.serving.base.i18n import Message
from regrade.serving.connections.table import origin_of
from regrade.serving.storage.database import Database

WINDOW: Final = 900.0
"""Seconds for which wrong attempts count."""
OF_A_NAME_HERE: Final = 8
OF_A_NAME: Final = 40
FROM_AN_ADDRESS: Final = 60
OF_CODES_HERE: Final = 15
OF_CODES: Final = 300
"""How many may be wrong in that time: passwords of one name from one address, from anywhere, of all names from one
address; codes from one address, from anywhere. 300 of 30**8 pairing codes is one chance in two thousand million."""

AT_ONCE: Final = 2
MOST_WAITING: Final = 16
"""Passwords that are hashed at a time, 32 MiB and a core each, and that wait for it."""


@dataclass(slots=True)
class Entrance:
    """The parts of an installation that let tablets and people in."""

    stations: Stations
    people: People
    sign_in: SignIn
    last_used: LastUsed
    ceremonies: Ceremonies = field(default_factory=Ceremonies)
    guesses: Guesses = field(default_factory=lambda: Guesses(WINDOW))
    _hashing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _waiting: int = 0

    @classmethod
    def open(cls, database: Database, data_dir: Path) -> "Entrance":
        """That of the installation in `data_dir`. Raises `DataDirError`."""
        codes = Codes.load(data_dir / "keys")
        return cls(Stations(database, codes), People(database, codes), SignIn(database, codes), LastUsed(database))

    @asynccontextmanager
    async def hashing(self) -> AsyncIterator[None]:
        """Hold a turn at hashing a password. Raises `BusyError` where too many wait for one."""
        if self._waiting >= MOST_WAITING:
            raise BusyError("sign_in", Message("problem.busy_sign_in"), 5)
        self._waiting += 1
        try:
            await self._hashing.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._hashing.release()


def for_password(name: str, address: str) -> tuple[Scope, ...]:
    """What an attempt at a password counts for."""
    near, who = origin_of(address), folded(name)[:200]
    here = Scope(f"name {near} {who}", OF_A_NAME_HERE)
    return here, Scope(f"name {who}", OF_A_NAME), Scope(f"names {near}", FROM_AN_ADDRESS)


def for_code(address: str) -> tuple[Scope, ...]:
    """What an attempt at a pairing code or an invitation counts for."""
    return Scope(f"codes {origin_of(address)}", OF_CODES_HERE), Scope("codes", OF_CODES)


def for_passkey(address: str) -> tuple[Scope, ...]:
    """What an attempt with a passkey counts for."""
    return (Scope(f"passkeys {origin_of(address)}", FROM_AN_ADDRESS),)
