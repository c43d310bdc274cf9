"""Bodies that no honest client sends."""

import asyncio
import random
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest

from regrade.serving.base.errors import UploadError
from regrade.serving.base.settings import Settings
from regrade.serving.http.uploads import read_upload, take_apart
from regrade.serving.inspections.verify import verify_store

pytestmark = pytest.mark.slow

HEAD = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n'
ITEM = HEAD % b"item" + b'{"rma": "1"}\r\n'
END = b"--b--\r\n"


def read(body: bytes, content_type: str = "multipart/form-data; boundary=b", step: int = 7, **settings: Any) -> Any:
    """What `read_upload` makes of `body`, fed in pieces of `step` bytes, or `take_apart` when `step` is 0."""
    if step == 0:
        return take_apart(bytearray(body + b"of an earlier body"), len(body), content_type, settings_of(settings))

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(body), step):
            yield body[at : at + step]

    return asyncio.run(read_upload(chunks(), content_type, settings_of(settings)))


def settings_of(changed: dict[str, Any]) -> Settings:
    return Settings(_env_file=None, **changed)


@pytest.mark.parametrize("step", [0, 1, 2, 3, 50, 10_000])
def test_parts_are_the_same_however_they_are_cut(step: int) -> None:
    photo = b"\r\n--b\r-\r\n--" * 9 + b"\x00"
    upload = read(ITEM + HEAD % b"photos" + photo.replace(b"--b", b"--c") + b"\r\n" + END, step=step)
    assert upload.item == b'{"rma": "1"}'
    assert upload.photos == (photo.replace(b"--b", b"--c"),)


@pytest.mark.parametrize("step", [0, 5, 10_000])
def test_what_follows_the_last_boundary_is_ignored(step: int) -> None:
    assert read(ITEM + HEAD % b"photos" + b"x\r\n" + END + b"\r\nepilogue", step=step).photos == (b"x",)


@pytest.mark.parametrize("step", [0, 10_000])
def test_what_precedes_the_first_boundary_is_ignored(step: int) -> None:
    body = b"preamble\r\n\r\nof two paragraphs\r\n" + ITEM + HEAD % b"photos" + b"x\r\n" + END
    assert read(body, step=step).photos == (b"x",)


@pytest.mark.parametrize("step", [0, 10_000])
def test_empty_parts_and_parts_that_tell_their_length_are_taken(step: int) -> None:
    told = b'--b\r\nContent-Disposition: form-data; name="photos"\r\nContent-Length: 3\r\n\r\nabc\r\n'
    body = HEAD % b"photos" + b"\r\n" + told + HEAD % b"photos" + b"\r\n\r\nx\r\n" + ITEM + END
    assert read(body, step=step).photos == (b"", b"abc", b"\r\n\r\nx")


