"""Requests that lie about themselves: each is refused in words, whatever it claims, and before much is made of it."""

import base64
import json
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regrade.serving.base.errors import TensorError
from regrade.serving.oip.request import MAX_JSON_BYTES, InferRequest, json_size, read_request
from regrade.serving.oip.tensors import Tensor, from_binary, to_binary, to_json

HUGE = [2**31, 2**31, 3]


def read(root: Any, binary: bytes = b"", header: str | None = "") -> InferRequest:
    """A request as it comes; `header` is what it says of its JSON, the truth where it is empty."""
    text = root if isinstance(root, bytes) else json.dumps(root).encode()
    body = text + binary
    told = (str(len(text)) if binary else None) if header == "" else header
    return read_request(body, len(body), json_size(body, len(body), told))


def pixels(**changed: Any) -> dict[str, Any]:
    given = {"name": "pixels", "datatype": "UINT8", "shape": [1, 2, 3], "data": [0, 1, 2, 3, 4, 255]}
    return {"inputs": [{name: value for name, value in (given | changed).items() if value is not ...}]}


def raw(size: Any, **changed: Any) -> dict[str, Any]:
    return pixels(**{"data": ..., "parameters": {"binary_data_size": size}} | changed)


def test_numbers_in_json_may_be_flat_or_nested_as_their_shape() -> None:
    for data in ([0, 1, 2, 3, 4, 255], [[[0, 1, 2], [3, 4, 255]]]):
        tensor = read(pixels(data=data)).inputs["pixels"]
        np.testing.assert_array_equal(tensor.elements, np.array([[[0, 1, 2], [3, 4, 255]]], np.uint8))


def test_what_is_read_of_binary_data_outlives_the_buffer_that_it_came_in() -> None:
    text = json.dumps(raw(6)).encode()
    buffer = bytearray(text + bytes(range(6)) + b"what another request has left")
    request = read_request(buffer, len(text) + 6, len(text))
    buffer[:] = bytes(len(buffer))
    assert request.inputs["pixels"].elements.ravel().tolist() == list(range(6))  # type: ignore[union-attr]


def test_bytes_in_json_are_base64_that_says_so() -> None:
    photos = {"name": "photos", "datatype": "BYTES", "shape": [2, 1], "data": [["AAE="], ["/w=="]]}
    request = read({"inputs": [photos | {"parameters": {"content_type": "base64"}}]})
    assert request.inputs["photos"].elements == (b"\0\1", b"\xff")
    with pytest.raises(TensorError, match="content_type"):
        read({"inputs": [photos]})


