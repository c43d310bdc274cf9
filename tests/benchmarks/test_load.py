"""The load generator tells the truth, also about a server that stalls, refuses, hangs up or says nonsense."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from load import Answer, poisson, replay, saturate
from load_client import STAMP

Answering = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]
Handling = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Speaks just enough HTTP. `answer` gets each whole body; `connections` counts those made."""

    def __init__(self, answer: Answering, handle: Handling | None = None) -> None:
        self.url = ""
        self.connections = 0
        self.bodies: list[bytes] = []
        self.heads: list[bytes] = []
        self._answer = answer
        self._handle = handle or self._read
        self._writers: list[asyncio.StreamWriter] = []
        self._listening = threading.Event()

    def run(self) -> None:
        asyncio.run(self._run())

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)

    def wait(self) -> None:
        assert self._listening.wait(10)

    async def _run(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._listening.set()
        await self._end.wait()
        server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0.02)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await self._handle(reader, writer)

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head)
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            self.bodies.append(await reader.readexactly(length))
            await self._answer(self.bodies[-1], writer)


@contextmanager
def serving(answer: Answering, handle: Handling | None = None) -> Iterator[Server]:
    server = Server(answer, handle)
    thread = threading.Thread(target=server.run)
    thread.start()
    server.wait()
    try:
        yield server
    finally:
        server.stop()
        thread.join()


