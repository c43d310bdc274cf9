"""The client that waits: for how long it will, and whether it is still there."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from fastapi import Request


def wait_of(headers: Sequence[str]) -> int | None:
    """The seconds that `Prefer: wait=N` (RFC 7240) asks for, N ≥ 0; None where the headers do not.

    The first `wait` counts. What is not understood is left out, as the RFC asks: a preference never fails a request.
    """
    for preference in ",".join(headers).split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "wait":
            seconds = value.strip().strip('"')
            return int(seconds) if seconds.isascii() and seconds.isdigit() and len(seconds) < 10 else None
    return None


@asynccontextmanager
async def when_gone(request: Request, leave: Callable[[], None]) -> AsyncIterator[None]:
    """Within, call `leave` as soon as the client of `request`, whose body has been read, has closed its connection.

    The server itself does not end the handling of a request whose client has gone.
    """
    watching = asyncio.create_task(_watch(request, leave))
    try:
        yield
    finally:
        watching.cancel()


async def _watch(request: Request, leave: Callable[[], None]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    leave()
