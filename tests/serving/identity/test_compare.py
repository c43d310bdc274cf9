"""Whether codes make an item the right one, the wrong one, or say nothing of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from regrade.models.codes.identity import ExpectedCodes, Identity
from regrade.models.codes.types import Code
from regrade.models.pieces.types import ExpectedPiece
from regrade.serving.identity.compare import identify, scanned

PEN, INK = "04006381333931", "00036000291452"
SERIAL, OTHER = "C02ZZ9QWJG5J", "C02XK1ABJG5J"
ITEM = {"rma": "C02RMA000001", "sku": "PEN"}


class Papers:
    def codes_expected(self, item: Mapping[str, Any]) -> ExpectedCodes:
        return ExpectedCodes()

    def pieces_expected(self, item: Mapping[str, Any]) -> tuple[ExpectedPiece, ...]:
        return ()

    def skus_of_gtins(self, gtins: Sequence[str], seller: str | None) -> Mapping[str, str]:
        return {INK: "INK"} if INK in gtins else {}


def said(*codes: Code, gtins: Sequence[str] = (), serials: Sequence[str] = (), **item: Any) -> Identity:
    return identify({**ITEM, **item}, ExpectedCodes(tuple(gtins), tuple(serials)), codes, Papers())


def ean(gtin: str) -> Code:
    return Code(gtin[1:], "barcode", "ean_13", 0)


def c128(text: str) -> Code:
    return Code(text, "barcode", "code_128", 0)


def test_the_code_that_is_expected_is_a_match() -> None:
    found = said(ean(PEN), gtins=[PEN])
    assert (found.verdict, found.codes[0].kind, found.codes[0].agrees) == ("match", "gtin", True)


def test_another_gtin_is_a_mismatch_and_says_which_sku_it_looks_like() -> None:
    found = said(ean(INK), gtins=[PEN])
    assert (found.verdict, found.codes[0].agrees, found.looks_like) == ("mismatch", False, ("INK",))


def test_one_that_agrees_makes_up_for_others_of_its_kind() -> None:
    assert said(ean(INK), ean(PEN), gtins=[PEN]).verdict == "match"


def test_nothing_is_said_where_nothing_is_expected() -> None:
    found = said(ean(INK))
    assert (found.verdict, found.codes[0].agrees) == ("not_expected", None)


@pytest.mark.parametrize(
    "code",
    [
        c128("1Z999AA10123456784"),  # UPS
        c128("9400110200881234567890"),  # USPS
        c128("C02RMA000001"),  # the return's own label
        c128("4006381333931"),  # digits that happen to be a GTIN
        c128("LPNRR1234567"),
        Code("2000000000008", "barcode", "ean_13", 0),  # a shop's own number
        Code("10036000291459", "barcode", "itf", 0),  # a carton of something else
        Code("https://example.org/track?n=1", "barcode", "qr_code", 0),
    ],
)
def test_what_lies_about_makes_no_item_a_wrong_one(code: Code) -> None:
    assert said(code, gtins=[PEN], serials=[SERIAL]).verdict == "nothing_read"


def test_another_copy_is_told_by_its_serial_number() -> None:
    found = said(ean(PEN), c128(OTHER), gtins=[PEN], serials=[SERIAL])
    assert (found.verdict, [(one.text, one.agrees) for one in found.codes]) == (
        "mismatch",
        [(OTHER, False), (PEN[1:], True)],
    )


def test_a_serial_number_is_the_same_in_small_letters_and_with_dashes() -> None:
    assert said(c128("c02z-z9qw-jg5j"), serials=[SERIAL]).verdict == "match"


def test_of_several_serial_numbers_one_is_enough() -> None:
    assert said(c128(OTHER), serials=[SERIAL, OTHER]).verdict == "match"


def test_an_imei_is_compared_with_an_imei_alone() -> None:
    assert said(c128("490154203237518"), serials=["356938035643809"]).verdict == "mismatch"
    assert (
        said(c128("490154203237519"), serials=["356938035643809"]).verdict == "nothing_read"
    )  # its check digit is wrong


def test_what_the_station_scanned_counts() -> None:
    found = said(gtins=[PEN], answers={"codes": [INK[1:]]})
    assert (found.verdict, found.codes[0].source, found.codes[0].photo) == ("mismatch", "scanner", None)


@pytest.mark.parametrize("answers", [None, {}, {"codes": "x"}, {"codes": [1, None, {}, ""]}, {"codes": {"a": 1}}, [1]])
def test_other_answers_are_the_station_s_own_business(answers: Any) -> None:
    assert scanned(answers) == []


def test_codes_without_end_are_bounded() -> None:
    assert len(said(answers={"codes": [f"X{n}" for n in range(1000)]}, gtins=[PEN]).codes) == 24
