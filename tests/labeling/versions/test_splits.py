"""No photo ever changes its split, whatever is decided, undone, settled otherwise or sent again between two exports."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from regrade.datasets.manifest import read_manifest
from regrade.labeling.versions.ledger import LEDGER_NAME
from regrade.models.errors import DatasetError

pytestmark = pytest.mark.slow

Splits = Callable[..., dict[str, tuple[str, str]]]


@pytest.fixture
def splits(desk: Any, labels: Any, tmp_path: Path) -> Splits:
    """Export, and tell group and split by photo hash."""
    (desk.folder / "labels.key").write_text("5a" * 32 + "\n", encoding="ascii")
    count = iter(range(100))

    def run(*words: str) -> dict[str, tuple[str, str]]:
        out = tmp_path / f"v{next(count)}"
        copies = [] if "--near-duplicates" in words else ["--no-near-duplicates"]
        labels("export", "--data-dir", desk.folder, "--out", out, *copies, *words)
        return {r.sha256: (r.group, r.split) for r in read_manifest(out)}

    return run


def same_where_both(before: dict[str, Any], after: dict[str, Any]) -> bool:
    assert before.keys() & after.keys()
    return all(after[photo] == before[photo] for photo in before.keys() & after.keys())


def test_an_undone_decision_that_linked_photos_moves_none_of_them(desk: Any, splits: Splits) -> None:
    for n in range(20):
        first = desk.decide("used", photos=[n])
        # The same photo under another return: it stays where it was, and takes the others of its item along.
        desk.decide("used", photos=[first["photos"][0], 100 + n], rma=f"AGAIN-{n}")
    before = splits()
    assert len({split for _, split in before.values()}) == 3
    # Undone decisions are not handed over at all: what was first decided now seems to be the later item.
    desk.rows = [row for row in desk.rows if row["item"]["rma"].startswith("AGAIN")]
    after = splits()
    assert len(after) == 40
    assert after == before


def test_an_item_decided_anew_after_an_undo_moves_nothing(desk: Any, splits: Splits) -> None:
    for n in range(20):
        first = desk.decide("used", photos=[n])
        desk.decide("used", photos=[first["photos"][0], 100 + n])
    before = splits()
    for row in desk.rows[::2]:
        row["looks"][0]["decided_at"] = "2026-11-20T08:00:00+00:00"
    assert splits() == before


def test_a_third_look_that_changes_the_label_moves_nothing(desk: Any, splits: Splits, tmp_path: Path) -> None:
    rows = [desk.decide("used", "damaged", photos=[n], condition=None, open=["third"]) for n in range(20)]
    before = splits("--unsettled")
    for row in rows:
        row["looks"].append({**row["looks"][0], "kind": "third", "key_id": "key-2", "condition": "damaged"})
        row |= {"condition": "damaged", "open": []}
    after = splits()
    assert after == before
    assert {r.condition for r in read_manifest(tmp_path / "v1")} == {"damaged"}


def test_a_photo_sent_again_under_another_return_stays_and_draws_its_company(desk: Any, splits: Splits) -> None:
    rows = [desk.decide("used", photos=[n]) for n in range(20)]
    before = splits()
    for n, row in enumerate(rows):
        desk.decide("used", photos=[row["photos"][0], 200 + n, 300 + n], rma=f"OTHER-{n}")
    after = splits()
    assert same_where_both(before, after)
    of_item = [{after[photo["sha256"]] for photo in row["photos"]} for row in desk.rows]
    assert len(after) == 60
    assert all(len(places) == 1 for places in of_item)


def test_copies_of_a_photo_in_several_items_share_its_split(desk: Any, splits: Splits) -> None:
    for n in range(10):
        desk.decide("used", photos=[n])
    before = splits("--near-duplicates")
    for quality in (40, 60, 75):
        for n in range(10):
            desk.decide("used", photos=[desk.photo(n, quality=quality), 1000 * quality + n])
    after = splits("--near-duplicates")
    assert same_where_both(before, after)
    for n in range(10):
        copies = {after[desk.photo(n, quality=q)["sha256"]] for q in (90, 40, 60, 75)}
        assert copies == {before[desk.photo(n)["sha256"]]}
        assert all(after[desk.photo(1000 * q + n)["sha256"]] in copies for q in (40, 60, 75))


def test_other_shares_hold_for_new_photos_alone(desk: Any, splits: Splits) -> None:
    for n in range(20):
        desk.decide("used", photos=[n])
    before = splits()
    for n in range(20):
        desk.decide("used", photos=[100 + n])
    after = splits("--split", "0/0/100")
    assert same_where_both(before, after)
    assert {split for photo, (_, split) in after.items() if photo not in before} == {"test"}


def test_a_damaged_ledger_is_refused_and_nothing_is_written(desk: Any, splits: Splits, tmp_path: Path) -> None:
    desk.decide("used")
    (desk.folder / LEDGER_NAME).write_text('{"photos": {"a": ["g", "holdout"]}}', encoding="utf-8")
    with pytest.raises(DatasetError, match=r"labels.splits.json.*restore it from a backup"):
        splits()
    assert not (tmp_path / "v0").exists()
