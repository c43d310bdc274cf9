"""Tables as files that a spreadsheet opens and takes for nothing but data."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

MARK: Final = "\ufeff"
"""The byte order mark, by which alone spreadsheets take a file for UTF-8."""

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a cell begins with that a spreadsheet takes for a formula, or strips to find one behind it (OWASP, "CSV
Injection"); the wide forms are those of Chinese and Japanese keyboards."""
_SUSPECT: Final = frozenset((*FORMULA, *(chr(code) for code in range(0x3001) if chr(code).isspace())))
"""What a cell begins with that must be looked at: a formula, or a space before one."""

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

    Each of `chunks` has the cells column by column, as many as `header` has names.
    """
    lines: list[str] = [MARK]
    writer = csv.writer(_Lines(lines))
    writer.writerow([harmless(name) for name in header])
    for columns in chunks:
        rows = zip(*map(_harmless, columns), strict=True)
        while some := list(islice(rows, AT_ONCE)):  # others get a turn between them
            writer.writerows(some)
            yield "".join(lines).encode()
            lines.clear()
    if lines:
        yield "".join(lines).encode()


def _harmless(cells: Sequence[object]) -> Sequence[object]:
    """A column likewise: few texts stand in many rows, and hardly any is changed."""
    changed = {cell: quoted for cell in set(cells) if (quoted := harmless(cell)) is not cell}
    return [changed.get(cell, cell) for cell in cells] if changed else cells


def csv_lines(rows: Iterable[Sequence[object]]) -> bytes:
    """Some rows, with nothing before them."""
    lines: list[str] = []
    csv.writer(_Lines(lines)).writerows([harmless(cell) for cell in row] for row in rows)
    return "".join(lines).encode()


class _Lines:
    """A file to `csv` that keeps what is written."""

    def __init__(self, lines: list[str]) -> None:
        self.write = lines.append
