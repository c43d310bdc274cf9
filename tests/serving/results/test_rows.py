"""Rows of results are those that a reader of all rows would pick, whatever is asked for and whatever comes in."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from regrade.models.types import CONDITIONS
from regrade.serving.base.errors import InvalidFieldsError
from regrade.serving.inspections.visibility import Viewer
from regrade.serving.results import rows as paging
from regrade.serving.results.address import STATUSES, asked_of
from regrade.serving.results.asked import Asked
from regrade.serving.results.files import as_csv, as_parquet
from regrade.serving.results.rows import COLUMNS, columns_of, every, page
from regrade.serving.storage.scope import seeing

DAY = datetime(2026, 11, 5, tzinfo=UTC)


def naive(rows: list[dict[str, Any]], asked: Asked) -> list[str]:
    """The ids that fit, newest first, by a look at each row."""

    def fits(row: dict[str, Any]) -> bool:
        for name in ("rma", "sku", "seller", "station", "category", "condition", "disposition", "status"):
            wanted = getattr(asked, name)
            if wanted is not None and row[name] != (wanted or None):
                return False
        automatic = row["sample_share"] is not None or row["status"] == "graded"
        by = "person" if row["decided_by"] else "automatic" if automatic else None
        return (
            not (asked.status == "needs_review" and row["erased_at"])
            and asked.person in (None, row["decided_by"])
            and asked.by in (None, by)
            and (asked.since is None or row["created_at"] >= asked.since)
            and (asked.until is None or row["created_at"] < asked.until)
            and (asked.updated_since is None or row["updated_at"] >= asked.updated_since)
            and (asked.updated_until is None or row["updated_at"] < asked.updated_until)
        )

    fitting = [row for row in rows if fits(row)]
    return [row["id"] for row in sorted(fitting, key=lambda row: (row["created_at"], row["id"]), reverse=True)]


def paged(shelf: Any, asked: Asked, limit: int = 7, viewer: Viewer | None = None) -> list[str]:
    """The ids of all pages, one after the other."""
    found, cursor = [], None
    while True:
        one = page(shelf.database, asked, viewer, limit, cursor)
        found += [row["id"] for row in one.rows]
        if (cursor := one.next_cursor) is None:
            return found


def questions(shelf: Any) -> list[Asked]:
    """Each filter alone, and some together."""
    exact = [
        *({"rma": one} for one in ("R-1", "=1+1", 'say "hi"', "nobody's")),
        *({name: one} for name in ("sku", "seller", "station") for one in ("", "S-1", "acme", "LA-01")),
        *({"category": one} for one in ("footwear", "toys")),
        *({"condition": one} for one in CONDITIONS),
        *({"disposition": one} for one in ("refurbish", "destroy")),
        *({"status": one} for one in STATUSES),
        *({"person": one.id} for one in (*shelf.people, shelf.station)),
        *({"by": one} for one in ("automatic", "person")),
    ]
    times: list[dict[str, Any]] = [
        *({name: DAY} for name in ("since", "until", "updated_since", "updated_until")),
        {"since": DAY, "until": DAY + timedelta(days=1)},
        {"since": DAY, "until": DAY},
        {"updated_since": DAY, "updated_until": DAY + timedelta(hours=6)},
        {"updated_since": DAY + timedelta(days=9), "since": DAY, "condition": "used"},
        {"updated_until": DAY, "condition": "used", "category": "footwear"},
    ]
    both = [{**one, **other} for one in exact[::5] for other in exact[1::4]]
    return [Asked(**one) for one in ({}, *exact, *times, *both)]


def test_every_filter_finds_what_a_look_at_each_row_finds(shelf: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regrade.serving.results.asked.FEW", 20)  # some of it is of few rows, some of many
    shelf.scatter(120)
    for asked in questions(shelf):
        wanted = naive(shelf.rows, asked)
        assert paged(shelf, asked) == wanted, asked
        assert [one for (ids,) in every(shelf.database, asked, None, ["id"]) for one in ids] == wanted, asked


def test_pages_have_no_gap_and_nothing_twice_while_items_come_in(shelf: Any) -> None:
    shelf.scatter(60)
    before, found, cursor = naive(shelf.rows, Asked()), [], None
    while True:
        one = page(shelf.database, Asked(), None, 7, cursor)
        found += [row["id"] for row in one.rows]
        shelf.add(created_at=DAY + timedelta(days=30, minutes=len(found)))  # newer than the page
        if (cursor := one.next_cursor) is None:
            break
    assert found == before


def test_a_file_has_no_gap_and_nothing_twice_while_items_come_in(shelf: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "AT_ONCE", 7)
    shelf.scatter(60)
    before, found = naive(shelf.rows, Asked()), list[str]()
    for (ids,) in every(shelf.database, Asked(), None, ["id"]):
        found += ids
        shelf.add(created_at=DAY + timedelta(days=30, minutes=len(found)))
    assert found == before


def test_only_the_sellers_that_are_somebody_s_are_found(shelf: Any) -> None:
    shelf.scatter(60)
    own = {row["id"] for row in shelf.rows if row["seller"] in ("acme", "a,b")}
    every_id = [row["id"] for row in shelf.rows]
    with seeing(("acme", "a,b")):
        assert set(paged(shelf, Asked())) == own
        assert paged(shelf, Asked(seller="zenith")) == []
        for ids in (None, every_id):
            assert {one for (some,) in every(shelf.database, Asked(), None, ["id"], ids) for one in some} == own
    with seeing(()):
        assert paged(shelf, Asked()) == []


def test_who_may_still_look_at_an_item_blind_does_not_find_it_by_any_filter(shelf: Any) -> None:
    hidden, other = shelf.add(rma="HIDDEN", sample_share=0.1), shelf.add(rma="OTHER")
    shelf.task(hidden, "sample")
    ann, engineer = shelf.people[0], shelf.keys.create("engineer", "Eve")[1]
    now = datetime.now(UTC)
    for key, found in ((ann, [other["id"]]), (engineer, [other["id"], hidden["id"]])):
        viewer = Viewer(key, now, now - timedelta(minutes=1))
        assert paged(shelf, Asked(), viewer=viewer) == found
        assert paged(shelf, Asked(condition="used"), viewer=viewer) == found
        assert len(paged(shelf, Asked(rma="HIDDEN"), viewer=viewer)) == len(found) - 1


def test_a_cursor_of_another_list_is_refused(shelf: Any) -> None:
    for cursor in ("x", "inspections.0.00000000-0000-0000-0000-000000000000", "results.1"):
        with pytest.raises(InvalidFieldsError):
            page(shelf.database, Asked(), None, 7, cursor)


@pytest.mark.parametrize(
    "given",
    [
        *({name: "yesterday"} for name in ("since", "until", "updated_since", "updated_until")),
        {"since": "2026-11-02T10:00:00"},
        {"until": "9999-12-31"},
        {"condition": "shiny"},
        {"disposition": "burn"},
        {"status": "done"},
        {"by": "robot"},
        {"rma": "a\u202eb"},
        {"seller": "x" * 129},
        {"station": "a\x00b"},
        {"until": "2026-11-02", "since": "2026-11-03"},
        {"updated_until": "2026-11-02T10:00:00Z", "updated_since": "2026-11-02T10:00:00Z"},
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(given: dict[str, str]) -> None:
    with pytest.raises(InvalidFieldsError) as told:
        asked_of(given)
    assert [fault.field for fault in told.value.faults] == list(given)[:1]


def test_days_reach_to_their_end_and_other_names_count_for_nothing() -> None:
    asked = asked_of({"since": "2026-11-02", "until": "2026-11-02", "seller": "~none", "nobody": "x", "sku": " "})
    start = datetime(2026, 11, 2, tzinfo=UTC)
    assert asked == replace(Asked(), since=start, until=start + timedelta(days=1), seller="")


def test_a_column_that_there_is_not_is_refused() -> None:
    assert columns_of(["rma", "id", "rma"]) == ("rma", "id")
    with pytest.raises(InvalidFieldsError):
        columns_of(["rma", "password_hash"])


def in_plain_words(shelf: Any, names: Sequence[str]) -> bytes:
    """The CSV of all rows, written cell by cell, by the rules alone."""
    who = {key.id: key.name for key in shelf.people}
    told: dict[str, Callable[[dict[str, Any]], Any]] = {
        "created_at": lambda row: f"{row['created_at']:%Y-%m-%dT%H:%M:%S.%fZ}",
        "updated_at": lambda row: f"{row['updated_at']:%Y-%m-%dT%H:%M:%S.%fZ}",
        "decided_by": lambda row: who.get(row["decided_by"]),
        "automatic": lambda row: row["sample_share"] is not None or row["status"] == "graded",
        "confidence": lambda row: row["model_confidence"],
        "missing": lambda row: row["missing_pieces"],
    }

    def cell(row: dict[str, Any], name: str) -> Any:
        value = told[name](row) if name in told else row[name]
        return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "＝")) else value

    by_id, out = {row["id"]: row for row in shelf.rows}, io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(names)
    writer.writerows([cell(by_id[one], name) for name in names] for one in naive(shelf.rows, Asked()))
    return f"\ufeff{out.getvalue()}".encode()


@pytest.mark.parametrize("names", [tuple(COLUMNS), ("seller",), ("id", "decided_by", "automatic")])
def test_csv_says_what_the_database_says_and_no_cell_is_a_formula(
    shelf: Any, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "AT_ONCE", 7)
    shelf.scatter(80)
    shelf.add(recovery=-0.1, policy_recovery=0.1 + 0.2, sku="\u3000=1")
    shelf.add(recovery=0.0, policy_recovery=-2.5e-7, model_confidence=None)
    shelf.rows[-2]["sku"] = "'\u3000=1"
    assert b"".join(as_csv(names, every(shelf.database, Asked(), None, names))) == in_plain_words(shelf, names)


def test_parquet_is_read_by_others(shelf: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    monkeypatch.setattr("regrade.serving.results.files.GROUP", 30)
    shelf.scatter(80)
    written = b"".join(as_parquet(tuple(COLUMNS), every(shelf.database, Asked(), None, tuple(COLUMNS))))
    frame = pandas.read_parquet(io.BytesIO(written))
    by_id = {row["id"]: row for row in shelf.rows}
    assert set(frame["id"]) == set(by_id)
    for line in frame.to_dict("records"):
        row = by_id[line["id"]]
        assert line["created_at"] == row["created_at"]
        assert (line["seller"] if isinstance(line["seller"], str) else None) == row["seller"]
        assert line["automatic"] == (row["sample_share"] is not None or row["status"] == "graded")


def test_without_the_library_for_parquet_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from regrade.serving.results.files import NoParquetError

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(NoParquetError, match=r"regrade\[parquet\]"):
        as_parquet(["id"], [])


def test_an_empty_database_makes_files_with_a_header_alone(shelf: Any) -> None:
    assert b"".join(as_csv(["id"], every(shelf.database, Asked(), None, ["id"]))) == b"\xef\xbb\xbfid\r\n"
