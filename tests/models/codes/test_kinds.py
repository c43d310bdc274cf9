"""What the text of a code is taken for, and what it is not."""

import pytest

from regrade.models.codes.kinds import gtin_in, gtin_of, is_imei, looks_like_serial, serial_in
from regrade.models.codes.types import Code, bounded


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("036000291452", "00036000291452"),  # UPC-A
        ("0036000291452", "00036000291452"),  # the same as an EAN-13
        ("00036000291452", "00036000291452"),  # and as a GTIN-14
        ("4006381333931", "04006381333931"),
        ("96385074", "00000096385074"),  # EAN-8
    ],
)
def test_a_gtin_is_the_same_whatever_it_was_printed_as(text: str, whole: str) -> None:
    assert gtin_of(text) == whole


@pytest.mark.parametrize("text", ["4006381333932", "400638133393", "0000000000000", "40063813339３1", "RMA-1", ""])
def test_what_has_another_check_digit_or_is_no_number_is_no_gtin(text: str) -> None:
    assert gtin_of(text) is None


def test_a_gtin_is_found_where_gs1_says_that_one_is() -> None:
    for text in ("(01)04006381333931(21)A1B2", "https://id.example.org/01/04006381333931/21/A1B2?x=1"):
        code = Code(text, "barcode", "qr_code")
        assert (gtin_in(code), serial_in(code)) == ("04006381333931", "A1B2")


def test_digits_in_a_code_of_parcels_are_no_gtin_and_a_scanner_is_believed() -> None:
    assert gtin_in(Code("4006381333931", "barcode", "code_128")) is None
    assert gtin_in(Code("4006381333931", "scanner")) == "04006381333931"


def test_an_imei_has_fifteen_digits_of_a_known_body_and_its_check_digit() -> None:
    assert is_imei("490154203237518")
    assert not is_imei("490154203237519")  # another check digit
    assert not is_imei("790154203237515")  # nobody gives those out
    assert not is_imei("4901542032375")


def test_a_label_says_that_a_text_is_a_serial_number() -> None:
    assert serial_in(Code("S/N: ab-12 34", "barcode", "code_128")) is None  # a sentence is none
    assert serial_in(Code("S/N: ab-1234", "barcode", "code_128")) == "AB1234"
    assert serial_in(Code("SN2024", "barcode", "code_128")) is None


@pytest.mark.parametrize(
    ("text", "expected", "is_one"),
    [
        ("C02XK1ABJG5J", "C02ZZ9QWJG5J", True),
        ("490154203237518", "356938035643809", True),  # an IMEI beside an IMEI
        ("123456789012345", "356938035643809", False),
        ("1Z999AA10123456784", "AB999AA10123456784", False),  # a parcel's
        ("LPNRR123456789", "SNABC123456789", False),  # a warehouse's label
        ("771234567890", "551234567890", False),  # digits that begin otherwise
        ("551234567891", "551234567890", True),
        ("C02XK1ABJG5", "C02ZZ9QWJG5J", False),
    ],
)
def test_another_copy_s_number_looks_like_that_of_the_right_one(text: str, expected: str, is_one: bool) -> None:
    assert looks_like_serial(text, expected) is is_one


def test_what_cannot_be_seen_in_a_text_is_written_out() -> None:
    assert bounded("a\u202eb\x00\n\u2066") == ("a\\u202eb\\u0000\\u000a\\u2066", False)


def test_a_text_is_cut_where_it_is_too_long_and_says_so() -> None:
    assert bounded("x" * 512) == ("x" * 512, False)
    assert bounded("x" * 10_000) == ("x" * 512, True)
