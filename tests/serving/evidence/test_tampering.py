"""Whatever is changed behind the service's back is found, and named."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from regrade.serving.evidence import Signer
from regrade.serving.evidence.keys import sha256
from regrade.serving.evidence.log import append_step, notice_loss, retire_key

# Rows are edited in SQLite's words; what finds that reads both databases alike, as other tests show.
pytestmark = [pytest.mark.slow, pytest.mark.sqlite_only]

EDITED_ROWS = {
    "a grade": "UPDATE inspections SET result = replace(result, '\"used\"', '\"opened\"')",
    "a probability": "UPDATE inspections SET result = replace(result, '0.4', '0.41')",
    "what a client sent": "UPDATE inspections SET item = replace(item, 'acme', 'other')",
    "an answer": "UPDATE inspections SET item = replace(item, 'Jo Doe', 'Al Roe')",
    "the disposition": "UPDATE inspections SET decision = replace(decision, 'default@1', 'default@2')",
    "the status": "UPDATE inspections SET status = 'graded'",
    "the RMA": "UPDATE inspections SET rma = 'RMA-2'",
    "the seller": "UPDATE inspections SET seller = NULL",
    "a SKU where there was none": "UPDATE inspections SET sku = 'S-1'",
    "the category": "UPDATE inspections SET category = 'apparel'",
    "the copy of the condition": "UPDATE inspections SET model_condition = 'opened'",
    "the copy of the confidence": "UPDATE inspections SET model_confidence = 0.9",
    "the chance of a blind look": "UPDATE inspections SET sample_share = 0.5",
    "when it came in": "UPDATE inspections SET created_at = '2026-11-27 12:00:00.000000'",
    "who sent it": "UPDATE inspections SET key_id = (SELECT id FROM api_keys WHERE role = 'reviewer')",
    "under which key of idempotency": "UPDATE inspections SET idempotency_key = 'x'",
    "the digest of the body": "UPDATE inspections SET body_digest = 'x'",
    "the hash of a photo": "UPDATE inspection_photos SET sha256 = 'x'",
    "the width of a photo": "UPDATE inspection_photos SET width = 641",
    "how bright a photo is": "UPDATE inspection_photos SET brightness = 10",
    "what a human found": "UPDATE reviews SET condition = 'opened'",
    "what a human noted": "UPDATE reviews SET note = 'fine'",
    "who decided": "UPDATE reviews SET reviewer = 'Bob'",
    "when it was decided": "UPDATE reviews SET decided_at = '2026-11-28 13:00:00.000000'",
    "whether it was decided blind": "UPDATE reviews SET blind = 1",
    "how long it took": "UPDATE reviews SET seconds = 1000",
}


@pytest.mark.parametrize("change", EDITED_ROWS.values(), ids=EDITED_ROWS)
def test_a_row_that_was_edited_is_found(site: Any, change: str) -> None:
    site.add()
    site.decide()
    assert site.codes() == set()
    site.sql(change)
    assert site.codes() == {"changed-row"}


@pytest.mark.parametrize("table", ["inspections", "inspection_photos", "reviews", "review_undos"])
def test_no_column_goes_unsigned(site: Any, table: str) -> None:
    """A new column fails this: sign it in `statements.py` and compare it in `rows.py`."""
    site.desk.undo(site.decide() if site.add() else "", site.ann)
    for column in site.all(f"PRAGMA table_info({table})"):
        kept = site.all(f"SELECT rowid, {column.name} AS value FROM {table}")[0]
        site.sql(f"UPDATE {table} SET {column.name} = 'other' WHERE rowid = {kept.rowid}")
        assert site.codes(), f"{table}.{column.name} can be changed unnoticed"
        value = "NULL" if kept.value is None else repr(kept.value)
        site.sql(f"UPDATE {table} SET {column.name} = {value} WHERE rowid = {kept.rowid}")
        assert site.codes() == set()


REMOVED_OR_ADDED = {
    "an inspection with all that is of it": (
        ["DELETE FROM reviews", "DELETE FROM inspection_photos", "DELETE FROM tasks", "DELETE FROM inspections"],
        {"row-missing"},
    ),
    "a decision": (["DELETE FROM reviews"], {"row-missing"}),
    "a photo's row": (["DELETE FROM inspection_photos"], {"row-missing"}),
    "a decision put in": (
        [
            "INSERT INTO reviews (id, inspection_id, decided_at, key_id, reviewer, condition, disposition, "
            "disposition_source, kind, blind) SELECT 'forged', inspection_id, decided_at, key_id, reviewer, 'opened', "
            "disposition, disposition_source, kind, blind FROM reviews"
        ],
        {"unsigned-row"},
    ),
    "an undo put in": (
        ["INSERT INTO review_undos SELECT id, decided_at, key_id FROM reviews"],
        {"unsigned-row"},
    ),
    "an inspection put in": (
        [
            "INSERT INTO inspections (id, created_at, status, key_id, body_digest, rma, item, result) "
            "SELECT 'forged', created_at, status, key_id, body_digest, rma, item, result FROM inspections"
        ],
        {"unsigned-row"},
    ),
}


@pytest.mark.parametrize(("statements", "codes"), REMOVED_OR_ADDED.values(), ids=REMOVED_OR_ADDED)
def test_rows_that_were_removed_or_put_in_are_found(site: Any, statements: list[str], codes: set[str]) -> None:
    site.add()
    site.decide()
    site.sql(*statements)
    assert site.codes() == codes


EDITED_STEPS = {
    "a step": ("UPDATE evidence_steps SET jws = replace(jws, '.eyJ', '.eyK') WHERE seq = 0", "changed-step"),
    "a signature": ("UPDATE evidence_steps SET jws = substr(jws, 1, length(jws) - 9) || 'AAAAAAAAA'", "changed-step"),
    "no step at all": ("UPDATE evidence_steps SET jws = 'x' WHERE seq = 1", "changed-step"),
    "the first one removed": ("DELETE FROM evidence_steps WHERE seq = 0", "missing-step"),
    "one of the middle removed": ("DELETE FROM evidence_steps WHERE seq = 1", "missing-step"),
    "the last one removed": ("DELETE FROM evidence_steps WHERE seq = 2", "lost-tail"),
    "all of them removed": ("DELETE FROM evidence_steps WHERE inspection_id IS NOT NULL", "lost-tail"),
    "the order": ("UPDATE evidence_steps SET seq = CASE seq WHEN 1 THEN 3 ELSE seq END", "misplaced-step"),
    "the order of the log": (
        "UPDATE evidence_steps SET log_index = CASE log_index WHEN 2 THEN 30 WHEN 3 THEN 2 ELSE log_index END",
        "misplaced-step",
    ),
    "whose it is": ("UPDATE evidence_steps SET inspection_id = 'other' WHERE seq = 2", "misplaced-step"),
    "what kind it is": ("UPDATE evidence_steps SET kind = 'other' WHERE seq = 2", "misplaced-step"),
    "a personal field": (
        "UPDATE evidence_disclosures SET disclosure = upper(disclosure) WHERE path = 'item.rma'",
        "changed-field",
    ),
    "a personal field removed": ("DELETE FROM evidence_disclosures WHERE path = 'item.rma'", "withheld-field"),
    "the signature of the readable form": ("UPDATE evidence_steps SET view_signature = 'x'", "changed-view"),
    "what kind of value it is": ("UPDATE evidence_steps SET jws = x'00ff'", "changed-step"),
    "the mark of the end": ("DELETE FROM evidence_head", "lost-tail"),
    "the end of the log": ("UPDATE evidence_head SET log_index = 1", "lost-tail"),
}


@pytest.mark.parametrize(("change", "code"), EDITED_STEPS.values(), ids=EDITED_STEPS)
def test_a_step_that_was_edited_is_found(site: Any, change: str, code: str) -> None:
    site.add()
    site.desk.undo(site.decide(), site.ann)
    assert [row.kind for row in site.all("SELECT kind FROM evidence_steps ORDER BY log_index")] == [
        *("backfilled", "graded", "reviewed", "undone")
    ]
    site.sql(change)
    assert code in site.codes()


def test_a_step_that_is_signed_by_another_key_is_found(site: Any) -> None:
    inspection = site.add()
    with site.database.write() as connection:
        append_step(connection, Signer.generate(), inspection, "forged", {"status": "graded"})
    assert "unknown-key" in site.codes()


def test_a_key_that_was_replaced_signs_nothing_any_more(site: Any) -> None:
    before = site.add()
    old = site.signer
    new = retire_key(site.database, old, site.keys_dir)
    with site.database.write() as connection:
        append_step(connection, new, before, "noted", {})
    assert site.codes() == set()
    with site.database.write() as connection:
        append_step(connection, old, before, "forged", {})
    assert "retired-key" in site.codes()


def cut_off(site: Any) -> None:
    """Take back the newest inspection without a trace in the database, as an older backup does."""
    (newest,) = site.all("SELECT inspection_id AS id, log_index FROM evidence_steps ORDER BY log_index DESC LIMIT 1")
    tables = ("tasks", "inspection_photos", "evidence_disclosures", "evidence_steps")
    site.sql(*(f"DELETE FROM {table} WHERE inspection_id = '{newest.id}'" for table in tables))
    (before,) = site.all("SELECT log_index, jws FROM evidence_steps ORDER BY log_index DESC LIMIT 1")
    site.sql(
        f"DELETE FROM inspections WHERE id = '{newest.id}'",
        f"UPDATE evidence_head SET log_index = {before.log_index}, sha256 = '{sha256(before.jws)}'",
    )


def test_the_end_of_the_log_cannot_be_cut_off_together_with_its_mark_in_the_database(site: Any) -> None:
    site.add()
    site.add()
    cut_off(site)
    assert site.codes() == {"lost-tail"}


def test_what_was_lost_is_reported_until_somebody_says_that_it_was_meant(site: Any, caplog: Any) -> None:
    site.add()
    cut_off(site)
    site.signer = Signer.load(site.keys_dir)
    notice_loss(site.database, site.signer)
    assert "1 signed steps fewer" in caplog.text
    site.add()
    assert site.codes() == {"lost-tail"}
    (site.keys_dir / "evidence-lost-1.jws").unlink()
    assert site.codes() == set()


def test_another_log_does_not_pass_for_the_one_that_was_lost(site: Any) -> None:
    site.add()
    cut_off(site)
    site.add()
    assert site.codes() == {"misplaced-step"}


def test_a_forged_mark_of_how_far_the_log_has_come_is_found(site: Any) -> None:
    site.add()
    (site.keys_dir / "evidence-head.jws").write_text(Signer.generate().sign(b"{}"))
    assert site.codes() == {"changed-head"}


def test_the_database_itself_refuses_to_change_steps(site: Any) -> None:
    site.add()
    for change in ("UPDATE evidence_steps SET kind = 'x'", "DELETE FROM evidence_steps"):
        with pytest.raises(DBAPIError, match="evidence_steps is append-only"), site.database.write() as connection:
            connection.execute(text(change))
    with pytest.raises(DBAPIError, match="never changed"), site.database.write() as connection:
        connection.execute(text("UPDATE evidence_disclosures SET disclosure = 'x'"))


def test_a_row_that_is_spoilt_does_not_keep_the_rest_from_being_checked(site: Any) -> None:
    site.add()
    site.sql("UPDATE inspections SET result = '{}'", "UPDATE evidence_steps SET jws = '' WHERE seq = 0")
    assert "changed-step" in site.codes()


def test_a_finding_names_the_inspection_and_the_fields(site: Any) -> None:
    inspection = site.add()
    site.sql("UPDATE inspections SET rma = 'x', status = 'graded'")
    (finding,) = site.check().findings
    assert (finding.inspection, finding.fields) == (inspection, ("inspection.rma", "inspection.status"))
    assert str(finding) == (
        f"changed-row: inspection {inspection}: inspection differs from what was signed: rma, status"
    )
