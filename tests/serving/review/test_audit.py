"""The audit trail: everything that is done at the desk, who did it and when."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner

from regrade.serving.base.errors import InvalidFieldsError
from regrade.serving.cli.main import build_app
from regrade.serving.review import Verdict
from regrade.serving.storage.records import new_id


def test_every_step_is_told_with_who_and_when(make_kit: Any) -> None:
    kit = make_kit(second=0.5)
    made, ann = kit.add(), kit.reviewer("Ann")
    kit.desk.release(kit.claim("Ann").task.id, ann)
    kit.time += timedelta(seconds=3)
    kit.decide("Ann", "used", action="clearance")
    kit.desk.undo(made.id, ann)
    entries = kit.desk.history(made.id)
    assert [entry.action for entry in entries] == ["claim", "release", "claim", "decide", "undo", "claim"]
    assert {(entry.key_id, entry.name, entry.inspection_id) for entry in entries} == {(ann.id, "Ann", made.id)}
    assert (entries[0].at, entries[3].at) == (kit.time - timedelta(seconds=3), kit.time)
    said = entries[3].detail
    assert (said["condition"], said["action"], said["source"]) == ("used", "clearance", "reviewer")
    assert (said["second_share"], said["second_drawn"]) == (0.5, kit.lottery.drawn(made.id, "second", 0.5))


def test_what_fails_leaves_no_line(kit: Any) -> None:
    made = kit.add()
    claimed = kit.claim("Ann")
    with pytest.raises(InvalidFieldsError):
        kit.desk.decide(made.id, claimed.token, kit.reviewer("Ann"), Verdict("damaged", action="relist"))
    assert [entry.action for entry in kit.desk.history(made.id)] == ["claim"]


def test_the_trail_of_an_inspection_is_read_over_http(service: Any, photo: bytes) -> None:
    dear = {"rma": "1", "category": "electronics", "declared_value": {"amount": 5000, "currency": "USD"}}
    made = service.post([photo], dear).json()
    ann = service.as_role("reviewer", "Ann")
    ann.post("/v1/reviews/claim")
    items = ann.get(f"/v1/inspections/{made['id']}/audit").json()["items"]
    assert [(item["action"], item["name"], item["detail"]["kind"]) for item in items] == [("claim", "Ann", "unsure")]
    assert service.as_role("station").get(f"/v1/inspections/{made['id']}/audit").status_code == 403
    assert service.client.get("/v1/inspections/nothing/audit").status_code == 404


def test_the_trail_is_shown_on_the_command_line(service: Any, photo: bytes) -> None:
    dear = {"rma": "1", "category": "electronics", "declared_value": {"amount": 5000, "currency": "USD"}}
    made = service.post([photo], dear).json()
    service.as_role("reviewer", "Ann").post("/v1/reviews/claim")
    folder = ["--data-dir", str(service.settings.data_dir)]
    shown = CliRunner().invoke(build_app(), ["audit", *folder])
    assert (shown.exit_code, "claim" in shown.output, "Ann" in shown.output) == (0, True, True)
    (line,) = CliRunner().invoke(build_app(), ["audit", "--json", *folder]).output.splitlines()
    assert (json.loads(line)["inspection_id"], json.loads(line)["action"]) == (made["id"], "claim")
    later = CliRunner().invoke(build_app(), ["audit", "--since", "2999-01-01", *folder])
    assert (later.exit_code, later.output) == (0, "")


def test_no_trail_is_shown_where_there_is_no_installation(tmp_path: Any) -> None:
    answer = CliRunner().invoke(build_app(), ["audit", "--data-dir", str(tmp_path)])
    assert answer.exit_code == 1
    assert "no installation" in str(answer.exception)
    assert list(tmp_path.iterdir()) == []


def test_ids_made_one_after_another_are_in_order_and_differ() -> None:
    made = [new_id() for _ in range(5000)]
    assert made == sorted(made)
    assert (len(set(made)), {UUID(one).version for one in made}) == (5000, {7})
