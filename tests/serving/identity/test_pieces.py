"""Which codes tell of pieces, and that they speak neither for nor against the item."""

from typing import Any

from regrade.models.codes.identity import ExpectedCodes
from regrade.models.codes.types import Code
from regrade.models.pieces.types import ExpectedPiece, SeenPiece
from regrade.serving.identity.compare import identify
from regrade.serving.identity.papers import NO_PAPERS
from regrade.serving.identity.pieces import seen_pieces

CHARGER, PEN = "4006381333931", "00036000291452"
EXPECTED = (ExpectedPiece("charger", 1, (CHARGER,)), ExpectedPiece("cable", 2, ("LH-90",)), ExpectedPiece("strap"))


def read(text: str, photo: int = 0, kind: str = "code_128", x: float = 0.0) -> Code:
    return Code(text, "barcode", kind, photo, ((x, 0.0), (x + 9, 0.0), (x + 9, 9.0), (x, 9.0)))


def seen(*codes: Code, **item: Any) -> tuple[SeenPiece, ...]:
    return seen_pieces(EXPECTED, codes, {"rma": "R-1", **item})


def test_nothing_is_said_of_a_piece_without_a_code() -> None:
    assert seen() == ()
    assert seen(read("SOMETHING")) == ()


def test_as_many_are_there_as_one_photo_shows_at_once() -> None:
    found = seen(read("lh90"), read("LH-90", 1), read("LH-90", 1, x=50.0))
    assert found == (SeenPiece("cable", 2, ("lh90", "LH-90"), (0, 1)),)
    assert seen(read("LH-90"), read("LH-90", 1))[0].quantity == 1
    assert seen(*(read("LH-90", x=10.0 * n) for n in range(5)))[0].quantity == 2  # no more than belong to it


def test_a_gtin_is_the_same_in_any_length_and_a_scanner_s_counts_too() -> None:
    assert seen(read("0" + CHARGER, kind="ean_13"))[0].name == "charger"
    assert seen(answers={"codes": ["LH-90"]}) == (SeenPiece("cable", 1, ("LH-90",), ()),)


def test_the_code_of_a_piece_makes_the_item_no_wrong_one() -> None:
    item = {"rma": "R-1", "sku": "PEN"}
    code = read(CHARGER, kind="ean_13")
    assert identify(item, ExpectedCodes((PEN,)), [code], NO_PAPERS).verdict == "mismatch"
    apart = ExpectedCodes((PEN,), (), (CHARGER,))
    assert identify(item, apart, [code], NO_PAPERS).verdict == "nothing_read"
    # What is neither the item's nor a piece's still tells.
    assert identify(item, apart, [read("4012345678901", kind="ean_13")], NO_PAPERS).verdict == "mismatch"
    # One that both should show speaks for the item.
    both = ExpectedCodes((PEN,), (), (PEN,))
    assert identify(item, both, [read(PEN[1:], kind="ean_13")], NO_PAPERS).verdict == "match"
