"""Names and notes in one form: what looks the same is found as the same, and what nobody sees is refused in words."""

import unicodedata
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from regrade.serving.base.text_forms import Name, Note, searched

NAME: TypeAdapter[str] = TypeAdapter(Name)
NOTE: TypeAdapter[str] = TypeAdapter(Note)

UNSEEN = {
    "zero-width space": "\u200b",
    "zero-width joiner": "\u200d",
    "zero-width non-joiner": "\u200c",
    "word joiner": "\u2060",
    "byte order mark": "\ufeff",
    "soft hyphen": "\u00ad",
    "right-to-left override": "\u202e",
    "isolate": "\u2066",
    "left-to-right mark": "\u200e",
    "combining grapheme joiner": "\u034f",
    "Hangul filler": "\u3164",
    "variation selector": "\ufe0f",
    "variation selector of an ideograph": "\U000e0100",
    "tag": "\U000e0041",
    "invisible times": "\u2062",
    "interlinear annotation": "\ufff9",
    "a code point that is no character": "\uffff",
    "NUL": "\0",
    "bell": "\a",
    "escape": "\x1b",
    "group separator of a scanner": "\x1d",
    "C1": "\x9b",
    "tab": "\t",
    "line feed": "\n",
    "line separator": "\u2028",
}


@pytest.mark.parametrize("what", UNSEEN)
def test_what_cannot_be_seen_is_refused_within_a_name_and_named(what: str) -> None:
    with pytest.raises(ValidationError) as caught:
        NAME.validate_python(f"RMA{UNSEEN[what]}1")
    [fault] = caught.value.errors()
    assert fault["ctx"]["character"].startswith(f"U+{ord(UNSEEN[what]):04X}")
    assert fault["ctx"]["place"] == 4


def test_nothing_that_unicode_calls_unseen_is_let_through() -> None:
    # Signs above and around others, of Arabic, Syriac, Kaithi and Egyptian, are seen although they are called so.
    seen = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD, *range(0x13430, 0x13440)}
    for code in set(range(0x110000)) - seen:
        if unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            with pytest.raises(ValidationError):
                NAME.validate_python(f"a{chr(code)}b")


@pytest.mark.parametrize(
    "text",
    ["RMA-1", "退货单-0042", "株式会社アクメ", "주식회사", "Zoë & Söhne", "ООО «Ромашка»", "شركة", "א-1", "a b", "📦7"],
)
def test_names_of_every_script_are_fine(text: str) -> None:
    assert NAME.validate_python(text) == text


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("Zoe\u0308", "Zoë"),
        ("  RMA-1\r\n", "RMA-1"),
        ("\u3000退货\u3000单\u00a0", "退货 单"),
        ("a\u00a0b\u2009c", "a b c"),
        ("\u1100\u1161", "가"),
        ("RMA-1\x1d", "RMA-1"),
        ("\u212b", "Å"),
    ],
)
def test_what_looks_the_same_is_kept_the_same(sent: str, kept: str) -> None:
    assert NAME.validate_python(sent) == kept
    assert searched(sent) == kept


@pytest.mark.parametrize("text", ["", " ", "\u3000", "\n\t", "x" * 129])
def test_a_name_that_is_empty_or_too_long_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        NAME.validate_python(text)


def test_a_note_keeps_its_lines_and_the_joiners_that_scripts_need() -> None:
    assert NOTE.validate_python(" one\r\ntwo\rthree\tfour\n") == "one\ntwo\nthree\tfour"
    assert NOTE.validate_python("می\u200cخواهم 👩\u200d🔧 ✔\ufe0f") == "می\u200cخواهم 👩\u200d🔧 ✔\ufe0f"


@pytest.mark.parametrize(
    "what", ["zero-width space", "right-to-left override", "NUL", "escape", "tag", "byte order mark"]
)
def test_a_note_hides_nothing(what: str) -> None:
    with pytest.raises(ValidationError):
        NOTE.validate_python(f"sound{UNSEEN[what]}, no scratch")


def test_a_search_leaves_out_what_cannot_be_seen() -> None:
    assert searched(" RM\u200bA-1\ufeff\n") == "RMA-1"


@pytest.mark.parametrize("field", ["rma", "sku", "seller", "station", "category"])
def test_an_item_with_an_unseen_character_is_refused_in_words(service: Any, photo: bytes, field: str) -> None:
    answer = service.post([photo], {"rma": "1", field: "pack\u200baging"})
    [fault] = answer.json()["errors"]
    assert (answer.status_code, fault["field"]) == (422, field)
    assert "character 5 is U+200B ZERO WIDTH SPACE" in fault["message"]
    service.assert_nothing_stored()


def test_the_words_come_in_the_reader_s_language(service: Any, photo: bytes) -> None:
    answer = service.post([photo], {"rma": "a\u200bb"}, accept_language="zh-CN")
    assert "看不见的符号" in answer.json()["detail"]


def test_an_item_is_found_however_its_name_is_written(service: Any, photo: bytes) -> None:
    made = service.post([photo], {"rma": "Zoe\u0308\u00a01 ", "seller": " Zoë"}).json()
    assert made["item"] == {"rma": "Zoë 1", "seller": "Zoë"}
    for sent in ("Zoë 1", "Zoe\u0308 1", "Zoë\u00a01", " Zoë 1\n"):
        [found] = service.client.get("/v1/inspections", params={"rma": sent}).json()["items"]
        assert found["id"] == made["id"]
    assert service.client.get("/v1/inspections", params={"seller": "Zoe\u0308"}).json()["items"]
    refused = service.client.get("/v1/inspections", params={"rma": "Zoë\u200b 1"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "rma")


def test_the_desk_finds_an_item_whatever_a_scanner_adds_to_its_name(service: Any, photo: bytes) -> None:
    made = service.post([photo], {"rma": "RMA-7", "seller": "退货"}).json()
    browser, here = service.with_key(None), {"origin": service.url}
    browser.post("/desk/login", data={"key": service.key("reviewer")}, headers=here)
    for sent in ("RMA-7", "\ufeffRMA-7\r\n", "RMA\u200b-7", " rma-7\x1d"):
        found = browser.get("/desk/items", params={"q": sent})
        assert found.headers["location"] == f"/desk/items/{made['id']}", sent
    assert browser.get("/desk", params={"seller": "退\u200b货"}).status_code == 422
