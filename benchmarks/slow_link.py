"""A network between a browser and the service: so many bits a second, so long a way, and now and then none at all.

A relay of TCP connections in a thread of its own. All connections share what the link carries, in each direction; what
is sent arrives half a round trip later. Chromium's own emulation does not hold for what service workers and workers
send, and delays nothing of a connection but its answers.
"""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

CHUNK: Final = 4096
AHEAD_S: Final = 0.05
"""So much may lie in the link at once: a browser's progress is then that of what has arrived."""


@dataclass
class _Direction:
    """Bytes on their way: `free_at` is when the link has carried all that was given to it."""

    bits: float | None
    free_at: float = 0.0

    async def carry(self, size: int, now: float) -> float:
        """Takes `size` bytes, once there is room; when they have left, in the loop's time."""
        if self.bits is None:
            return now
        self.free_at = max(self.free_at, now) + size * 8 / self.bits
        await asyncio.sleep(max(0.0, self.free_at - now - AHEAD_S))
        return self.free_at


@dataclass
class SlowLink:
    """Relays `http://127.0.0.1:PORT` (`url`) to `port` while entered.

    `bits` a second in each direction (None: as many as there are), `round_trip` in seconds.
    """

    port: int
    bits: float | None = None
    round_trip: float = 0.0
    url: str = ""
    _up: bool = True
    _tasks: "set[asyncio.Task[None]]" = field(default_factory=set)

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._ways = (_Direction(self.bits), _Direction(self.bits))
        self._thread = threading.Thread(target=self._loop.run_forever, name="slow-link", daemon=True)
        self._thread.start()
        self._do(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """No connection goes through any more, and those that there are break."""
        self._do(self._cut())

    def mend(self) -> None:
        """Connections go through again."""
        self._up = True

    def _do(self, work: "Coroutine[Any, Any, None]") -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0, limit=CHUNK)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _cut(self) -> None:
        self._up = False
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _close(self) -> None:
        self._server.close()
        await self._cut()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        other: asyncio.StreamWriter | None = None
        try:
            if not self._up:
                return
            await asyncio.sleep(self.round_trip)  # of the handshake
            back, other = await asyncio.open_connection("127.0.0.1", self.port)
            up, down = self._ways
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, other, up))
                both.create_task(self._pump(back, writer, down))
        except (OSError, asyncio.CancelledError, BaseExceptionGroup):
            pass  # the connection ends, as connections do
        finally:
            self._tasks.discard(task)
            for one in (writer, other):
                if one is not None:
                    with suppress(OSError, RuntimeError):
                        one.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: _Direction) -> None:
        arrivals: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                at, data = await arrivals.get()
                await asyncio.sleep(max(0.0, at - self._loop.time()))
                if not data:
                    writer.write_eof()
                    return
                writer.write(data)
                await writer.drain()

        async with asyncio.TaskGroup() as both:
            both.create_task(deliver())
            data = b"-"
            while data:
                data = await reader.read(CHUNK)
                left = await way.carry(len(data), self._loop.time())
                arrivals.put_nowait((left + self.round_trip / 2, data))
