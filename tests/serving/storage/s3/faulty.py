"""A proxy before an S3 server that is slow, fails, breaks off or lies, for the requests that it is told to."""

import http.client
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Fault:
    """What goes wrong with requests of `method`, the next `times` of them (None: all), whose path contains `of`."""

    how: str
    method: str = ""
    times: int | None = None
    of: str = "/photos/"
    seconds: float = 0.0

    def fits(self, method: str, path: str) -> bool:
        """Whether it is for this request; counts it."""
        if self.times == 0 or self.of not in path or (self.method and method != self.method):
            return False
        if self.times is not None:
            self.times -= 1
        return True


class Faulty:
    """The proxy, at `url`. `seen` are the requests that came, as method and path.

    How: a status, such as `500` or `503`; `slow`; `refuse` closes without an answer; `cut` breaks the answer off in its
    middle; `unread` breaks off while the body of a request comes in; `lie` answers a put that it does not pass on.
    """

    def __init__(self, target: str) -> None:
        self.seen: list[tuple[str, str]] = []
        self._faults: list[Fault] = []
        handler = _handler(self, urlsplit(target).netloc)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(0.02), daemon=True)
        self._thread.start()

    def go_wrong(self, how: str, method: str = "", *, times: int | None = None, **other: Any) -> None:
        """From now on, until `mend`, or so many times."""
        self._faults.append(Fault(how, method, times, **other))

    def mend(self) -> None:
        """Pass everything on."""
        self._faults.clear()

    def count(self, method: str) -> int:
        """How many requests of a method there were."""
        return sum(one == method for one, _ in self.seen)

    def fault(self, method: str, path: str) -> Fault | None:
        """What goes wrong with this request."""
        return next((fault for fault in self._faults if fault.fits(method, path)), None)

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()


def _handler(proxy: Faulty, netloc: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            proxy.seen.append((self.command, self.path))
            fault = proxy.fault(self.command, self.path)
            length = int(self.headers.get("content-length", 0))
            if fault is not None and fault.how == "unread":
                self.rfile.read(length // 2)
                self._hang_up()
                return
            body = self.rfile.read(length)
            if fault is not None and self._goes_wrong(fault):
                return
            status, headers, data = self._asked(body)
            self._answer(status, headers, data, cut=fault is not None and fault.how == "cut")

        def _goes_wrong(self, fault: Fault) -> bool:
            """Whether the request is answered by the fault alone."""
            if fault.how == "slow":
                time.sleep(fault.seconds)
            elif fault.how == "refuse":
                self._hang_up()
                return True
            elif fault.how == "lie":
                self._answer(200, [("ETag", '"0123456789abcdef0123456789abcdef"')], b"")
                return True
            elif fault.how.isdigit():
                self._answer(int(fault.how), [], b"<Error><Code>InternalError</Code></Error>")
                return True
            return False

        def _asked(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            connection = http.client.HTTPConnection(netloc, timeout=20)
            try:
                # With the host that was signed, which is this proxy's.
                connection.request(self.command, self.path, body, dict(self.headers))
                answer = connection.getresponse()
                data = answer.read()
                kept = [one for one in answer.getheaders() if one[0].lower() not in ("transfer-encoding", "connection")]
                return answer.status, kept, data
            finally:
                connection.close()

        def _answer(self, status: int, headers: list[tuple[str, str]], data: bytes, *, cut: bool = False) -> None:
            names = {name.lower() for name, _ in headers}
            self.send_response_only(status)
            for name, value in headers:
                self.send_header(name, value)
            if "content-length" not in names:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if cut else data)
            if cut:
                self._hang_up()

        def _hang_up(self) -> None:
            self.close_connection = True

        def log_message(self, *args: object) -> None:
            """Nothing: tests look at `seen`."""

    act: Callable[[Any], None] = Handler._pass
    for method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
        setattr(Handler, f"do_{method}", act)
    return Handler
