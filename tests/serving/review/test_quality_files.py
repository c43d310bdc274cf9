"""The quality page's files are data to a spreadsheet, and nothing else."""

import csv
import io

import pytest

from regrade.serving.base.sheets import MARK, csv_lines, csv_rows, harmless
from regrade.serving.http.routes.desk.quality_files import as_csv


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", " =1", "\u00a0=1", "＝1", "\u3000＠x"]
)
def test_a_text_that_a_spreadsheet_would_reckon_is_quoted(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("cell", ["acme", "LA-07", "a=b", "", None, -0.25, 3])
def test_other_texts_and_numbers_are_left_alone(cell: object) -> None:
    assert harmless(cell) is cell


def test_a_file_is_marked_as_utf8_and_keeps_its_cells_apart() -> None:
    written = as_csv([["a", 'say "hi", 你好\nthere', -1], ["=x", None, 0.5]])
    assert written.startswith("\ufeff")
    rows = list(csv.reader(io.StringIO(written.removeprefix("\ufeff"))))
    assert rows == [["a", 'say "hi", 你好\nthere', "-1"], ["'=x", "", "0.5"]]


COLUMNS: list[list[object]] = [
    ["acme", None, "=x", 'say "hi"', "a,b\r\n", "", "acme"],
    [0.0, -0.0, 0.1 + 0.2, 1e-7, None, -3.5, 1e22],
    [True, False, True, None, False, True, True],
    [1, 1, 2, 3, 4, 5, 6],
    ["a", "b", "c", "d", "e", "f", "g"],
]


@pytest.mark.parametrize("columns", [COLUMNS, COLUMNS[:1], COLUMNS[4:]])
def test_columns_are_written_as_rows_are(columns: list[list[object]]) -> None:
    header = ["x", *"abcd"][: len(columns)]
    written = b"".join(csv_rows(header, [columns, columns]))
    assert written == MARK.encode() + csv_lines([header]) + csv_lines(zip(*columns, strict=True)) * 2
    assert b"".join(csv_rows(header, ())) == MARK.encode() + csv_lines([header])
