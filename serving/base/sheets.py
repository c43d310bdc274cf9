"""CSV that spreadsheets open and take for nothing but data, some rows at a time."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a cell begins with that a spreadsheet takes for a formula, or strips to find one behind it (OWASP, "CSV
Injection")."""
AT_ONCE: Final = 200
"""Rows of a chunk."""


def csv_rows(header: Sequence[object], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """Header and `rows` as RFC 4180 has them, in UTF-8 after a byte order mark, by which alone spreadsheets know it.

    A chunk is made when it is asked for, and no row is kept.
    """
    yield "\ufeff".encode() + csv_lines([header])
    waiting: list[Sequence[object]] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == AT_ONCE:
            yield csv_lines(waiting)
            waiting = []
    if waiting:
        yield csv_lines(waiting)


def csv_lines(rows: Iterable[Sequence[object]]) -> bytes:
    """Some rows, with nothing before them."""
    out = io.StringIO()
    csv.writer(out).writerows([harmless(cell) for cell in row] for row in rows)
    return out.getvalue().encode()


def harmless(cell: object) -> object:
    """`cell`, with a quote before a text that a spreadsheet would take for a formula: whoever names a seller or a
    station is not asked. Numbers are left alone, negative ones too."""
    if not isinstance(cell, str):
        return cell
    # Spaces before it do not keep every spreadsheet from it.
    return f"'{cell}" if cell.startswith(FORMULA) or cell.lstrip().startswith(FORMULA) else cell
