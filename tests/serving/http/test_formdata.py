"""What clients write into the heads of parts, and that both ways to read a body make the same of it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multipart import MultipartSegment, PushMultipartParser

from regrade.serving.base.errors import UploadError
from regrade.serving.base.settings import Settings
from regrade.serving.http.uploads import read_upload, take_apart

LIMITS = Settings(_env_file=None, max_item_bytes=256, max_photo_bytes=2000, max_photos=3)
TYPE = "multipart/form-data; boundary=b"
ITEM = b'--b\r\nContent-Disposition: form-data; name="item"\r\n\r\n{"rma": "1"}\r\n'
END = b"--b--\r\n"

FILE_NAMES: dict[str, bytes] = {
    "UTF-8": 'filename="照片.jpg"'.encode(),
    "GBK": 'filename="照片.jpg"'.encode("gbk"),
    "GBK with a backslash as second byte": 'filename="繺.jpg"'.encode("gbk"),
    "GBK with a backslash before the quote": b'filename="\x81\x5c"',
    "Latin-1": 'filename="Rückläufer.jpg"'.encode("latin-1"),
    "Shift JIS": 'filename="ソ十表.jpg"'.encode("shift_jis"),
    "UTF-16": 'filename="a.jpg"'.encode("utf-16"),
    "any byte": b'filename="' + bytes(set(range(256)) - set(b'\r\n"\\')) + b'"',
    "escaped quotes": rb'filename="a\"b\\c.jpg"',
    "bare quotes": b'filename="a"b"c.jpg"',
    "percent escapes": b'filename="%22%0D%0A%00.jpg"',
    "a Windows path": rb'filename="C:\photos\1.jpg"',
    "a path upwards": b'filename="../../etc/passwd"',
    "nothing": b'filename=""',
    "no quotes": b"filename=1.jpg",
    "spaces without quotes": b"filename=my photo 1.jpg",
    "RFC 5987": b"filename=1.jpg; filename*=UTF-8''%e7%85%a7.jpg",
    "RFC 5987 in GBK": b"filename*=gbk''%d5%d5.jpg",
    "RFC 2231 in pieces": b"filename*0*=UTF-8''%e7%85; filename*1=a.jpg",
    "RFC 2047": b'filename="=?UTF-8?B?54Wn54mH?="',
    "a line feed": b'filename="a\nb.jpg"',
    "a carriage return": b'filename="a\rb.jpg"',
    "NUL": b'filename="a\x00b.jpg"',
    "4,000 characters": b'filename="' + b"%e7%85%a7" * 1300 + b'"',
    "another name": b'filename="x"; name="item"',
}

HEADS: dict[str, bytes] = {
    "curl": b'Content-Disposition: form-data; name="photos"; filename="1.jpg"\r\nContent-Type: image/jpeg',
    "no quotes, as .NET": b"Content-Type: image/jpeg\r\nContent-Disposition: form-data; name=photos; filename=1.jpg",
    "OkHttp": b'Content-Disposition: form-data; name="photos"\r\nContent-Type: image/jpeg\r\nContent-Length: 3',
    "Apache HttpClient": b'Content-Disposition: form-data; name="photos"\r\nContent-Transfer-Encoding: binary',
    "a charset": b'Content-Disposition: form-data; name="photos"\r\nContent-Type: text/plain; charset=GBK',
    "8bit in capitals": b'CONTENT-DISPOSITION: FORM-DATA; NAME="photos"\r\ncontent-transfer-encoding: 8BIT',
    "no space, tabs": b'content-disposition:form-data;\tname = "photos"\t;filename="x"',
    "folded": b'Content-Disposition: form-data;\r\n\tname="photos";\r\n filename="x"',
    "space before the colon": b'Content-Disposition : form-data; name="photos"',
    "file name first": b'Content-Disposition: form-data; filename="1.jpg"; name="photos"',
    "file name first, hidden end": b'Content-Disposition: form-data; filename="\x81\x5c"; name="photos"',
    "a name within a file name": rb'Content-Disposition: form-data; filename="\"; name=\"item\""; name="photos"',
    "other fields, of any bytes": b'X-\xe9: \xff\r\nX-A: 1\r\nX-A: 2\r\nContent-Disposition: form-data; name="photos"',
    "a length that is none": b'Content-Disposition: form-data; name="photos"\r\nContent-Length: ' + b"9" * 5000,
    "the same twice": b'Content-Disposition: form-data; name="photos"\r\n' * 2 + b"A: b",
}


def read(pieces: Sequence[bytes], limits: Settings = LIMITS) -> Any:
    """What `read_upload` makes of a body in `pieces`: an upload, or the code and words of a refusal."""

    async def chunks() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    try:
        return asyncio.run(read_upload(chunks(), TYPE, limits))
    except UploadError as error:
        return error.code, str(error)


def read_whole(body: bytes, limits: Settings = LIMITS) -> Any:
    """What `take_apart` makes of it, in a buffer that holds the end of an earlier body."""
    try:
        return take_apart(bytearray(body + b"\r\n--b--"), len(body), TYPE, limits)
    except UploadError as error:
        return error.code, str(error)


def with_head(head: bytes) -> bytes:
    return ITEM + b"--b\r\n" + head + b"\r\n\r\nabc\r\n" + END


@pytest.mark.parametrize("name", FILE_NAMES)
def test_a_file_name_may_be_anything(name: str) -> None:
    body = with_head(b'Content-Disposition: form-data; name="photos"; ' + FILE_NAMES[name])
    for found in (read_whole(body), read([body]), read([bytes([one]) for one in body])):
        assert found.photos == (b"abc",)


@pytest.mark.parametrize("client", HEADS)
def test_the_heads_of_many_clients_are_understood(client: str) -> None:
    body = with_head(HEADS[client])
    for found in (read_whole(body), read([body]), read([bytes([one]) for one in body])):
        assert found.photos == (b"abc",)


def test_a_boundary_may_be_followed_by_blanks() -> None:
    assert read_whole(with_head(b'Content-Disposition: form-data; name="photos"').replace(b"--b\r", b"--b \t\r"))


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "x-uuencode"])
def test_a_part_that_is_not_sent_as_it_is_says_so(encoding: str) -> None:
    head = f'Content-Disposition: form-data; name="photos"\r\nContent-Transfer-Encoding: {encoding}'
    code, words = read_whole(with_head(head.encode()))
    assert code == "encoded-part"
    assert encoding in words


BAD_HEADS: dict[str, bytes] = {
    "none": b"",
    "without a colon": b"Content-Disposition form-data",
    "an attachment": b'Content-Disposition: attachment; name="photos"',
    "two different ones": b'Content-Disposition: form-data; name="photos"\r\nContent-Disposition: form-data; name=item',
    "longer than any": b'Content-Disposition: form-data; name="photos"; filename="' + b"x" * 20_000 + b'"',
    "very many fields": b'Content-Disposition: form-data; name="photos"' + b"\r\nX-A: 1" * 40,
    "after a boundary that goes on": b'more\r\nContent-Disposition: form-data; name="photos"',
}


@pytest.mark.parametrize("name", BAD_HEADS)
def test_a_head_that_breaks_the_rules_is_refused(name: str) -> None:
    body = with_head(BAD_HEADS[name]).replace(b"--b\r\nmore", b"--b more")
    for found in (read_whole(body), read([body]), read([body[at : at + 100] for at in range(0, len(body), 100)])):
        assert found[0] == "malformed-multipart"


HEAD_FIELDS = st.sampled_from(
    [b'Content-Disposition: form-data; name="photos"', b'Content-Disposition: form-data; name="item"',
     b"Content-Type: image/jpeg", b"Content-Length: 3", b"X-A: \n", b"broken", b"Content-Disposition: form-data"]
)  # fmt: skip
CONTENTS = st.one_of(
    st.binary(max_size=60),
    st.lists(st.sampled_from([b"\r", b"\n", b"-", b"--b", b"\r\n--", b"\r\n\r\n", b"x", b'{"rma": "1"}'])).map(
        b"".join
    ),
    st.just(b"x" * 1990),
)
PARTS = st.builds(
    lambda start, fields, content: start + b"\r\n".join(fields) + b"\r\n\r\n" + content + b"\r\n",
    st.sampled_from([b"--b\r\n", b"--b\r\n", b"--b \r\n", b"--bb\r\n", b"--b", b""]),
    st.lists(HEAD_FIELDS, max_size=3),
    CONTENTS,
)
BODIES = st.builds(
    lambda preamble, parts, end: preamble + b"".join(parts) + end,
    st.sampled_from([b"", b"", b"preamble\r\n", b"\r\n", b"x"]),
    st.lists(PARTS, max_size=5),
    st.sampled_from([END, END, b"--b--", b"--b--\r\nepilogue\r\n--b\r\n", b"--b-", b""]),
)


@given(body=BODIES, cuts=st.lists(st.integers(0, 3000), max_size=40))
@settings(max_examples=400)
def test_both_ways_to_read_a_body_make_the_same_of_it(body: bytes, cuts: list[int]) -> None:
    places = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    pieces = [body[a:b] for a, b in pairwise(places)]
    assert read(pieces) == read_whole(body) == read([bytes([one]) for one in body])


@given(
    photos=st.lists(CONTENTS, min_size=1, max_size=3), names=st.lists(st.binary(max_size=20), min_size=3, max_size=3)
)
@settings(max_examples=200)
def test_a_well_formed_body_reads_as_another_parser_reads_it(photos: list[bytes], names: list[bytes]) -> None:
    clean = [name.translate(None, b'\r\n"\\') for name in names]
    safe = [photo.replace(b"--b", b"--c") for photo in photos]
    head = b'--b\r\nContent-Disposition: form-data; name="photos"; filename="%s"\r\n\r\n'
    body = ITEM + b"".join(head % name + photo + b"\r\n" for name, photo in zip(clean, safe, strict=False)) + END
    assert read_whole(body).photos == tuple(other_parser(body)[1:])


def other_parser(body: bytes) -> list[bytes]:
    found: list[bytes] = []
    with PushMultipartParser("b", header_charset="latin-1") as parser:
        for event in parser.parse(body):
            if isinstance(event, MultipartSegment):
                found.append(b"")
            elif event is not None:
                found[-1] += event
    return found


@pytest.mark.parametrize("photo", ["GBK", "a line feed", "no quotes"])
def test_an_item_is_graded_whatever_its_file_is_called(service: Any, photo: str, render_photo: Any) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="photos"; ' + FILE_NAMES[photo] + b"\r\n\r\n"
    body = ITEM + head + render_photo(0) + b"\r\n" + END
    answer = service.client.post("/v1/inspections", content=body, headers={"Content-Type": TYPE})
    assert answer.status_code == 201