REFUSED: dict[str, tuple[Any, bytes, str]] = {
    "no JSON": (b"{", b"", "cannot be read"),
    "no UTF-8": (b'{"id": "\xff"}', b"", "UTF-8"),
    "no object": ([], b"", "JSON object"),
    "no inputs": ({}, b"", "`inputs`"),
    "inputs that are none": ({"inputs": {}}, b"", "`inputs`"),
    "an input that is none": ({"inputs": [1]}, b"", "JSON object"),
    "a million inputs": ({"inputs": [1] * 1_000_000}, b"", "1 to 16"),
    "two of a name": ({"inputs": pixels()["inputs"] * 2}, b"", "Two inputs"),
    "a name twice in an object": (b'{"inputs": [], "inputs": []}', b"", "twice"),
    "an id that is none": (pixels() | {"id": 7}, b"", "`id`"),
    "half a character for an id": (pixels() | {"id": "\ud800"}, b"", "`id`"),
    "a NaN": (b'{"inputs": [{"name": "pixels", "data": [NaN]}]}', b"", "NaN"),
    "an Infinity": (b'{"inputs": [-Infinity]}', b"", "Infinity"),
    "a number of ten thousand digits": (b'{"id": ' + b"9" * 10_000 + b"}", b"", "cannot be read"),
    "JSON nested deep": (b"[" * 200_000, b"", "nested too deep|cannot be read"),
    "data nested deep": (b'{"inputs": [{"data": ' + b"[" * 900 + b"]" * 900 + b"}]}", b"", "name"),
    "data nested unevenly": (pixels(data=[[1, 2], 3]), b"", "unevenly"),
    "data nested otherwise": (pixels(data=[[0, 1], [2, 3], [4, 5]]), b"", r"shape \[3, 2\]"),
    "data of other types": (pixels(data=[{}, [], None, "a", 1, 2]), b"", "unevenly|whole number"),
    "texts for numbers": (pixels(data=["0"] * 6), b"", "whole number"),
    "fractions": (pixels(data=[0.5] * 6), b"", "whole number"),
    "more than a byte": (pixels(data=[256] * 6), b"", "whole number"),
    "less than nothing": (pixels(data=[-1] * 6), b"", "whole number"),
    "a number that no machine has": (pixels(data=[10**300] * 6), b"", "whole number"),
    "too little data": (pixels(data=[1]), b"", "shape"),
    "data that is no list": (pixels(data="123456"), b"", "must be a list"),
    "no data": (pixels(data=...), b"", "one of both"),
    "no shape": (pixels(shape=...), b"", "shape"),
    "a side below nothing": (pixels(shape=[-1, 2, 3]), b"", "from 0 up"),
    "a side that is none": (pixels(shape=[True, 2, 3]), b"", "from 0 up"),
    "a hundred dimensions": (pixels(shape=[1] * 100), b"", "at most 8"),
    "a shape beyond counting": (pixels(shape=HUGE), b"", "more elements"),
    "a product that wraps to six": (pixels(shape=[2**62, 4, 6]), b"", "more elements"),
    "no datatype": (pixels(datatype=...), b"", "datatype"),
    "a datatype of somebody's own": (pixels(datatype="UINT7"), b"", "datatype"),
    "a datatype that nothing takes": (pixels(datatype="FP64"), b"", "no model"),
    "parameters that are none": (pixels(parameters=[1]), b"", "JSON object"),
    "shared memory": (pixels(data=..., parameters={"shared_memory_region": "a"}), b"", "shared memory"),
    "data both ways": (pixels(parameters={"binary_data_size": 6}), bytes(6), "one of both"),
    "more binary data than there is": (raw(7), bytes(6), "at most 6"),
    "less binary data than there is": (raw(6), bytes(9), "9 bytes"),
    "binary data below nothing": (raw(-1), bytes(6), "whole number"),
    "binary data that is true": (raw(True), bytes(6), "whole number"),
    "binary data of another size": (raw(5), bytes(5), "which is 6 bytes"),
    "a text that goes on beyond the end": (raw(5, datatype="BYTES", shape=[1]), b"\xff\xff\xff\xffa", "beyond the end"),
    "half a length": (raw(6, datatype="BYTES", shape=[1]), b"\x01\0\0\0a\0", "of none"),
    "a billion texts in no bytes": (raw(4, datatype="BYTES", shape=[10**9]), bytes(4), "cannot hold"),
    "base64 that is none": (
        pixels(datatype="BYTES", shape=[1], data=["!"], parameters={"content_type": "base64"}),
        b"",
        "not base64",
    ),
    "an output twice": (pixels() | {"outputs": [{"name": "a"}] * 2}, b"", "twice"),
    "outputs that are none": (pixels() | {"outputs": {"a": 1}}, b"", "`outputs`"),
    "classification": (pixels() | {"outputs": [{"name": "a", "parameters": {"classification": 1}}]}, b"", "extension"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_as_it_says_is_refused(name: str) -> None:
    root, binary, words = REFUSED[name]
    with pytest.raises(TensorError, match=words):
        read(root, binary)


@pytest.mark.parametrize("header", ["0", "-1", "1e3", "99999999", "9" * 40, "٣", "", " 5"])
def test_a_length_of_the_json_that_cannot_be_is_refused(header: str) -> None:
    body = json.dumps(pixels()).encode()
    with pytest.raises(TensorError, match="Inference-Header-Content-Length"):
        json_size(body, len(body), header or "x")


def test_json_that_would_be_many_times_as_large_in_memory_is_not_read() -> None:
    for text in (b"[" * 500_000, b"0," * 2_500_000):
        with pytest.raises(TensorError, match="binary data"):
            json_size(text, len(text), None)
    with pytest.raises(TensorError, match="32 are read"):
        json_size(b"", MAX_JSON_BYTES + 1, None)


@given(st.binary(max_size=300), st.text("0123456789-", max_size=4))
def test_any_bytes_are_a_request_or_refused_in_words(body: bytes, header: str) -> None:
    for told in (header, None):
        with suppress(TensorError):
            assert read(body, header=told).inputs


@given(st.lists(st.binary(max_size=20), max_size=5))
def test_texts_come_back_as_they_were_sent(texts: list[bytes]) -> None:
    tensor = Tensor("a", "BYTES", (len(texts),), tuple(texts))
    assert from_binary("a", "BYTES", (len(texts),), memoryview(to_binary(tensor))) == tensor


@given(st.lists(st.integers(0, 1_000_000).map(lambda n: n / 1e6), min_size=1, max_size=20))
def test_shares_of_six_digits_are_written_as_they_are(shares: list[float]) -> None:
    assert to_json(Tensor("a", "FP32", (len(shares),), np.array(shares, np.float32))) == shares


def test_base64_is_taken_in_its_one_form() -> None:
    photos = {"name": "photos", "datatype": "BYTES", "shape": [1], "parameters": {"content_type": "base64"}}
    for text in (base64.b64encode(b"\xfb\xff").decode()[:-1], "-_8=", "+/8=\n", "é"):
        with pytest.raises(TensorError, match="not base64"):
            read({"inputs": [photos | {"data": [text]}]})