def saying(data: bytes) -> Answering:
    async def answer(body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(data)

    return answer


def at(url: str, moments: list[float], clients: int = 1, patience_s: float = 20) -> list[Answer]:
    return replay(url, "/x", {}, [b"hello"], moments, [0] * len(moments), clients, patience_s).answers


def test_answers_carry_status_retry_after_and_times_in_order() -> None:
    refusal = b"HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 4\r\n\r\nbusy"
    with serving(saying(refusal)) as server:
        (answer,) = at(server.url, [0.0])
    assert (answer.status, answer.retry_after, answer.body) == (503, 7, 0)
    assert answer.scheduled <= answer.sent <= answer.ended


def test_requests_carry_path_headers_and_the_whole_body() -> None:
    body = bytes(range(256)) * 20_000
    with serving(saying(CREATED)) as server:
        (answer,) = replay(server.url, "/v1/x?y=1", {"Authorization": "Bearer k"}, [b"no", body], [0.0], [1]).answers
    assert answer.status == 201
    assert server.heads[0].startswith(b"POST /v1/x?y=1 HTTP/1.1\r\n")
    assert b"Authorization: Bearer k\r\n" in server.heads[0]
    assert server.bodies == [body]


def test_a_connection_is_kept_for_the_next_request() -> None:
    with serving(saying(CREATED)) as server:
        answers = at(server.url, [0.0, 0.2, 0.4, 0.6])
    assert [a.status for a in answers] == [201] * 4
    assert server.connections == 1


def test_a_connection_that_the_server_ends_is_not_used_again() -> None:
    ending = CREATED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with serving(saying(ending)) as server:
        answers = at(server.url, [0.0, 0.2, 0.4])
    assert [a.status for a in answers] == [201] * 3
    assert server.connections == 3


def test_requests_under_way_together_have_connections_of_their_own() -> None:
    async def slow(body: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.5)
        writer.write(CREATED)

    with serving(slow) as server:
        answers = at(server.url, [0.0, 0.01, 0.02])
    assert server.connections == 3
    assert max(a.ended for a in answers) - min(a.sent for a in answers) < 3 * 0.5


def test_a_stall_counts_from_the_moment_for_which_a_request_was_scheduled() -> None:
    def stall(body: bytes, writer: asyncio.StreamWriter) -> Awaitable[None]:
        time.sleep(0.3)  # the whole server stands still, as in a pause of a garbage collector
        writer.write(CREATED)
        return asyncio.sleep(0)

    with serving(stall) as server:
        answers = at(server.url, [0.0] * 5)
    waits = sorted(a.latency for a in answers)
    assert all(wait >= 0.3 * (n + 1) for n, wait in enumerate(waits))


def test_a_lost_connection_is_a_failure_and_not_forgotten() -> None:
    async def hang_up(body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(CREATED[:30])
        await writer.drain()
        writer.transport.abort()

    with serving(hang_up) as server:
        answers = at(server.url, [0.0, 0.1, 0.2])
    assert [a.status for a in answers] == [0, 0, 0]
    assert all(a.ended > a.sent for a in answers)


def test_a_server_that_is_not_there_is_a_failure_for_each_request() -> None:
    with serving(saying(CREATED)) as server:
        pass
    assert [a.status for a in at(server.url, [0.0, 0.1])] == [0, 0]


def test_an_answer_that_is_not_http_is_a_failure() -> None:
    with serving(saying(b"\x00\x01 what?\r\n\r\n")) as server:
        assert [a.status for a in at(server.url, [0.0])] == [0]


def test_an_answer_that_does_not_come_is_given_up_after_the_patience() -> None:
    async def silent(body: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0)

    with serving(silent) as server:
        (answer,) = at(server.url, [0.0], patience_s=0.5)
    assert answer.status == 0
    assert answer.latency >= 0.5


def test_a_refusal_before_the_body_is_read_ends_the_sending() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n")
        await asyncio.sleep(2)

    big = bytes(50_000_000)
    with serving(saying(b""), refuse) as server:
        answers = replay(server.url, "/x", {}, [big], [0.0, 0.3], [0, 0], 1, 20).answers
    assert [(a.status, a.retry_after) for a in answers] == [(503, 1), (503, 1)]


def test_an_interim_answer_is_not_the_answer() -> None:
    with serving(saying(b"HTTP/1.1 100 Continue\r\n\r\n" + CREATED)) as server:
        assert [a.status for a in at(server.url, [0.0, 0.1])] == [201, 201]


def test_chunked_answers_are_read_to_their_end() -> None:
    chunked = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    with serving(saying(chunked)) as server:
        assert [a.status for a in at(server.url, [0.0, 0.2])] == [201, 201]
    assert server.connections == 1


def test_no_two_requests_carry_the_same_stamp() -> None:
    body = b"a" + STAMP + b"bb" + STAMP + b"c"
    with serving(saying(CREATED)) as server:
        answers = replay(server.url, "/x", {}, [body], [0.0] * 20, [0] * 20, clients=2).answers
    assert len({a.stamp for a in answers}) == 20
    expected = {b"a" + s + b"bb" + s + b"c" for s in (b"stamp-%010d" % a.stamp for a in answers)}
    assert set(server.bodies) == expected


def test_an_open_loop_sends_at_its_rate_and_counts_refusals() -> None:
    turn = 0

    async def every_second(body: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal turn
        turn += 1
        writer.write(CREATED if turn % 2 else b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")

    with serving(every_second) as server:
        moments = poisson(100, 2, seed=1)
        order = [n % 3 for n in range(len(moments))]
        answers = replay(server.url, "/x", {}, [b"1", b"2", b"3"], moments, order).answers
    assert len(answers) == len(moments) == len(server.bodies)
    statuses = Counter(a.status for a in answers)
    assert abs(statuses[201] - statuses[503]) <= 1
    assert [a.body for a in answers[:4]] == [0, 1, 2, 0]
    assert [a.scheduled for a in answers] == sorted(a.scheduled for a in answers)


def test_a_closed_loop_keeps_its_number_under_way() -> None:
    under_way, most = 0, 0

    async def count(body: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.05)
        under_way -= 1
        writer.write(CREATED)

    with serving(count) as server:
        answers = saturate(server.url, "/x", {}, [b"1"], in_flight=5, seconds=1, clients=2).answers
    assert most == server.connections == 5
    assert len(answers) == len(server.bodies) > 5


def test_poisson_moments_ascend_within_their_time_and_follow_the_seed() -> None:
    moments = poisson(50, 10, seed=3)
    assert moments == sorted(moments) == poisson(50, 10, seed=3) != poisson(50, 10, seed=4)
    assert moments[0] >= 0
    assert moments[-1] < 10
    assert 400 < len(moments) < 600


def test_a_load_without_bodies_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one body"):
        saturate("http://127.0.0.1:1", "/x", {}, [], in_flight=1, seconds=1)
