"""Rows of results as files, written while they are read: what is in memory does not grow with them."""

import io
from collections.abc import Iterable, Iterator, Sequence
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


Chunks = Iterable[Sequence[Sequence[Any]]]
"""Some rows at a time, column by column: what `every` of `regrade.serving.results.rows` yields."""


def as_csv(names: Sequence[str], chunks: Chunks) -> Iterator[bytes]:
    """CSV of the columns `names`: moments in RFC 3339, in UTC; numbers are not rounded, and what there is not is
    empty."""
    return csv_rows(names, chunks)


def as_parquet(names: Sequence[str], chunks: Chunks) -> Iterator[bytes]:
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


def _parquet(names: Sequence[str], chunks: Chunks, arrow: Any) -> Iterator[bytes]:
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
        for group in _groups(_batch(columns, schema, arrow) for columns in chunks):
            writer.write_table(arrow.Table.from_batches(group, schema=schema))
            yield sink.taken()
    yield sink.taken()


def _batch(columns: Sequence[Sequence[Any]], schema: Any, arrow: Any) -> Any:
    """Some rows as Arrow keeps them, in a tenth of the memory that Python takes."""

    def array(values: Sequence[Any], of: Any) -> Any:
        moments = arrow.types.is_timestamp(of)
        return arrow.array(values, arrow.string()).cast(of) if moments else arrow.array(values, of)

    arrays = [array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return arrow.RecordBatch.from_arrays(arrays, schema=schema)


def _groups(batches: Iterable[Any]) -> Iterator[list[Any]]:
    group: list[Any] = []
    for batch in batches:
        group.append(batch)
        if sum(map(len, group)) >= GROUP:
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
