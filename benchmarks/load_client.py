"""One client process of `load.py`: `python load_client.py SPEC.json`. It imports little, so that it costs little.

It says `ready` on standard output, reads the moment at which to begin (`time.monotonic()`) from standard input, sends
what the spec's plan asks for, appends one `RECORD` per request to the file of answers, and in the end writes the CPU
seconds that it used since it was ready.
"""

import asyncio
import json
import mmap
import resource
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from struct import Struct
from typing import Any, BinaryIO, Final, cast

from httptools import HttpParserError, HttpResponseParser

STAMP: Final = b"stamp-0000000000"
"""What a body may hold, any number of times; each request has a number of its own in the place of the digits."""
RECORD: Final = Struct("=dddidiq")
"""Scheduled, sent, ended, status, retry_after, body, stamp: the fields of `load.Answer`."""
IDLE_S: Final = 5.0
"""A connection that was idle for longer is not used again: the server may be closing it at that very moment."""
PAUSE_S: Final = 0.1
LOST: Final = (0, -1.0)


class Connection(asyncio.Protocol):
    """A keep-alive connection with one request under way at most."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.idle_since = 0.0
        self._parser = HttpResponseParser(self)
        self._answer: asyncio.Future[tuple[int, float]] | None = None
        self._retry_after = -1.0

    async def exchange(self, parts: Sequence[bytes | memoryview], patience_s: float) -> tuple[int, float]:
        """Send a request made of `parts`; the status and Retry-After of its answer, or `LOST`.

        An answer that comes before all is sent ends the sending and the connection, as in curl.
        """
        loop = asyncio.get_running_loop()
        assert self.transport is not None
        self._answer = loop.create_future()
        self._retry_after = -1.0
        expiry = loop.call_later(patience_s, self.close)
        self.transport.writelines(parts)
        try:
            return await self._answer
        finally:
            expiry.cancel()
            self.idle_since = time.monotonic()

    @property
    def reusable(self) -> bool:
        """Whether another request can be sent on it now."""
        alive = self.transport is not None and not self.transport.is_closing()
        return alive and time.monotonic() - self.idle_since < IDLE_S

    def close(self) -> None:
        """Drop the connection; an answer that is still awaited is lost."""
        if self.transport is not None:
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own is no subclass

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except HttpParserError:
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after":
            self._retry_after = float(value) if value.isdigit() else -1.0

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:  # 100 Continue and the like: the answer is yet to come
            return
        assert self.transport is not None
        if not self._parser.should_keep_alive() or self.transport.get_write_buffer_size():
            self.close()
        self._settle((status, self._retry_after))

    def connection_lost(self, exc: Exception | None) -> None:
        self._settle(LOST)

    def _settle(self, found: tuple[int, float]) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(found)


class Client:
    """Sends the bodies of a spec and writes down the answers."""

    def __init__(self, spec: dict[str, Any], answers: BinaryIO) -> None:
        self._spec = spec
        self._answers = answers
        self._idle: list[Connection] = []
        self._stamp = int(spec["stamp"])
        with Path(spec["bodies"]).open("rb") as file:
            held = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        starts = [0, *spec["ends"][:-1]]
        pairs = list(zip(starts, spec["ends"], strict=True))
        self._heads = [_head(spec, end - start) for start, end in pairs]
        self._bodies = [_split(held, start, end) for start, end in pairs]

    async def send(self, scheduled: float, body: int) -> int:
        """Send one body now and write down what came of it; the status."""
        number, self._stamp = self._stamp, self._stamp + int(self._spec["stamp_step"])
        stamp = number % 10**10
        parts: list[bytes | memoryview] = [self._heads[body], self._bodies[body][0]]
        for piece in self._bodies[body][1:]:
            parts += [b"stamp-%010d" % stamp, piece]
        sent = time.monotonic()
        status, retry_after = LOST
        connection = await self._connection()
        if connection is not None:
            sent = time.monotonic()
            status, retry_after = await connection.exchange(parts, self._spec["patience_s"])
            if connection.reusable:
                self._idle.append(connection)
        kept = stamp if len(parts) > 2 else 0
        self._answers.write(RECORD.pack(scheduled, sent, time.monotonic(), status, retry_after, body, kept))
        return status

    async def _connection(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()  # the one used last: the others may grow old
            if connection.reusable:
                return connection
            connection.close()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._spec["patience_s"]):
                _, made = await loop.create_connection(Connection, self._spec["host"], self._spec["port"])
        except OSError:  # TimeoutError is one
            return None
        made.idle_since = time.monotonic()
        return made


def _head(spec: dict[str, Any], length: int) -> bytes:
    lines = [f"POST {spec['path']} HTTP/1.1", f"Host: {spec['host']}:{spec['port']}", f"Content-Length: {length}"]
    lines += [f"{name}: {value}" for name, value in spec["headers"].items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _split(held: mmap.mmap, start: int, end: int) -> list[memoryview]:
    """The pieces of a body between its stamps."""
    view, pieces = memoryview(held), []
    while (found := held.find(STAMP, start, end)) >= 0:
        pieces.append(view[start:found])
        start = found + len(STAMP)
    return [*pieces, view[start:end]]


async def _open(client: Client, plan: dict[str, Any], began: float) -> None:
    async with asyncio.TaskGroup() as tasks:
        for moment, body in zip(plan["moments"], plan["order"], strict=True):
            scheduled = began + moment
            if (wait := scheduled - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            tasks.create_task(client.send(scheduled, body))


async def _closed(client: Client, plan: dict[str, Any], began: float, bodies: int) -> None:
    turn = int(plan["first"])
    end = began + plan["seconds"]

    async def keep_one_under_way() -> None:
        nonlocal turn
        await asyncio.sleep(max(0.0, began - time.monotonic()))
        while time.monotonic() < end:
            turn += 1
            status = await client.send(time.monotonic(), turn % bodies)
            if not 200 <= status < 300:
                await asyncio.sleep(PAUSE_S)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(plan["in_flight"]):
            tasks.create_task(keep_one_under_way())


def _runner() -> Callable[[Coroutine[Any, Any, None]], None]:
    try:
        import uvloop
    except ImportError:
        return asyncio.run
    return uvloop.run


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Run one spec."""
    spec = json.loads(Path(sys.argv[1]).read_text())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 65536)), hard))
    run = _runner()
    # Not buffered: the parent reads along, and what was answered is known even if this process is killed.
    with Path(spec["answers"]).open("wb", buffering=0) as answers:
        client, plan = Client(spec, answers), spec["plan"]
        print("ready", flush=True)
        began = float(sys.stdin.readline())
        before = _cpu_s()
        run(_open(client, plan, began) if "moments" in plan else _closed(client, plan, began, len(spec["ends"])))
        print(_cpu_s() - before, flush=True)


if __name__ == "__main__":
    main()
