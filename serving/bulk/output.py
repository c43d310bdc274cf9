"""The folder that items are graded into: a manifest, the list of items, and parts that are whole or not there."""

import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from regrade.models.files import write_atomically
from regrade.serving.base.errors import BulkError
from regrade.serving.bulk.rows import arrow, bad_schema, graded_schema
from regrade.serving.bulk.work import Work, read_parts, write_list

PART: Final = 256
"""Items of one part, if nothing else is said: what is lost at most where the work is broken off, and kept in memory."""
GRADED, BAD = "graded", "bad"
_NAME: Final = re.compile(r"part-([0-9]{6})\.parquet")


@dataclass(frozen=True, slots=True)
class Made:
    """What a folder is made from: `source` as it was named, category → version and hash of its `bundles`, the
    arithmetic of the networks, this `software`, and how many `items` there are, `part` in each file."""

    source: Mapping[str, str | None]
    bundles: Mapping[str, str]
    arithmetic: str
    software: str
    items: int = 0
    part: int = PART


class Output:
    """A folder that is being filled, by one process at a time. Use it as a context."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = FileLock(folder / ".lock")
        self.made: Made | None = None

    def __enter__(self) -> "Output":
        try:
            for one in (self._folder, self._folder / GRADED, self._folder / BAD):
                one.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise BulkError(f"Another process is writing into {self._folder}. Wait for it, or name another.") from None
        except OSError as error:
            raise BulkError(f"Cannot write into {self._folder}: {error.strerror}.") from error
        return self

    def __exit__(self, *error: object) -> None:
        self._lock.release()

    def begin(self, made: Made, items: Iterable[Work]) -> Made:
        """Begin, or go on with what was begun: then `items` is not looked at.

        Raises `BulkError` where something else was begun here.
        """
        file = self._folder / "manifest.json"
        if file.exists():
            begun = _read(file)
            if (other := _difference(begun, made)) is not None:
                raise BulkError(
                    f"{self._folder} was begun with another {other[0]}: {other[1]}; now it is {other[2]}. "
                    "Go on with that one, or name another folder with --out."
                )
            self.made = begun
            return begun
        if any((self._folder / GRADED).glob("*.parquet")):
            raise BulkError(f"{self._folder} holds parts without a manifest. Name another folder with --out.")
        count = write_list(items, self._folder / "items.jsonl")
        self.made = replace(made, items=count)
        write_atomically(file, json.dumps(asdict(self.made), indent=1, sort_keys=True).encode())
        return self.made

    def left(self) -> Iterator[tuple[int, list[Work]]]:
        """The parts that are not there yet, by number."""
        assert self.made is not None
        done = self.done()
        for number, items in enumerate(read_parts(self._folder / "items.jsonl", self.made.part)):
            if number not in done:
                yield number, items

    def done(self) -> set[int]:
        """The numbers of the parts that are there."""
        found = (_NAME.fullmatch(file.name) for file in (self._folder / GRADED).iterdir())
        return {int(one[1]) for one in found if one is not None}

    def write(self, number: int, graded: Sequence[Mapping[str, Any]], bad: Sequence[Mapping[str, Any]]) -> None:
        """Keep a part, durably. What could not be looked at comes first: the other file says that all is there."""
        name = f"part-{number:06d}.parquet"
        if bad:
            write_atomically(self._folder / BAD / name, _parquet(bad, bad_schema()))
        write_atomically(self._folder / GRADED / name, _parquet(graded, graded_schema()))


def read_graded(folder: Path) -> Iterator[dict[str, Any]]:
    """The rows of a folder in the order of its list, few in memory at once.

    Raises `BulkError` where it is no such folder, or not finished.
    """
    arrow()
    import pyarrow.parquet as parquet

    made = read_manifest(folder)
    files = sorted((folder / GRADED).glob("part-*.parquet"))
    if len(files) != -(-made.items // made.part):
        raise BulkError(f"{folder} is not finished: {len(files)} parts. Run `regrade regrade` with it again.")
    for file in files:
        for batch in parquet.ParquetFile(file).iter_batches(PART):
            yield from batch.to_pylist()


def read_manifest(folder: Path) -> Made:
    """What a folder was made from. Raises `BulkError`."""
    return _read(folder / "manifest.json")


def _read(file: Path) -> Made:
    try:
        return Made(**json.loads(file.read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise BulkError(f"{file} is no manifest of `regrade regrade`: {error}") from error


def _difference(begun: Made, now: Made) -> tuple[str, str, str] | None:
    """What differs first, as it was and as it is, in words."""
    for name in ("source", "bundles", "arithmetic", "software"):
        was, is_now = getattr(begun, name), getattr(now, name)
        if was != is_now:
            return name, _said(was, is_now), _said(is_now, was)
    return None


def _said(made: Mapping[str, str | None] | str, other: Mapping[str, str | None] | str) -> str:
    """What `made` is, and of several entries those that are not so in `other`."""
    if isinstance(made, str) or isinstance(other, str):
        return str(made)
    differing = [name for name in {**made, **other} if made.get(name) != other.get(name)]
    return ", ".join(f"{name} {made.get(name) or '(none)'}" for name in differing)


def _parquet(rows: Sequence[Mapping[str, Any]], schema: Any) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    held = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(list(rows), schema), held, compression="zstd")
    return held.getvalue()
