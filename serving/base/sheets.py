"""Tables as files that a spreadsheet opens and takes for nothing but data."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

MARK: Final = "\ufeff"
"""The byte order mark, by which alone spreadsheets take a file for UTF-8."""

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a cell begins with that a spreadsheet takes for a formula, or strips to find one behind it (OWASP, "CSV
Injection"); the wide forms are those of Chinese and Japanese keyboards."""
_SUSPECT: Final = frozenset((*FORMULA, *(chr(code) for code in range(0x3001) if chr(code).isspace())))
"""What a cell begins with that must be looked at: a formula, or a space before one."""

QUOTE: Final = '"'
LINE_END: Final = "\r\n"
_QUOTED: Final = (",", QUOTE, "\r", "\n")
"""What a cell holds that is put in quotes."""

AT_ONCE: Final = 500
"""Rows that are written before they are handed on."""


def harmless(cell: object) -> object:
    """`cell`, with a quote before a text that a spreadsheet would take for a formula: whoever names a seller or a
    station is not asked. Numbers are left alone, negative ones too."""
    if not isinstance(cell, str) or cell[:1] not in _SUSPECT:
        return cell
    # Spaces before it do not keep every spreadsheet from it.
    return f"'{cell}" if cell.startswith(FORMULA) or cell.lstrip().startswith(FORMULA) else cell


def csv_rows(header: Sequence[object], chunks: Iterable[Sequence[Sequence[object]]]) -> Iterator[bytes]:
    """`header` and rows below it as RFC 4180 has them, in UTF-8 after a byte order mark, some rows at a time.

    Each of `chunks` has the cells column by column, as many as `header` has names and all of a column of one type. What
    is written is what `csv_lines` writes, to the byte; column by column, that takes a third of the time.
    """
    begin = f"{MARK}{csv_lines([header]).decode()}"
    empty = "" if len(header) > 1 else '""'  # a line without anything would be no row
    for columns in chunks:
        rows = map(",".join, zip(*(_texts(cells, empty) for cells in columns), strict=True))
        while some := list(islice(rows, AT_ONCE)):  # others get a turn between them
            yield f"{begin}{LINE_END.join(some)}{LINE_END}".encode()
            begin = ""
    if begin:
        yield begin.encode()


def _texts(cells: Sequence[Any], empty: str) -> Sequence[str]:
    """A column as it stands in the file: few cells stand in many rows, or hardly any must be looked at."""
    distinct = set(cells)
    if 0 in distinct:  # which is 0.0, -0.0 and False as well
        return [_text(cell, empty) for cell in cells]
    odd = [cell for cell in distinct if not cell or not isinstance(cell, str)]
    texts = [cell for cell in distinct if isinstance(cell, str)]
    together = "".join(texts)
    if any(sign in together for sign in _QUOTED) or not _SUSPECT.isdisjoint({text[:1] for text in texts}):
        odd += texts
    said = {cell: _text(cell, empty) for cell in odd}
    return [said.get(cell, cell) for cell in cells] if said else cells


def _text(cell: object, empty: str) -> str:
    text = "" if cell is None else str(harmless(cell))
    return f'"{text.replace(QUOTE, QUOTE * 2)}"' if any(sign in text for sign in _QUOTED) else text or empty


def csv_lines(rows: Iterable[Sequence[object]]) -> bytes:
    """Some rows, with nothing before them."""
    lines: list[str] = []
    csv.writer(_Lines(lines)).writerows([harmless(cell) for cell in row] for row in rows)
    return "".join(lines).encode()


class _Lines:
    """A file to `csv` that keeps what is written."""

    def __init__(self, lines: list[str]) -> None:
        self.write = lines.append
