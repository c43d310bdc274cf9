"""How steps are appended: in one order, with what they tell of, or not at all."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from regrade.serving.evidence import Personal, append_step, begin, withhold
from regrade.serving.review import Verdict


def test_steps_of_many_at_once_have_one_order(site: Any) -> None:
    keys = [site.keys.create("reviewer", f"Reviewer {number}")[1] for number in range(4)]

    def decide(key: Any) -> None:
        for _ in range(4):
            if (claimed := site.desk.claim(key)) is not None:
                site.desk.decide(claimed.inspection.id, claimed.token, key, Verdict("used"))
                site.desk.undo(claimed.inspection.id, key)

    with ThreadPoolExecutor(8) as pool:
        added = [pool.submit(site.add, rma=f"RMA-{number}") for number in range(24)]
        decided = [pool.submit(decide, key) for key in keys]
        for future in (*added, *decided):
            future.result()
    report = site.check()
    assert report.findings == ()
    assert report.steps == 1 + 24 + 2 * len(site.all("SELECT 1 FROM reviews"))


def test_what_is_not_stored_is_not_signed(site: Any) -> None:
    inspection = site.add()

    def fail() -> None:
        with site.database.write() as connection:
            append_step(connection, site.signer, inspection, "noted", {})
            raise RuntimeError("such as a full disk")

    with pytest.raises(RuntimeError):
        fail()
    assert site.all("SELECT 1 FROM evidence_steps WHERE kind = 'noted'") == []
    assert site.codes() == set(), "nor does the mark beside the keys speak of it"


def test_a_step_of_another_kind_needs_no_change_of_anything_else(site: Any) -> None:
    inspection = site.add()
    with site.database.write() as connection:
        body = {"by": {"key_id": "k", "name": Personal("Bo")}, "status": "graded"}
        assert append_step(connection, site.signer, inspection, "decided", body) == 1
    site.sql("UPDATE inspections SET status = 'graded'")
    told = site.evidence(inspection)
    payload = told.bundle["payload"]
    assert (told.findings, payload["status"]) == ((), "graded")
    assert payload["steps"][1]["body"]["by"]["name"] == "Bo"


def test_what_an_old_inspection_was_is_signed_before_it_is_erased(old_site: Any) -> None:
    inspection = old_site.all("SELECT id FROM inspections")[0].id
    with old_site.database.write() as connection:
        assert begin(connection, old_site.signer, inspection)
        assert "item.rma" in withhold(connection, inspection, but=["by.name"])
        append_step(connection, old_site.signer, inspection, "erased", {"by": "admin"})
    payload = old_site.evidence(inspection).bundle["payload"]
    assert (payload["item"], [step["kind"] for step in payload["steps"]]) == ({}, ["recorded_before", "erased"])
    assert payload["received"]["by"]["name"] == "bench 3"
    assert old_site.codes() == set()
