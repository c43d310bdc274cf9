"""Labels of graded items: ZPL that an RMA cannot break out of, and HTML that a browser prints."""

import html
import re
from typing import Any

import pytest
import segno

from regrade.serving.http.labels.fields import Label, Size, qr_rows
from regrade.serving.http.labels.page import html_of
from regrade.serving.http.labels.zpl import code_128, escaped, zpl_of

SIZES: tuple[Size, ...] = ("4x6", "62mm")
ATTACKS = [
    "^XZ^XA^JUS^XZ",
    "~DGR:A.GRF",
    "A^FS^FO0,0^FDx",
    "_5E",
    "</title><script>alert(1)</script>",
    "单号^1",
    "\\&x",
]


def label(rma: str = "RMA-7", bin_: str = "New stock") -> Label:
    return Label(rma, "Relist", "unopened", bin_, "https://bench.example/desk/items/01a2")


def said(zpl: str) -> list[str]:
    """What a printer reads from the fields of a label, by the rule of `^FH`."""
    fields = re.findall(r"\^FH_\^FD(.*?)\^FS", zpl)
    read = [re.sub(rb"_([0-9A-F]{2})", lambda m: bytes([int(m[1], 16)]), field.encode()) for field in fields]
    return [field.decode() for field in read]


@pytest.mark.parametrize("size", SIZES)
def test_a_label_says_word_bin_condition_rma_and_address(size: Size) -> None:
    zpl = zpl_of(label(), size)
    bars = code_128("RMA-7", 700)
    assert bars is not None
    assert said(zpl) == [
        "Relist",
        "New stock",
        "unopened",
        "RMA-7",
        "RMA-7",
        "MA,https://bench.example/desk/items/01a2",
    ]
    assert "^BCN" in zpl
    assert zpl.startswith("^XA\n")
    assert zpl.endswith("^XZ\n")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("attack", ATTACKS)
def test_no_rma_and_no_bin_commands_the_printer(size: Size, attack: str) -> None:
    zpl = zpl_of(label(attack, attack), size)
    plain = zpl_of(label("A" * len(attack), "B" * len(attack)), size)
    assert zpl.isascii()
    commands = set(re.findall(r"[\^~]\w{2}", zpl))
    assert commands <= set(re.findall(r"[\^~]\w{2}", plain))
    assert "~" not in zpl
    assert zpl.count("^XA") == zpl.count("^XZ") == 1
    assert attack in said(zpl)


@pytest.mark.parametrize(("size", "width", "height"), [("4x6", 812, 1218), ("62mm", 496, 400)])
def test_everything_stays_on_the_label(size: Size, width: int, height: int) -> None:
    address = "https://returns.warehouse.example/regrade/desk/items/" + "0" * 36
    long = Label("R" * 128, "Repackage", "unopened", "B" * 64, address)
    zpl = zpl_of(long, size)
    for x, y, letter, room, lines in re.findall(r"\^FO(\d+),(\d+)\^A0N,(\d+),\d+\^FB(\d+),(\d+)", zpl):
        assert int(x) + int(room) <= width
        assert int(y) + int(letter) * int(lines) <= height
    [(x, y, module)] = re.findall(r"\^FO(\d+),(\d+)\^BQN,2,(\d+)", zpl)
    side = int(module) * len(qr_rows(long.address))
    assert int(x) + side <= width
    assert int(y) + side <= height
    assert int(module) >= 2


def test_every_byte_that_is_no_letter_digit_space_dot_or_dash_is_written_in_hex() -> None:
    assert escaped("A^_~1.-\u00e9") == "A_5E_5F_7E1.-_C3_A9"


def test_signs_that_invoke_something_in_code_128_are_written_as_they_are_read() -> None:
    bars = code_128("a>b^c~", 800)
    assert bars is not None
    assert bars == ("^BY3", escaped("a>0b><c>="))


@pytest.mark.parametrize("text", ["", "单号", "A\n", "R" * 60])
def test_what_does_not_fit_code_128_has_none(text: str) -> None:
    assert code_128(text, 732) is None


def test_bars_are_as_wide_as_fits() -> None:
    assert [code_128("R" * n, 732)[0] for n in (8, 25)] == ["^BY3", "^BY2"]  # type: ignore[index]


def test_the_qr_code_is_of_the_address() -> None:
    rows = qr_rows("https://bench.example/desk/items/01a2")
    expected = segno.make("https://bench.example/desk/items/01a2", error="m", micro=False).matrix
    assert [list(row) for row in rows] == [list(row) for row in expected]


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_rma_becomes_markup(attack: str) -> None:
    body, headers = html_of(label(attack), "62mm", "en")
    assert "<script" not in body
    assert html.escape(attack, quote=False).replace("&#x27;", "'") in body.replace("&#34;", '"').replace("&#39;", "'")
    assert "script-src" not in headers["Content-Security-Policy"]
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")


def test_a_label_of_an_item_that_waits_says_nothing_of_what_the_model_found(service: Any, photo: bytes) -> None:
    dear = {"rma": "L-1", "category": "electronics", "declared_value": {"amount": 5000, "currency": "USD"}}
    made = service.post([photo], dear).json()
    assert made["now"] == {"state": "aside", "bin": {"name": "QA shelf", "colour": "grey"}}
    answer = service.as_role("station").get(f"/v1/inspections/{made['id']}/label", params={"format": "zpl"})
    assert answer.headers["content-type"] == "application/zpl"
    address = f"MA,{service.url}/desk/items/{made['id']}"
    assert said(answer.text) == ["Set aside", "QA shelf", "L-1", "L-1", address]


def test_a_label_of_what_was_decided_says_so_in_the_reader_s_language(service: Any, photo: bytes) -> None:
    item = {"rma": "L-2", "category": "packaging", "declared_value": {"amount": 40, "currency": "USD"}}
    made = service.post([photo], item).json()
    assert made["now"] == {"state": "decide"}
    station = service.as_role("station")
    decided = station.post(f"/v1/inspections/{made['id']}/decision", json={"condition": "unopened"}).json()
    assert decided["now"] == {"state": "put", "action": "relist", "bin": {"name": "New stock", "colour": "green"}}
    chinese = {"Accept-Language": "zh-CN"}
    answer = station.get(f"/v1/inspections/{made['id']}/label", params={"size": "62mm"}, headers=chinese)
    assert answer.headers["content-type"].startswith("text/html")
    for words in ("上架", "新品货架", "未拆封", "L-2"):
        assert words in answer.text
    english = station.get(f"/v1/inspections/{made['id']}/label", params={"format": "zpl"}, headers=chinese)
    assert "Relist" in english.text


@pytest.mark.parametrize("query", [{"size": "a4"}, {"format": "pdf"}, {"colour": "red"}])
def test_what_no_label_has_is_refused(service: Any, photo: bytes, query: dict[str, str]) -> None:
    made = service.post([photo]).json()
    answer = service.as_role("station").get(f"/v1/inspections/{made['id']}/label", params=query)
    assert answer.status_code == 422


def test_who_may_not_and_what_is_not_there(service: Any, photo: bytes) -> None:
    made = service.post([photo]).json()
    path = f"/v1/inspections/{made['id']}/label"
    assert service.as_role("reviewer").get(path).status_code == 403
    assert service.as_role("station").get("/v1/inspections/nothing/label").status_code == 404
    service.client.delete(f"/v1/inspections/{made['id']}")
    assert service.as_role("station").get(path).status_code == 410
