"""Health and a station's items while thousands of connections stall, all from one address.

    .venv/bin/python benchmarks/stalled_clients.py     # about 2 minutes; writes benchmarks/results/stalled_clients.json

One process opens the connections, of five kinds in turn: nothing sent, half a head, a login that is announced and never
sent, an inspection that is announced without a key, and a request that is answered and then idles. Whatever the service
closes is opened again at once, so that there are as many all the time. Meanwhile health is asked on a new connection
each time, as a load balancer does, and a station posts one item after the other, each on a new connection. First the
same without any stalled connection. The clients run on the same cores as the service.
"""

import argparse
import random
import resource
import selectors
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from multiprocessing import Process, Value
from typing import Any, Self

from photos import bodies_of, photo_of, stamped
from rig import Service, declared, parser, percentiles, write

KINDS = {
    "nothing": b"",
    "half a head": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    "login without its form": b"POST /desk/login HTTP/1.1\r\nHost: x\r\nOrigin: http://x\r\nContent-Length: 99\r\n\r\n",
    "inspection without a key": b"POST /v1/inspections HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n",
    "idle after a request": b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n",
}
HEALTH = ("/healthz", "/v2/health/ready")
PER_ITEM = 4
OPENED_A_SECOND = 2000


class Stalled:
    """`count` connections to `url` that stall, from a process of their own."""

    def __init__(self, url: str, count: int) -> None:
        self._count = count
        self._opened, self._closed, self._end = (Value("i", 0) for _ in range(3))
        given = (port_of(url), count, self._opened, self._closed, self._end)
        self._process = Process(target=stall, args=given, daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        while self.opened < self._count and self._process.is_alive():
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._end.value = 1
        self._process.join()

    @property
    def opened(self) -> int:
        """Connections that were opened."""
        return int(self._opened.value)

    @property
    def closed(self) -> int:
        """Those of them that the service has closed."""
        return int(self._closed.value)


def stall(port: int, count: int, *shared: Any) -> None:
    """Keep `count` stalled connections open. `shared`: counts of those opened and closed, and whether to end."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    _Stalling(port, count, *shared).run()


class _Stalling:
    def __init__(self, port: int, count: int, opened: Any, closed: Any, end: Any) -> None:
        self._address, self._count = ("127.0.0.1", port), count
        self._opened, self._closed, self._end = opened, closed, end
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        while not self._end.value:
            for _ in range(min(self._count - len(self._selector.get_map()), OPENED_A_SECOND // 20)):
                if not self._end.value:
                    self._open()
            self._look(time.monotonic() + 0.05)

    def _open(self) -> None:
        try:
            connection = socket.create_connection(self._address)
        except ConnectionError:  # it listens no more
            self._end.value = 1
            return
        connection.setblocking(False)
        sent = list(KINDS.values())[self._opened.value % len(KINDS)]
        with suppress(OSError):
            connection.send(sent)
        self._selector.register(connection, selectors.EVENT_READ)
        self._opened.value += 1

    def _look(self, until: float) -> None:
        while (left := until - time.monotonic()) > 0:
            for key, _ in self._selector.select(left):
                try:
                    over = not key.fileobj.recv(65536)  # type: ignore[union-attr]
                except OSError:
                    over = True
                if over:
                    self._close(key.fileobj)

    def _close(self, connection: Any) -> None:
        self._selector.unregister(connection)
        connection.close()
        self._closed.value += 1


def port_of(url: str) -> int:
    """The port of a service."""
    return int(url.rpartition(":")[2])


@dataclass
class Seen:
    """Times in ms and statuses of what was asked; status 0 where there was no answer."""

    times: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def ask(self, port: int, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> None:
        """Ask on a new connection; with the standard library's client, which costs the least."""
        before = time.perf_counter()
        with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            try:
                connection.request(method, path, body, dict(headers))
                answer = connection.getresponse()
                answer.read()
                status = answer.status
            except (OSError, HTTPException):
                status = 0
        self.times.append((time.perf_counter() - before) * 1000)
        self.statuses[status] += 1

    def summary(self) -> dict[str, Any]:
        """Count, quantiles in ms and statuses."""
        return {"count": len(self.times), "ms": percentiles(self.times, (50, 99)), "statuses": dict(self.statuses)}


def ask(service: Service, seconds: float, options: argparse.Namespace) -> dict[str, Any]:
    """Ask for health twenty times a second, and post items one after the other, for `seconds`."""
    width, height = (816, 612) if options.quick else (1632, 1224)
    bodies, kind = bodies_of([photo_of(seed, width, height) for seed in range(8)], PER_ITEM, declared(options))
    health, items, end, port = Seen(), Seen(), time.monotonic() + seconds, port_of(service.url)

    def station() -> None:
        while time.monotonic() < end:
            body = stamped(bodies[len(items.times) % len(bodies)], random.getrandbits(30))
            items.ask(port, "POST", "/v1/inspections", body, service.headers | {"Content-Type": kind})

    thread = threading.Thread(target=station)
    thread.start()
    while time.monotonic() < end:
        health.ask(port, "GET", HEALTH[len(health.times) % len(HEALTH)], None, {})
        time.sleep(0.05)
    thread.join()
    return {"health": health.summary(), "items": items.summary()}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Both rounds, and how long the service takes to end with all connections still stalled."""
    with Service(folder=options.folder) as service:
        ask(service, min(3.0, options.seconds), options)  # warm
        alone = ask(service, options.seconds, options)
        with Stalled(service.url, options.connections) as stalled:
            beside = ask(service, options.seconds, options)
            count = {"opened": stalled.opened, "closed_by_the_service": stalled.closed}
            rss = service.rss_mb()
            begun = time.monotonic()
            service.process.send_signal(signal.SIGTERM)
            service.process.wait(60)
            ended = time.monotonic() - begun
    return {"alone": alone, "beside": beside | count, "rss_mb": round(rss, 1), "sigterm_to_exit_s": round(ended, 2)}


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--connections", type=int, default=2000)
    made.add_argument("--seconds", type=float, default=45.0, help="of each round")
    options = made.parse_args()
    if options.quick:
        options.connections, options.seconds = 100, 2.0
    found = measure(options)
    result = {
        "category": options.category,
        "connections": options.connections,
        "kinds": list(KINDS),
        "photos_per_item": PER_ITEM,
        "seconds": options.seconds,
        **found,
    }
    write(result, "stalled_clients", out=options.out)
    for name in ("alone", "beside"):
        health, items = found[name]["health"], found[name]["items"]
        print(f"{name}: health {health['ms']} ms {health['statuses']}; items {items['ms']} ms {items['statuses']}")
    print(f"ended {found['sigterm_to_exit_s']} s after SIGTERM")


if __name__ == "__main__":
    main()
