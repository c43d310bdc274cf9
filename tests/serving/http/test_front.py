"""What holds for every route, those to come included: its headers, what OPTIONS says of it, and plain content alone."""

import gzip
import re
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

pytestmark = pytest.mark.slow

GUARDS = {
    "content-security-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "referrer-policy",
    "x-content-type-options",
    "x-frame-options",
    "cache-control",
}
LOCKED = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"


def sample(path: str) -> str:
    """`path` with something for each parameter."""
    values = {"index": "0", "path": "swagger-ui.css", "table": "errors"}
    return re.sub(r"{(\w+)}", lambda found: values.get(found[1], "x"), path)


def unguarded(answer: httpx.Response) -> set[str]:
    policy = answer.headers.get("content-security-policy", "")
    missing = GUARDS - set(answer.headers)
    return missing | ({"frame-ancestors"} if "frame-ancestors 'none'" not in policy else set())


def test_every_answer_says_what_a_browser_may_do_with_it(service: Any) -> None:
    for client in (service.client, service.with_key(None)):
        for method, path in service.routes():
            answer = client.request(method, sample(path))
            assert unguarded(answer) == set(), f"{method} {path} -> {answer.status_code}"


def test_no_policy_lets_a_page_run_what_is_not_ours(service: Any) -> None:
    for method, path in service.routes():
        policy = service.client.request(method, sample(path)).headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        scripts = re.findall(r"script-src ([^;]*)", policy)
        # The station compiles WebAssembly, its reader of barcodes, which comes from this service too.
        scripts = [
            one.replace("'wasm-unsafe-eval'", "") if path == "/station" or path.startswith("/station/") else one
            for one in scripts
        ]
        assert all("unsafe" not in one and "http" not in one and "*" not in one for one in scripts), path


def test_problems_photos_and_json_may_load_and_run_nothing(service: Any, photo: bytes) -> None:
    path = f"/v1/inspections/{service.post([photo]).json()['id']}"
    for asked in (path, f"{path}/photos/0", f"{path}/photos/0?width=64", f"{path}/photos/9", "/nothing", "/healthz"):
        assert service.client.get(asked).headers["content-security-policy"] == LOCKED
    assert service.client.delete("/v1/inspections").headers["content-security-policy"] == LOCKED


def test_a_photo_may_be_kept_and_a_reading_not(service: Any, photo: bytes) -> None:
    path = f"/v1/inspections/{service.post([photo]).json()['id']}"
    assert "no-store" not in service.client.get(f"{path}/photos/0").headers["cache-control"]
    assert service.client.get(path).headers["cache-control"] == "no-store"


def test_an_unexpected_error_is_guarded_too(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.runtime.inspections, "page", lambda *given: 1 / 0)
    answer = service.client.get("/v1/inspections")
    assert (answer.status_code, unguarded(answer)) == (500, set())


def test_what_is_not_http_is_answered_with_guards(service: Any) -> None:
    parts = urlsplit(service.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        answer = connection.recv(65536).decode()
    assert set(re.findall(r"(?m)^([a-z-]+): ", answer)) >= GUARDS


def methods_of(service: Any) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for method, path in service.routes():
        found.setdefault(path, set()).update({"GET", "HEAD"} if method == "GET" else {method})
    return found


def test_options_names_all_methods_of_every_path_to_anybody(service: Any) -> None:
    for path, known in methods_of(service).items():
        answer = service.with_key(None).options(sample(path))
        assert (answer.status_code, set(answer.headers["allow"].split(", "))) == (204, known), path


def test_a_method_that_a_path_does_not_know_is_told_those_that_it_does(service: Any) -> None:
    for path, known in methods_of(service).items():
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - known:
            answer = service.client.request(method, sample(path))
            assert (answer.status_code, set(answer.headers["allow"].split(", "))) == (405, known), f"{method} {path}"


def test_a_path_that_is_not_there_is_not_found_by_any_method(service: Any) -> None:
    for path in ("/nothing", "/v1/nothing", "/v1/inspections/", "/desk/", "/static-offline-docs"):
        for method in ("OPTIONS", "GET", "DELETE", "PATCH"):
            answer = service.client.request(method, path)
            assert (answer.status_code, "allow" in answer.headers) == (404, False), f"{method} {path}"


def test_compressed_content_is_refused_on_every_route(service: Any) -> None:
    for method, path in service.routes():
        answer = service.client.request(method, sample(path), headers={"Content-Encoding": "gzip"})
        assert (answer.status_code, answer.headers.get("accept-encoding")) == (415, "identity"), f"{method} {path}"
        told = answer.json()
        # Below /v2 faults have the form of the Open Inference Protocol.
        assert (
            set(told) == {"error"} if path.startswith("/v2") else told["type"] == "urn:regrade:problem:encoded-content"
        )


def test_no_coding_but_identity_is_taken(service: Any, photo: bytes) -> None:
    for coding in ("br", "zstd", "deflate", "x-gzip", "gzip, identity", "identity, GZIP", "?", "identity;q=1"):
        assert service.post([photo], content_encoding=coding).status_code == 415, coding
    for coding in ("identity", "Identity", ""):
        assert service.post([photo], content_encoding=coding).status_code == 201, coding


def test_compressed_content_is_refused_before_a_byte_of_it_is_there(service: Any) -> None:
    parts = urlsplit(service.url)
    head = "POST /v1/inspections HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\nContent-Encoding: gzip\r\n\r\n"
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        connection.sendall(head.encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 415 ")


def test_a_compressed_item_is_not_taken_for_json(service: Any, photo: bytes) -> None:
    item = gzip.compress(b'{"rma": "1"}')
    answer = service.client.post("/v1/inspections", files={"photos": photo, "item": item})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:regrade:problem:invalid-json")
    assert "UTF-8" in answer.json()["detail"]


def test_another_transfer_coding_than_chunked_is_refused(service: Any) -> None:
    parts = urlsplit(service.url)
    for coding in ("gzip, chunked", "gzip", "identity", "chunked, chunked"):
        head = f"POST /v1/reviews/claim HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {coding}\r\n\r\n0\r\n\r\n"
        with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
            connection.sendall(head.encode())
            assert int(connection.recv(65536).split(b" ")[1]) in (400, 501), coding


@pytest.mark.parametrize(("proxies", "believed"), [("127.0.0.1", True), ("10.0.0.5,fd00::/8", False), ("", False)])
def test_only_a_proxy_that_was_named_is_believed(serve: Any, proxies: str, believed: bool) -> None:
    service = serve(forwarded_allow_ips=proxies)
    told = {"x-forwarded-for": "203.0.113.7", "x-forwarded-proto": "https", "origin": service.url}
    answer = service.with_key(None).post("/desk/login", data={"key": service.key("reviewer")}, headers=told)
    assert ("Secure" in answer.headers["set-cookie"]) is believed
    with service.runtime.desk.trail() as trail:
        [address] = [line.detail["address"] for line in trail if line.action == "login"]
    assert address == ("203.0.113.7" if believed else "127.0.0.1")
