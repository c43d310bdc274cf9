"""Grading the items of a list on the cores that are there."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from regrade.models.errors import PhotoError, RegradeError
from regrade.models.grader import Grader
from regrade.models.photos.intake import DEFAULT_LIMITS, open_photo
from regrade.serving.base.errors import PhotosAwayError
from regrade.serving.bulk.output import Output
from regrade.serving.bulk.rows import bad_row, graded_row
from regrade.serving.bulk.work import Work

Read = Callable[[str], bytes]
"""The bytes of a photo, by its path or hash. Raises OSError or `RegradeError` where it is not there."""


@dataclass(frozen=True, slots=True)
class Graded:
    """What came of an item: a row, or those of the photos that could not be looked at."""

    row: dict[str, Any] | None
    bad: tuple[dict[str, Any], ...]
    photos: int


def run(output: Output, grader: Grader, read: Read, workers: int, told: Callable[[int, int, int], None]) -> None:
    """Grade all that is left of `output`. `told` is called after each item with how many items, photos and bad photos
    it was. Breaking it off loses the part under way at most, and leaves no half of it."""
    with ThreadPoolExecutor(workers, thread_name_prefix="bulk") as threads:
        waiting: deque[Future[Graded]] = deque()
        try:
            for number, items in output.left():
                rows: list[dict[str, Any]] = []
                bad: list[dict[str, Any]] = []
                for one in _in_order(threads, waiting, grader, read, items, 2 * workers):
                    rows += [] if one.row is None else [one.row]
                    bad += one.bad
                    told(1, one.photos, len(one.bad))
                output.write(number, rows, bad)
        finally:
            for each in waiting:
                each.cancel()


def _in_order(
    threads: ThreadPoolExecutor,
    waiting: "deque[Future[Graded]]",
    grader: Grader,
    read: Read,
    items: list[Work],
    most: int,
) -> Iterator[Graded]:
    for one in items:
        waiting.append(threads.submit(graded, grader, read, one))
        if len(waiting) >= most:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def graded(grader: Grader, read: Read, work: Work) -> Graded:
    """One item; nothing that is wrong with its photos is raised."""
    limits = replace(DEFAULT_LIMITS, working_side=grader.working_side)
    category = work.category if work.category in grader.categories else None
    seen, bad = [], []
    for index, name in enumerate(work.photos):
        try:
            seen.append(grader.look(open_photo(read(name), index, limits), category))
        except PhotoError as error:
            bad.append(bad_row(work, index, error.code, str(error)))
        except PhotosAwayError:
            raise  # nothing is wrong with the photo
        except (OSError, RegradeError) as error:
            bad.append(bad_row(work, index, "missing", str(error)))
    row = None if bad else graded_row(work, grader.conclude(seen, category))
    return Graded(row, tuple(bad), len(work.photos))
