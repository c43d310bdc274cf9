"""Behind a proxy that serves the service under a subpath: links, cookies, redirects and scripts stay below it.

Some proxies take the subpath off before they pass a request on, others do not; one setting tells the service of it.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import FilePayload, Page, expect

ROOT = "/regrade"

Open = Callable[[str], Page]


class Proxy(ThreadingTCPServer):
    """A reverse proxy that passes on what is below `/regrade`, with that prefix or without, one request a connection.

    `astray` is what it was asked besides.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, service: Any, *, keeps: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.service, self.keeps = service, keeps
        self.url = f"http://127.0.0.1:{self.server_address[1]}{ROOT}"
        self.key = service.key
        self.astray: list[bytes] = []


class _Passing(StreamRequestHandler):
    server: Proxy

    def handle(self) -> None:
        method, _, rest = self.rfile.readline().partition(b" ")
        target = rest.split(b" ")[0]
        head = [line for line in iter(self.rfile.readline, b"\r\n") if not line.lower().startswith(b"connection:")]
        sizes = [int(line.split(b":")[1]) for line in head if line.lower().startswith(b"content-length:")]
        if not target.startswith(ROOT.encode()):
            self.server.astray.append(target)
            return
        path = target if self.server.keeps else target.removeprefix(ROOT.encode())
        to = urlsplit(self.server.service.url)
        with socket.create_connection((to.hostname, to.port), timeout=60) as upstream:
            first = b"%s %s HTTP/1.1\r\nConnection: close\r\n" % (method, path)
            upstream.sendall(first + b"".join(head) + b"\r\n" + self.rfile.read(sum(sizes)))
            while chunk := upstream.recv(65536):
                self.wfile.write(chunk)


@contextmanager
def running(proxy: Proxy) -> Iterator[Proxy]:
    thread = threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    with proxy:
        yield proxy
        proxy.shutdown()
    thread.join(10)


@pytest.fixture(params=["takes the prefix off", "leaves the prefix on"])
def proxy(request: pytest.FixtureRequest, serve: Any) -> Iterator[Proxy]:
    """A proxy before a service that knows where it is served. The test fails if anything else is asked of the proxy."""
    with running(Proxy(serve(root_path=ROOT), keeps=request.param == "leaves the prefix on")) as made:
        yield made
    assert made.astray == []


def client(proxy: Any, **headers: str) -> Any:
    found = proxy.service.as_role("admin")
    found.base_url = proxy.url
    found.headers.update(headers)
    return found


def test_what_the_api_points_to_is_below_the_root_path(proxy: Any, photo: bytes) -> None:
    api = client(proxy)
    made = api.post("/v1/inspections", files={"photos": photo, "item": b'{"rma": "1", "category": "packaging"}'})
    assert made.headers["location"] == f"{ROOT}/v1/inspections/{made.json()['id']}"
    assert api.get(f"/v1/inspections/{made.json()['id']}").status_code == 200
    assert api.get("/openapi.json").json()["servers"] == [{"url": ROOT}]
    rubric = api.get("/v1/rubrics/packaging").json()
    urls = [example["url"] for one in rubric["conditions"] for example in one["examples"]]
    assert urls
    assert all(url.startswith(f"{ROOT}/v1/rubrics/examples/") for url in urls)


def test_the_desk_redirects_and_sets_cookies_below_the_root_path(proxy: Any) -> None:
    browser = client(proxy, origin=proxy.url.removesuffix(ROOT))
    away = browser.get("/desk/review?seller=acme")
    assert away.headers["location"] == f"{ROOT}/desk/login?next=%2Fdesk%2Freview%3Fseller%3Dacme"
    answer = browser.post("/desk/login", data={"key": proxy.key("reviewer"), "next": "/desk/review?seller=acme"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{ROOT}/desk/review?seller=acme")
    assert f"; Path={ROOT};" in answer.headers["set-cookie"]
    secure = browser.post("/desk/login", data={"key": proxy.key("reviewer")}, headers={"x-forwarded-proto": "https"})
    assert secure.headers["set-cookie"].startswith("__Secure-regrade_desk=")


def test_options_and_errors_are_as_without_a_proxy(proxy: Any) -> None:
    api = client(proxy)
    assert api.options("/v1/inspections").headers["allow"] == "GET, HEAD, POST"
    assert api.delete("/v1/inspections").status_code == 405
    assert api.get("/v1/nothing").status_code == 404
    assert api.get("/static-offline-docs/swagger-ui.css").status_code == 200


def test_nobody_else_says_where_the_service_is_served(serve: Any) -> None:
    told = {"x-forwarded-prefix": "/evil", "x-script-name": "/evil", "x-forwarded-path": "/evil"}
    answer = serve().with_key(None).get("/desk", headers=told)
    assert answer.headers["location"] == "/desk/login"


def test_a_browser_grades_an_item_at_the_station(
    proxy: Any, blank_at: Callable[[str], Page], sharp: FilePayload
) -> None:
    page = blank_at(f"{proxy.url}/station")
    page.fill("#key", proxy.key("station"))
    page.press("#key", "Enter")
    page.fill("#rma", "RMA-7")
    page.set_input_files("#files", sharp)
    page.click("#grade")
    expect(page.locator("#result")).to_be_visible()
    page.click("[data-language='zh-CN']")
    expect(page.locator("#grade")).to_contain_text("开始定级")
    scope = page.evaluate("navigator.serviceWorker.ready.then((one) => one.scope)")
    assert scope == f"{proxy.url}/station"


def test_a_browser_works_off_the_desk(proxy: Any, put: Any, sit: Callable[..., Page]) -> None:
    put(proxy.service, 2)
    page = sit(proxy, "/desk/review")
    expect(page.locator("#rma")).to_have_text("RMA-01")
    expect(page.locator("#strip img").first).to_be_visible()
    page.keyboard.press("4")
    page.keyboard.press("Enter")
    expect(page.locator("#rma")).to_have_text("RMA-02")
    page.goto(f"{proxy.url}/desk")
    page.fill("#find", "RMA-01")
    page.press("#find", "Enter")
    page.wait_for_url(f"{proxy.url}/desk/items/*")
    page.click("nav a >> nth=2")
    page.wait_for_url(f"{proxy.url}/desk/quality")
    page.click("[data-language='zh-CN']")
    page.wait_for_selector("html[lang='zh-CN']")
    page.click(".logout button")
    page.wait_for_url(f"{proxy.url}/desk/login")


def test_a_browser_reads_the_documentation(proxy: Any, blank_at: Open) -> None:
    page = blank_at(f"{proxy.url}/docs")
    expect(page.locator(".opblock").first).to_be_visible()
