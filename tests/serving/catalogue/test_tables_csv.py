"""Tables as shops and spreadsheets write them; what is wrong is named by line and column, and nothing is guessed."""

import pytest

from regrade.serving.base.errors import InvalidFieldsError
from regrade.serving.catalogue.tables_csv import read_rmas, read_skus

SKUS = """sku,title,category,value,currency,pieces
MX-1,Wireless mouse,electronics,29.90,USD,"charger; cable x2"
BX-2,"Box, large",,,,
"""


def test_skus_come_with_their_values_and_pieces() -> None:
    mouse, box = read_skus(SKUS.encode())
    assert (mouse.sku, mouse.title, mouse.category) == ("MX-1", "Wireless mouse", "electronics")
    assert mouse.declared_value is not None
    assert (mouse.declared_value.amount, mouse.declared_value.currency) == (29.9, "USD")
    assert [(piece.name, piece.quantity) for piece in mouse.pieces] == [("charger", 1), ("cable", 2)]
    assert (box.title, box.declared_value, box.pieces) == ("Box, large", None, ())


def test_rows_of_one_rma_are_the_lines_of_one_return() -> None:
    table = "RMA;Seller;Order;SKU;Quantity;Serial\nR-1;acme;O-9;A;2;\nR-2;acme;;;;\nR-1;acme;O-9;B;;S123\n"
    first, second = read_rmas(b"\xef\xbb\xbf" + table.encode())
    assert (first.rma, first.seller, first.order) == ("R-1", "acme", "O-9")
    assert [(line.sku, line.quantity, line.serial) for line in first.lines] == [("A", 2, None), ("B", 1, "S123")]
    assert (second.rma, second.lines) == ("R-2", ())


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ("", "Legal columns"),
        ("sku,colour\nA,red\n", "colour"),
        ("title\nMouse\n", "sku"),
        ("sku,sku\nA,B\n", "sku"),
        ("sku,title\nA\n", "1 cells"),
        ('sku,title\nA,"open\n', "CSV"),
        ("sku,value,currency\nA,much,USD\n", "declared_value.amount"),
        ("sku,value\nA,3\n", "declared_value.currency"),
        ("sku,value,currency\nA,nan,USD\n", "declared_value.amount"),
        ("sku,title\n,Mouse\n", "line 2: sku"),
        ("sku\nA\nA\n", "line 3"),
        ("sku\nA\u202eB\n", "line 2: sku"),
        ("sku,pieces\nA,cable x0\n", "pieces.0.quantity"),
        ("sku,value,currency\nA,1_000,USD\n", "declared_value.amount"),
        ("sku,value,currency\nA,١٢,USD\n", "declared_value.amount"),
        ("sku\n" + "x" * 200_000 + "\n", "CSV"),
    ],
)
def test_what_is_wrong_is_named(table: str, named: str) -> None:
    with pytest.raises(InvalidFieldsError) as refused:
        read_skus(table.encode())
    assert named in str(refused.value)


def test_a_table_in_another_encoding_is_refused() -> None:
    with pytest.raises(InvalidFieldsError, match="UTF-8"):
        read_skus("sku,title\nA,Schlüssel\n".encode("latin-1"))


def test_the_first_line_that_excel_writes_for_itself_is_passed_over() -> None:
    (one,) = read_skus(b"sep=;\r\nsku;title\r\nA;Mug\r\n")
    assert (one.sku, one.title) == ("A", "Mug")


def test_pieces_are_taken_as_they_are_where_there_is_no_number() -> None:
    (one,) = read_skus(("sku,pieces\nA,cable x" + "9" * 100 + "\n").encode())
    assert one.pieces[0].name.startswith("cable x9")
    (other,) = read_skus(b"sku,pieces\nB,box x 3\n")
    assert [(piece.name, piece.quantity) for piece in other.pieces] == [("box", 3)]


def test_one_return_has_one_order() -> None:
    with pytest.raises(InvalidFieldsError, match="O1"):
        read_rmas(b"rma,order,sku\nR-4,O1,A\nR-4,O2,B\n")
    (same,) = read_rmas(b"rma,order,sku\nR-4,O1,A\nR-4,,B\n")
    assert (same.order, len(same.lines)) == ("O1", 2)


def test_a_line_without_rma_or_with_an_odd_quantity_is_named() -> None:
    with pytest.raises(InvalidFieldsError) as refused:
        read_rmas(b"rma,sku,quantity\n,A,1\nR-1,A,two\nR-2,,3\n")
    said = str(refused.value)
    assert all(one in said for one in ("line 2: rma", "line 3: lines.0.quantity", "line 4: lines.0.sku"))