BAD: dict[str, tuple[bytes, str]] = {
    "two items": (ITEM + ITEM + END, "duplicate-item"),
    "an unknown part": (HEAD % b"photo" + b"x\r\n" + END, "unknown-part"),
    "a part without a name": (b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n" + END, "unknown-part"),
    "a part without a disposition": (b"--b\r\nX-A: 1\r\n\r\nx\r\n" + END, "malformed-multipart"),
    "no parts": (END, "missing-item"),
    "nothing": (b"", "malformed-multipart"),
    "no end": (ITEM + HEAD % b"photos" + b"xxx", "malformed-multipart"),
    "another boundary": (ITEM.replace(b"--b", b"--c") + END.replace(b"--b", b"--c"), "malformed-multipart"),
    "a part header without end": (b"--b\r\n" + b"X" * 20_000, "malformed-multipart"),
    "very many part headers": (b"--b\r\n" + b"X-A: 1\r\n" * 100 + b"\r\n" + END, "malformed-multipart"),
    "bare newlines": (ITEM.replace(b"\r\n", b"\n") + END, "malformed-multipart"),
    "a part that lies about its length": (
        b'--b\r\nContent-Disposition: form-data; name="item"\r\nContent-Length: 3\r\n\r\n{"rma": "1"}\r\n' + END,
        "malformed-multipart",
    ),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("step", [0, 3, 100_000])
def test_an_abused_body_is_refused(name: str, step: int) -> None:
    body, code = BAD[name]
    with pytest.raises(UploadError) as caught:
        read(body, step=step)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data", "multipart/form-data; boundary=", f"multipart/form-data; boundary={'x' * 201}"],
)
def test_an_unusable_boundary_is_refused(content_type: str) -> None:
    with pytest.raises(UploadError, match="boundary") as caught:
        read(ITEM + END, content_type)
    assert caught.value.code == "malformed-multipart"


def test_a_photo_beyond_its_size_is_refused_at_that_byte() -> None:
    body = ITEM + HEAD % b"photos" + bytes(3000)  # never ends
    with pytest.raises(UploadError, match="Photo 0") as caught:
        read(body, max_photo_bytes=2000)
    assert (caught.value.code, caught.value.photo) == ("photo-too-large", 0)


def request(service: Any, headers: str, body: bytes = b"") -> socket.socket:
    """A raw POST whose client stays connected."""
    parts = urlsplit(service.url)
    head = (
        f"POST /v1/inspections HTTP/1.1\r\nHost: x\r\nAuthorization: {service.client.headers['authorization']}\r\n"
        f"{headers}\r\n"
    )
    connection = socket.create_connection((parts.hostname, parts.port), timeout=20)
    try:
        connection.sendall(head.encode() + body)
    except OSError:
        connection.close()
        raise
    return connection


MULTIPART = "Content-Type: multipart/form-data; boundary=b\r\n"


def test_a_client_that_goes_away_leaves_nothing(service: Any, photo: bytes) -> None:
    body = ITEM + HEAD % b"photos" + photo
    request(service, f"{MULTIPART}Content-Length: {len(body) + 5000}\r\n", body).close()
    assert service.post([photo]).status_code == 201  # the service goes on
    assert service.runtime.inspections.count() == 1
    assert len(service.files()) == 1
    assert service.runtime.admission.requests == 0
    assert service.runtime.admission.bytes_in_flight == 0


def test_a_client_that_stalls_is_told_so(serve: Any) -> None:
    service = serve(body_timeout=0.3)
    with request(service, f"{MULTIPART}Content-Length: 5000\r\n", ITEM) as connection:
        assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")
    service.assert_nothing_stored()


def test_clients_that_stall_do_not_keep_others_from_grading(serve: Any, photo: bytes) -> None:
    service = serve(queue_limit=2)
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(request(service, f"{MULTIPART}Content-Length: 5000\r\n", ITEM))
        wait_until(lambda: service.runtime.admission.uploads == 5)
        assert service.post([photo]).status_code == 201
    wait_until(lambda: service.runtime.admission.uploads == 0)


def wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_faulty_part_header_is_told_in_words() -> None:
    with pytest.raises(UploadError, match=r"a header field of a part has no name\. Check the client"):
        read(b"--b\r\nContent-Disposition form-data\r\n\r\nx\r\n" + END)


@pytest.mark.parametrize("length", ["-5", "many", "1, 2", "99999999999999999999"])
def test_a_bogus_length_is_refused(service: Any, length: str) -> None:
    with request(service, f"{MULTIPART}Content-Length: {length}\r\n", ITEM) as connection:
        status = int(connection.recv(65536).split(b" ")[1])
    assert status in (400, 413)
    service.assert_nothing_stored()


def test_a_body_shorter_than_its_parts_is_refused(service: Any) -> None:
    with request(service, f"{MULTIPART}Content-Length: {len(ITEM)}\r\n", ITEM) as connection:
        assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")
    service.assert_nothing_stored()


@pytest.mark.parametrize(
    "headers", ["X-A: " + "a" * 200_000 + "\r\n", "X-A: b\r\n" * 30_000, "X-A: " + "a" * 5_000_000]
)
def test_headers_without_end_are_cut_off(service: Any, headers: str) -> None:
    answer = b""
    try:
        with request(service, headers) as connection:
            answer = connection.recv(65536)
    except (ConnectionResetError, BrokenPipeError):
        answer = b"HTTP/1.1 431 "  # cut off while we were still sending
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert service.client.get("/v2/health/live").status_code == 200


def test_what_is_not_http_is_answered_with_a_problem(service: Any) -> None:
    parts = urlsplit(service.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"urn:regrade:problem:bad-request" in answer


def test_no_mangled_body_is_our_fault(service: Any, render_photo: Any) -> None:
    photo = render_photo(0, (320, 240))
    body = ITEM + HEAD % b"photos" + photo + b"\r\n" + END
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    source = random.Random(7)
    for _ in range(150):
        mangled = bytearray(body)
        at = source.randrange(200) if source.random() < 0.7 else source.randrange(len(body))
        match source.randrange(3):
            case 0:
                mangled[at] = source.randrange(256)
            case 1:
                del mangled[at : at + source.randrange(1, 200)]
            case _:
                mangled[at:at] = source.randbytes(source.randrange(1, 20))
        answer = service.client.post("/v1/inspections", content=bytes(mangled), headers=headers)
        assert answer.status_code == 201 or 400 <= answer.status_code < 500, bytes(mangled[:300])
    report = verify_store(service.runtime.database, service.runtime.photos)
    assert (report.sound, report.orphans, report.leftovers) == (True, (), ())
