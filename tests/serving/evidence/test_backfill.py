"""What was there before steps were signed is signed once, and says so."""

import json
from typing import Any

import pytest

from regrade.serving.evidence.backfill import Backfill, backfilled, sign_batch
from regrade.serving.evidence.log import begin, chain_of
from regrade.serving.evidence.steps import open_chain


def kinds(site: Any) -> list[str]:
    return [row.kind for row in site.all("SELECT kind FROM evidence_steps ORDER BY log_index")]


def test_old_inspections_are_signed_when_a_service_starts(old_site: Any) -> None:
    assert (old_site.check().waiting, old_site.codes()) == (3, set())
    old_site.open()
    report = old_site.check()
    assert (report.later, report.waiting, report.findings) == (3, 0, ())
    assert kinds(old_site) == ["recorded_before"] * 3 + ["backfilled"]


def test_a_step_of_an_old_inspection_has_its_decisions_and_which_were_undone(old_site: Any) -> None:
    old_site.open()
    ids = [row.id for row in old_site.all("SELECT id FROM inspections ORDER BY id")]
    views = [old_site.evidence(one).bundle["payload"] for one in ids]
    assert [len(view["reviews"]) for view in views] == [1, 1, 0]
    assert [view["reviews"][0]["undone_at"] is None for view in views[:2]] == [True, False]
    assert {view["steps"][0]["kind"] for view in views} == {"recorded_before"}


@pytest.mark.sqlite_only  # rows changed by its own functions of JSON and its laxer types
def test_one_that_cannot_be_read_keeps_no_other_from_being_signed(old_site: Any) -> None:
    old_site.sql("UPDATE inspections SET created_at = 'never' WHERE rma = 'RMA-1'")
    old_site.open()
    assert (old_site.check().later, old_site.codes()) == (2, {"unsigned-row", "changed-row"})


def test_a_new_site_notes_that_there_was_nothing_to_sign(site: Any) -> None:
    assert kinds(site) == ["backfilled"]
    site.open()
    assert kinds(site) == ["backfilled"]


def test_signing_goes_on_where_it_was_ended(old_site: Any) -> None:
    assert sign_batch(old_site.database, old_site.signer, size=2)
    assert old_site.check().waiting == 1
    old_site.open()
    assert kinds(old_site) == ["recorded_before"] * 3 + ["backfilled"]


def test_a_service_that_ends_at_once_does_not_wait_for_it(old_site: Any) -> None:
    backfill = Backfill(old_site.database, old_site.signer)
    backfill.start()
    backfill.stop()
    old_site.open()
    with old_site.database.read() as connection:
        assert backfilled(connection)


def test_an_old_inspection_that_is_decided_first_is_signed_as_it_was_before(old_site: Any) -> None:
    (waiting,) = old_site.all("SELECT id FROM inspections WHERE id NOT IN (SELECT inspection_id FROM reviews)")
    while (decided := old_site.decide()) != waiting.id:
        pass
    with old_site.database.read() as connection:
        steps, findings = open_chain(chain_of(connection, decided), old_site.signer.known)
    assert (findings, [step.kind for step in steps]) == ([], ["recorded_before", "reviewed"])
    assert (steps[0].body["status"], steps[0].body["reviews"]) == ("needs_review", [])
    assert old_site.codes() == set()


def test_the_evidence_of_an_old_inspection_can_be_read_at_once(old_site: Any) -> None:
    inspection = old_site.all("SELECT id FROM inspections")[0].id
    found = old_site.evidence(inspection)
    assert (found.findings, [step["kind"] for step in found.bundle["payload"]["steps"]]) == ((), ["recorded_before"])


def test_what_is_put_in_later_does_not_pass_for_an_old_one(site: Any) -> None:
    """Neither a restart nor reading it signs it; where somebody decides on it, that it was not signed stays known."""
    inspection = site.add()
    site.sql(
        "UPDATE inspections SET id = 'forged'",
        "UPDATE inspection_photos SET inspection_id = 'forged'",
        "UPDATE tasks SET inspection_id = 'forged'",
    )
    site.open()
    assert site.evidence("forged").bundle["steps"] == []
    assert site.decide() == "forged"
    found = {finding.code for finding in site.check().findings if finding.inspection != inspection}
    assert found == {"signed-late"}


@pytest.mark.parametrize("kind", ["graded", "recorded_before"])
def test_an_inspection_begins_once(site: Any, kind: str) -> None:
    inspection = site.add()
    with site.database.write() as connection:
        assert not begin(connection, site.signer, inspection)
    assert len(site.all("SELECT 1 FROM evidence_steps WHERE seq = 0")) == 1


@pytest.mark.sqlite_only  # rows changed by its own functions of JSON and its laxer types
def test_old_rows_are_signed_as_they_are_written(old_site: Any) -> None:
    """Older releases wrote less: what is not there is not made up."""
    old_site.sql("UPDATE inspections SET result = json_remove(result, '$.grade.promised_error')")
    old_site.open()
    stored = json.loads(old_site.all("SELECT result FROM inspections")[0].result)
    inspection = old_site.all("SELECT id FROM inspections")[0].id
    assert old_site.evidence(inspection).bundle["payload"]["model_output"] == stored
    assert old_site.codes() == set()
