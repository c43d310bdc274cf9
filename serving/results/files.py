"""Rows of results as files, written while they are read: what is in memory does not grow with them."""

import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final

from regrade.models.errors import RegradeError
from regrade.serving.base.sheets import csv_rows
from regrade.serving.results.rows import COLUMNS

FORMATS: Final = ("csv", "parquet")
ADVICE: Final = 'Install it with: pip install "regrade[parquet]".'
GROUP: Final = 50_000
"""Rows of a row group, which is what a reader of Parquet reads at once."""


class NoParquetError(RegradeError):
    """Raised where the library that writes Parquet is not installed."""


def as_csv(names: Sequence[str], chunks: Iterable[Sequence[Sequence[Any]]]) -> Iterator[bytes]:
    """CSV of the columns `names`: moments in RFC 3339, in UTC; numbers are not rounded, and what there is not is
    empty."""
    texts = [place for place, name in enumerate(names) if COLUMNS[name].free]
    return csv_rows(names, chain.from_iterable(chunks), texts)


def as_parquet(names: Sequence[str], chunks: Iterable[Sequence[Sequence[Any]]]) -> Iterator[bytes]:
    """Apache Parquet of the columns `names`, moments in microseconds, in UTC. Raises `NoParquetError` at once."""
    return _parquet(names, chunks, _pyarrow())


def writes_parquet() -> bool:
    """Whether Parquet can be written here."""
    try:
        _pyarrow()
    except NoParquetError:
        return False
    return True


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise NoParquetError(f"Parquet needs the package pyarrow. {ADVICE}") from error
    return pyarrow


def _parquet(names: Sequence[str], chunks: Iterable[Sequence[Sequence[Any]]], arrow: Any) -> Iterator[bytes]:
    kinds = {
        "moment": arrow.timestamp("us", tz="UTC"),
        "share": arrow.float64(),
        "money": arrow.float64(),
        "count": arrow.int32(),
        "yes": arrow.bool_(),
    }
    schema = arrow.schema([(name, kinds.get(COLUMNS[name].kind, arrow.string())) for name in names])
    sink = _Sink()
    with arrow.parquet.ParquetWriter(arrow.PythonFile(sink, mode="w"), schema, compression="zstd") as writer:
        for group in _groups(chunks):
            arrays = [
                _array(arrow, COLUMNS[name].kind, values, field.type)
                for name, values, field in zip(names, zip(*group, strict=True), schema, strict=True)
            ]
            writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))
            yield sink.taken()
    yield sink.taken()


def _array(arrow: Any, kind: str, values: Sequence[Any], of: Any) -> Any:
    if kind == "moment":
        return arrow.array(values, arrow.string()).cast(of)
    if kind == "yes":  # SQLite has no truth values
        return arrow.array([None if value is None else bool(value) for value in values], of)
    return arrow.array(values, of)


def _groups(chunks: Iterable[Sequence[Sequence[Any]]]) -> Iterator[list[Sequence[Any]]]:
    group: list[Sequence[Any]] = []
    for chunk in chunks:
        group += chunk
        if len(group) >= GROUP:
            yield group
            group = []
    if group:
        yield group


class _Sink(io.RawIOBase):
    """A file to Arrow, of which what was written is taken away."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._at = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._at += len(part)
        return len(part)

    def taken(self) -> bytes:
        found = b"".join(self._parts)
        self._parts.clear()
        return found
